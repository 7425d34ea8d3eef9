"""Distance of means over blocks of pixels: where a fill must agree with its photo, and where it need not."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.losses.hole_l1 import hole_area

BLOCK = 4
"""Side of a block: that of the generator's cells, whose mean is the coarsest band of its Haar packet."""


def coarse_l1(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """L1 of the means over blocks of ``BLOCK`` x ``BLOCK`` pixels, of the hole only; mean over samples.

    What is finer than a block costs nothing: texture that is right in kind but not in place is free here, whereas any
    distance of pixels is least without it. Tone and shape remain tied to the photo (the low-frequency term of Ledig et al.,
    *SRGAN*, 2017, section 2.2, is replaced for the same reason). Arguments and result as for ``hole_l1``.
    """
    return torch.abs(_means(fill, target, hole)).sum((1, 2, 3)).mul(BLOCK**2).div(3 * hole_area(hole)).mean()


def coarse_l2(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Squared error of the means over blocks; all else as for ``coarse_l1``."""
    return _means(fill, target, hole).square().sum((1, 2, 3)).mul(BLOCK**2).div(3 * hole_area(hole)).mean()


def _means(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """(N, 3, H / BLOCK, W / BLOCK): difference, cleared outside the hole, averaged over blocks."""
    return F.avg_pool2d((fill - target) * hole, BLOCK)


def scale_coarse_gradient(picture: Tensor, share: float) -> Tensor:
    """The picture itself, whose means over blocks pass on only ``share`` of their gradient.

    A judge of it then shapes what is finer than a block, and leaves tone to the distances above.

    Args:
        picture: (N, 3, H, W) float, H and W multiples of ``BLOCK``.
        share: 0 (none) to 1 (all).
    """
    if share == 1:
        return picture
    means = F.interpolate(F.avg_pool2d(picture, BLOCK), scale_factor=float(BLOCK), mode="nearest")
    held = (1 - share) * means
    return picture - held + held.detach()
