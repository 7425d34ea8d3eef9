"""Low-resolution diffusion, then the student's network: what a teacher completed at its own size decides the fill's low band.

A teacher of 64x64 pixels knows what belongs into a hole, but not its details; the student's network works at four times the
size. It is asked as ever, conditioned on the known pixels, and keeps what it draws between the teacher's pixels; their means
become the teacher's by iterated back projection (Irani and Peleg, *Improving Resolution by Image Registration*, 1991, section 3).
The fill of a photo (``models/fill``) then goes on as with any network: tone along the border, detail from the photo.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.conventions import MASK_THRESHOLD, PIXEL_MAX
from models.fill.arrays import Bools, Pixels
from models.fill.resample import known_means
from models.fill.windows import Run

MOST_PROJECTIONS = 20
"""Back projections at most; after three or four of them the means of a photograph's fill are half a level from those wanted."""

CLOSE = 0.25
"""In levels: means that are so near are equal, which rounding to bytes would not better."""


def upscaling_run(network: Run, complete: Callable[[Pixels, Bools], Pixels], size: int, small: int) -> Run:
    """A teacher and a network of the student's family as one network of the latter's size.

    Args:
        network: of ``size``.
        complete: the teacher: (1, small, small, 3) uint8 and (1, small, small) bool, True where to fill -> filled ones.
        size: of the network.
        small: of the teacher.

    Raises:
        ValueError: the network's size is no multiple of the teacher's, or no larger.
    """
    if size % small or size == small:
        raise ValueError(f"--upscale: the network's {size} pixels are no multiple of the denoiser's {small} (2 to {size // 2})")
    factor = size // small

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        hole = mask >= MASK_THRESHOLD
        answer = np.where(hole[..., None], network(image=image, mask=mask), image)
        given, unknown = known_means(image, hole, factor)
        if not unknown.any():  # thinner than half a pixel of the teacher: there is nothing that it could complete
            return answer
        return with_low_band(answer, hole, complete(given[None], unknown[None])[0], unknown)

    return run


def with_low_band(image: Pixels, hole: Bools, low: Pixels, decided: Bools) -> Pixels:
    """An image whose means over some blocks are given, changed smoothly and in the hole only.

    Args:
        image: (H, W, 3) uint8, filled.
        hole: (H, W) bool.
        low: (h, w, 3) uint8, the means; H / h and W / w are the sides of a block.
        decided: (h, w) bool: the blocks whose means are to be these; others are left as they come.

    Returns:
        (H, W, 3) uint8, equal to ``image`` outside the hole. Where the rest of a block is known or values would leave 0 to 255,
        means are as near as ``MOST_PROJECTIONS`` bring them.
    """
    factor = len(image) // len(low)
    pixels, inside, blocks = _planes(image), torch.from_numpy(hole), torch.from_numpy(decided)
    wanted = _planes(low)
    for _ in range(MOST_PROJECTIONS):
        gap = (wanted - F.avg_pool2d(pixels, factor)) * blocks
        if float(gap.abs().max()) < CLOSE:
            break
        step = F.interpolate(gap, scale_factor=float(factor), mode="bicubic", align_corners=False)
        pixels = torch.where(inside, (pixels + step).clamp(0, PIXEL_MAX), pixels)
    filled = pixels[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
    return np.where(hole[..., None], filled, image)


def _planes(image: Pixels) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float64."""
    return torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[None]
