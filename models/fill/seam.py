"""The seam: no step at the hole's border that the photo does not have."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels, Positions
from models.fill.membrane import SIXTEENTH, corrected, spread
from models.fill.parameters import Parameters
from models.fill.tone import rounded, touching

STRIP = 3
"""Height of the strips in which it is done, in blocks. Each sees 8 more: low strips do more twice, high ones take memory."""


def without_step(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    """Correct a fill at full resolution so that it meets the photo, fading inwards over a few pixels.

    Args:
        pixels: (H, W, 3) uint8, the photo with the fill in the hole; with a pixel of the photo around the hole where it has one.
        hole: (H, W) bool: what has been filled.
        known: (H, W) bool: the photo's. What is neither is not looked at.
        parameters: ``seam_levels`` and ``seam_limit`` are used.

    Returns:
        (H, W, 3) uint8, changed in the hole only.
    """
    result = pixels.copy()
    # What a pixel becomes depends on rows up to 2^(levels + 1) away, and on how they fall into blocks of 2^levels: strips that
    # begin at a multiple and see so much more to both sides give the same as the whole, in a fraction of its memory.
    block = 2**parameters.seam_levels
    for top in range(0, len(pixels), STRIP * block):
        bottom = top + STRIP * block
        seen = slice(max(0, top - 4 * block), bottom + 4 * block)
        met = _met(pixels[seen], hole[seen], known[seen], parameters)
        result[top:bottom] = met[top - seen.start :][: STRIP * block]
    return result


def _met(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    border = hole & touching(known)
    limit = SIXTEENTH * parameters.seam_limit
    difference = np.zeros(pixels.shape, np.int32)
    # Only what is fixed at the border is spread; there are a hundred times as many other places.
    at = np.nonzero(border)
    difference[at] = (_near(pixels, known, at) - _near(pixels, hole, at)).clip(-limit, limit)
    return corrected(pixels, hole, spread(difference, border, parameters.seam_levels))


def _near(pixels: Pixels, places: Bools, at: tuple[Positions, ...]) -> Integers:
    """Mean of the given places in the 3x3 square around each of some pixels, (n, 3), in 1/16 of a level."""
    rows, columns = at
    padded, counted = np.pad(pixels, ((1, 1), (1, 1), (0, 0))), np.pad(places, 1)
    total, count = np.zeros((len(rows), 3), np.int32), np.zeros((len(rows), 1), np.int32)
    for down, across in np.ndindex(3, 3):
        there = counted[rows + down, columns + across][:, None]
        total += padded[rows + down, columns + across] * there
        count += there
    return rounded(SIXTEENTH * total, count)
