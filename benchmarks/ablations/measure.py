"""What a finished run is worth: the figures of ``python -m models evaluate`` on photos that it has not seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.conventions import PIXEL_SCALE
from models.data.mask_file import MaskFile
from models.evaluation.protocol import Fill, Instruments, evaluate, read_cases
from models.evaluation.report import summary
from models.generator import Generator
from models.photo.images import Pixels

LATTICE = "lattice"
"""The largest of the shares at periods 2, 4 and 8 over the photos': which period a lattice has is not the question here."""


def figures(
    generator: Generator, photos: Sequence[Path], masks: Sequence[Path] | MaskFile, size: int, instruments: Instruments
) -> dict[str, float]:
    """Means and ratios over the photos, by name.

    Args:
        generator: the moving average of a run.
        photos: files.
        masks: files, or none for seeded ones.
        size: of the centre crops: what the run was trained at.
        instruments: a perceptual distance, where its network was given.
    """
    measured = evaluate(read_cases(photos, masks, size, 0), {"fill": fill_of(generator)}, instruments=instruments)
    found = summary(measured.figures["fill"])
    return {**found, LATTICE: max(found[f"lattice_{period}_share_ratio"] for period in (2, 4, 8))}


def fill_of(generator: Generator) -> Fill:
    """A network in training as a method of an evaluation; not folded, because a row's may be another than its spec says."""

    def fill(photo: Pixels, hole: NDArray[np.bool_]) -> Pixels:
        real = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float() / PIXEL_SCALE - 1
        mask = torch.from_numpy(hole)[None, None].float()
        with torch.inference_mode():
            result = generator(real * (1 - mask), mask)
        levels = ((result.clamp(-1, 1) + 1) * PIXEL_SCALE).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()
        return np.where(hole[..., None], levels, photo)

    return fill
