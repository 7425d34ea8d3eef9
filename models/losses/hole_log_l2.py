"""Logarithm of the squared error inside the hole: PSNR as a loss."""

from torch import Tensor

from models.losses.hole_l1 import hole_area

FLOOR = 1e-3
"""Squared errors far under this one (36 dB, the range being -1 to 1) weigh as in ``hole_l2``, by their size: a hole in a plain
sky that is right already must not weigh without bound."""


def hole_log_l2(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """ln(1 + mse / FLOOR), mse the mean of (fill - target)^2 over the hole and the colours; mean over samples.

    A decibel costs the same in every photograph. The squared error weighs a photograph of leaves hundreds of times as much as
    one of a calm wall, and lets an adversarial game draw blotches on the wall, where the eye sees them at once, for what it may
    not draw among the leaves. PSNR, a mean of logarithms, and masking in human vision both weigh the error against what the
    photograph itself holds. Arguments and result as for ``hole_l1``.
    """
    return ((fill - target).square() * hole).sum((1, 2, 3)).div(3 * FLOOR * hole_area(hole)).log1p().mean()
