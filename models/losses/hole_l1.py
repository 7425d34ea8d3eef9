"""L1 inside the hole."""

import torch
from torch import Tensor

SMALLEST_SHARE = 0.02
"""Holes under this share of the image count as this large: a speck must not outweigh every other sample."""


def hole_area(hole: Tensor) -> Tensor:
    """Pixels of each sample's hole, at least ``SMALLEST_SHARE`` of the image; (N,)."""
    return hole.sum((1, 2, 3)).clamp_min(SMALLEST_SHARE * hole[0].numel())


def hole_l1(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean of |fill - target| over the pixels of the hole and the colours (Liu et al., 2018, eq. 1), mean over samples.

    Args:
        fill: (N, 3, H, W) float.
        target: (N, 3, H, W) float in [-1, 1].
        hole: (N, 1, H, W) float, 1 inside the hole.

    Returns:
        Scalar; kept pixels do not enter.
    """
    return (torch.abs(fill - target) * hole).sum((1, 2, 3)).div(3 * hole_area(hole)).mean()
