"""How far fills are from the true photo and from the float fill, in the hole."""

from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor

from models.conventions import PIXEL_MAX, PIXEL_SCALE
from models.evaluation.metrics.pixels import decibels, psnr
from quantize.samples import Sample

Errors = tuple[float, float]
"""Mean squared error in the hole to the true photo and to the float fill, in levels squared."""


def levels(fill: Tensor) -> Tensor:
    """A fill in [-1, 1] as levels 0..255, clamped and *not* rounded: the effect of one tensor is often less than one level."""
    return ((fill + 1) * PIXEL_SCALE).clamp(0, PIXEL_MAX)


def errors(fill: Tensor, exact: Tensor, sample: Sample) -> Errors:
    """Errors of one fill.

    Args:
        fill: (1, 3, H, W) as from the generator.
        exact: the same from the float network.
        sample: photo and hole.
    """
    hole = torch.from_numpy(sample.hole)
    photo = torch.from_numpy(sample.photo).permute(2, 0, 1).float()
    got, wanted = levels(fill[0])[:, hole], levels(exact[0])[:, hole]
    to_photo, to_float = ((got - other).double().square().mean().item() for other in (photo[:, hole], wanted))
    return to_photo, to_float


def photo_psnr_db(rows: Sequence[Errors]) -> float:
    """Hole PSNR to the true photo, mean over the photos (as the evaluation has it)."""
    return fmean(psnr(to_photo) for to_photo, _ in rows)


def float_psnr_db(rows: Sequence[Errors]) -> float | None:
    """Hole PSNR to the float fill, of the squared error's mean over the photos; None where no photo differs."""
    return decibels(sum(to_float for _, to_float in rows) / len(rows))
