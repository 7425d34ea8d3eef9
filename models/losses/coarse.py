"""Distance of moving means: where a fill must agree with its photo, and where it need not."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.losses.hole_l1 import hole_area

WINDOW = 4
"""Side of the window whose mean is taken twice, in pixels: that of the generator's cells."""

TRIANGLE = tuple((WINDOW - abs(offset)) / WINDOW**2 for offset in range(1 - WINDOW, WINDOW))
"""Weights of the moving mean of a moving mean, in one direction."""


def coarse_l1(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """L1 of the difference's moving means, of the hole only; mean over samples.

    What is finer than the window costs nothing: texture that is right in kind but not in place is free here, whereas any
    distance of pixels is least without it. Tone and shape remain tied to the photo (the low-frequency term of Ledig et al.,
    *SRGAN*, 2017, section 2.2, is replaced for the same reason). Arguments and result as for ``hole_l1``.
    """
    return torch.abs(_means(fill, target, hole)).sum((1, 2, 3)).div(3 * hole_area(hole)).mean()


def coarse_l2(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Squared moving means of the difference; all else as for ``coarse_l1``."""
    return _means(fill, target, hole).square().sum((1, 2, 3)).div(3 * hole_area(hole)).mean()


def _means(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """(N, 3, H, W): difference, cleared outside the hole, smoothed."""
    return smooth(F.pad((fill - target) * hole, (WINDOW - 1,) * 4))


def smooth(padded: Tensor) -> Tensor:
    """Mean over a window around every pixel, taken twice: a triangle of weights, zero at periods of 2 and 4 pixels.

    Not means over a grid of blocks: a judge that may change everything except those draws the grid.

    Args:
        padded: (N, C, H + 2 (WINDOW - 1), W + 2 (WINDOW - 1)) float.

    Returns:
        (N, C, H, W).
    """
    if padded.is_cuda:
        return pooled(padded)
    channels = padded.shape[1]
    weights = torch.tensor(TRIANGLE, dtype=padded.dtype, device=padded.device)
    with torch.autocast(padded.device.type, enabled=False):
        rows = F.conv2d(padded, weights.view(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)
        return F.conv2d(rows, weights.view(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)


def pooled(padded: Tensor) -> Tensor:
    """The same as :func:`smooth` by two mean pools: on a GPU, where grouped convolutions are slow, the faster form."""
    with torch.autocast(padded.device.type, enabled=False):
        return F.avg_pool2d(F.avg_pool2d(padded, WINDOW, 1), WINDOW, 1)


def moving_means(image: Tensor) -> Tensor:
    """:func:`smooth` of a whole image, (N, C, H, W) float, continued past its border by the pixels there."""
    return smooth(F.pad(image, (WINDOW - 1,) * 4, mode="replicate"))


def scale_coarse_gradient(image: Tensor, share: float) -> Tensor:
    """The image itself, whose moving means pass on only ``share`` of their gradient.

    A judge of it then shapes what is finer than the window, and leaves tone to the distances above.

    Args:
        image: (N, 3, H, W) float.
        share: 0 (none) to 1 (all).
    """
    if share == 1:
        return image
    held = (1 - share) * moving_means(image)
    return image - held + held.detach()
