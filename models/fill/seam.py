"""The seam: no step at the hole's border that the photo does not have."""

import numpy as np

from models.fill.arrays import Bools, Pixels
from models.fill.membrane import SIXTEENTH, corrected, spread
from models.fill.parameters import Parameters
from models.fill.tone import mean_near, touching, trusted

STRIP = 2**18
"""Pixels of the strips in which it is done, at least three blocks high. Each sees 8 blocks more: low strips do more twice, high
ones take memory."""


def without_step(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    """Correct a fill at full resolution so that it meets the photo, fading inwards over a few pixels.

    Args:
        pixels: (H, W, 3) uint8, the photo with the fill in the hole; with a pixel of the photo around the hole where it has one.
        hole: (H, W) bool: what has been filled.
        known: (H, W) bool: the photo's. What is neither is not looked at.
        parameters: those of the seam are used.

    Returns:
        (H, W, 3) uint8, changed in the hole only.
    """
    result = pixels.copy()
    # What a pixel becomes depends on rows up to 2^(levels + 1) away, and on how they fall into blocks of 2^levels: strips that
    # begin at a multiple and see so much more to both sides give the same as the whole, in a fraction of its memory.
    block = 2**parameters.seam_levels
    height = block * max(3, STRIP // (pixels.shape[1] * block))
    for top in range(0, len(pixels), height):
        bottom = top + height
        seen = slice(max(0, top - 4 * block), bottom + 4 * block)
        met = _met(pixels[seen], hole[seen], known[seen], parameters)
        result[top:bottom] = met[top - seen.start :][:height]
    return result


def _met(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    border = hole & touching(known)
    limit = SIXTEENTH * parameters.seam_limit
    planes = pixels.transpose(2, 0, 1)
    # Small numbers are spread in half the time.
    difference = np.zeros(planes.shape, np.int16 if limit < 2048 else np.int32)
    at = np.nonzero(border)
    step = mean_near(SIXTEENTH, planes, known, at, reach=1) - mean_near(SIXTEENTH, planes, hole, at, reach=1)
    step = trusted(step, planes, known, at, parameters.seam_variance)
    difference[:, at[0], at[1]] = step.clip(-limit, limit)
    return corrected(pixels, hole, spread(difference, border, parameters.seam_levels))
