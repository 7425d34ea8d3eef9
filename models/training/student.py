"""The student's recipe: photos with holes, a generator and its discriminators, a checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import save_checkpoint
from models.conventions import PIXEL_SCALE
from models.data.pairs import PairShards
from models.data.photo_source import Photos
from models.discriminators_file import file_name, save_discriminators
from models.evaluation.sheet import masked, sheet
from models.generator import Generator
from models.photo.images import Pixels
from models.training.batches import batches, make_batch
from models.training.config import TrainConfig
from models.training.engine import Engine
from models.training.state import TrainState
from models.training.step import Batch, Forward, Perceptual, in_float, train_step

SAMPLES = 6
"""Images of a sample sheet; always the same ones, so that a run can be watched."""


@dataclass(frozen=True)
class Student:
    """A run of ``models train``.

    Attributes:
        state: of the run.
        photos: where crops come from.
        config: of the run.
        folder: of the run.
        engine: this process's place.
        provenance: entries of the checkpoint's header.
        perceptual: distance of the perceptual loss, where the configuration has one.
        pairs: a teacher's completions to mix in.
        workers: processes that make the batches, as for ``batches``.
        teacher: a frozen generator whose fills are learned from, where the configuration distils.
        forward: how the network is run.
    """

    state: TrainState
    photos: Photos
    config: TrainConfig
    folder: Path
    engine: Engine
    provenance: dict[str, str]
    perceptual: Perceptual | None = None
    pairs: PairShards | None = None
    workers: int = 0
    teacher: Generator | None = None
    forward: Forward = in_float

    @property
    def product(self) -> Path:
        """As for ``Recipe``; so are the others."""
        return self.folder / "checkpoint.safetensors"

    @property
    def title(self) -> str:
        """The network's name."""
        return self.config.spec

    def batches(self, first: int) -> Iterator[Batch]:
        """Crops and holes."""
        return batches(self.photos, self.config, first, self.engine.share, self.pairs, self.workers)

    def images(self, step: int) -> int:
        """The stage's batch."""
        return self.config.stage(step)[1]

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of simultaneous descent."""
        return train_step(self.state, batch, self.config, self.engine, self.perceptual, self.teacher, self.forward)

    def page(self) -> Pixels:
        """Photo, hole and fill."""
        return sample_sheet(self.state, self.photos, self.config, self.forward)

    def publish(self) -> None:
        """A checkpoint, and the discriminators that it played against."""
        entries = {**self.provenance, "step": str(self.state.step)}
        if self.state.discriminators:
            path = self.folder / file_name(self.config.spec)
            save_discriminators(path, self.state.discriminators, self.state.generator.spec, entries)
        save_checkpoint(self.product, self.state.shipped, entries)


def sample_sheet(state: TrainState, photos: Photos, config: TrainConfig, forward: Forward = in_float) -> Pixels:
    """Photo, hole and fill by the EMA, of the first crops of step 0 at the size of the last stage; (H, W, 3) uint8."""
    last = config.stages[-1][1]
    still = type(config)(spec=config.spec, stages=((0, last, SAMPLES),), seed=config.seed)
    batch = make_batch(photos, still, 0)
    device = next(state.ema.parameters()).device
    real = batch.photos.to(device).float() / PIXEL_SCALE - 1
    hole = batch.holes.to(device).float()
    with torch.no_grad():
        fill = forward(state.shipped, real * (1 - hole), hole)
    composite = ((real + (fill - real) * hole).clamp(-1, 1) + 1) * PIXEL_SCALE
    fills = composite.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    rows = []
    for photo, hole_one, result in zip(batch.photos.permute(0, 2, 3, 1).numpy(), batch.holes[:, 0].numpy(), fills, strict=True):
        photo = np.ascontiguousarray(photo)
        rows.append({"photo": photo, "hole": masked(photo, hole_one), f"step {state.step}": result})
    return sheet(rows)
