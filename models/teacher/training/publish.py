"""What a run leaves for use: the averaged network in a file that ``--denoiser`` takes, and sheets of its fills."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import write_atomically
from models.data.masks import sample_mask
from models.data.photo_source import Photos
from models.evaluation.sheet import masked, sheet
from models.photo.images import Pixels
from models.system.quiet import without_standard_error
from models.system.temporary import temporary_folder
from models.teacher.denoiser import PredictionDenoiser
from models.teacher.few_step_file import FewStepDenoiser, save_few_step
from models.teacher.restore import complete
from models.teacher.settings import SamplerSettings
from models.teacher.training.config import TeacherConfig
from models.teacher.training.ddpm import build_scheduler
from models.teacher.training.kinds import KINDS
from models.teacher.training.state import TeacherState

SAMPLES, SAMPLE_STEPS = 6, 50
"""Images of a sheet, always the same crops and holes; and steps of the denoiser for it, fewer than for a good fill."""


def published(folder: Path, config: TeacherConfig) -> Path:
    """What the run writes for use: a diffusers folder, or one file."""
    return folder / ("denoiser" if config.kind == "ddpm" else "generator.safetensors")


def publish(state: TeacherState, config: TeacherConfig, folder: Path, provenance: Mapping[str, str]) -> None:
    """Write the averaged network: for a denoiser a diffusers folder, file by file, so that each is old or new but whole.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    header = {**provenance, "step": str(state.step)}
    out = published(folder, config)
    if config.kind != "ddpm":
        save_few_step(out, state.ema, config, header)
        return
    scheduler = build_scheduler(config)
    with temporary_folder(out) as temporary, without_standard_error():
        # diffusers' own writer decides what belongs into such a folder.
        state.ema.save_pretrained(temporary / "unet")  # type: ignore[operator]  # a diffusers model
        scheduler.save_pretrained(temporary / "scheduler")
        for file in sorted(temporary.rglob("*.*")):
            write_atomically(out / file.relative_to(temporary), file.read_bytes())
    write_atomically(out / "provenance.json", f"{json.dumps(header, indent=1, sort_keys=True)}\n".encode())


def sample_page(state: TeacherState, photos: Photos, config: TeacherConfig) -> Pixels:
    """Photo, hole and fill of a few fixed crops; (H, W, 3) uint8."""
    kind = KINDS[config.kind]
    rngs = [np.random.default_rng((config.seed, 2, index)) for index in range(SAMPLES)]
    crops = np.stack(photos.crops(config.size, rngs))
    holes = np.stack([sample_mask(config.size, rng)[1] for rng in rngs])
    device = next(state.ema.parameters()).device
    schedule = kind.schedule(config.noise_steps)
    if config.kind == "ddpm":

        def predict(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = state.ema(x, step).sample
            return answer

        steps = min(SAMPLE_STEPS, config.noise_steps)
        denoiser = PredictionDenoiser(predict, schedule, config.prediction, 1.0)
        settings = SamplerSettings("repaint", steps, {"travel_length": 1, "travel_repeat": 2})
        fills = complete(denoiser, schedule.respaced(steps), settings, crops, holes, range(SAMPLES), device=str(device))
    else:
        few = FewStepDenoiser(state.ema, schedule, config.latent)
        settings = SamplerSettings(config.kind, config.noise_steps)
        fills = complete(few, schedule, settings, crops, holes, range(SAMPLES), device=str(device))
    rows = zip(crops, holes, fills, strict=True)
    return sheet([{"photo": photo, "hole": masked(photo, hole), f"step {state.step}": fill} for photo, hole, fill in rows])
