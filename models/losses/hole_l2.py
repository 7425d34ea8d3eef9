"""Squared error inside the hole."""

from torch import Tensor

from models.losses.hole_l1 import hole_area


def hole_l2(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean of (fill - target)^2 over the pixels of the hole and the colours, mean over samples.

    L1 draws the fill to the median of what could stand there, the squared error to the mean; a little of it takes the edge
    off gross errors, which is what PSNR weighs. Arguments and result as for ``hole_l1``.
    """
    return ((fill - target).square() * hole).sum((1, 2, 3)).div(3 * hole_area(hole)).mean()
