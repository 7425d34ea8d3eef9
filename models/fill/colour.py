"""Colour: the network's fill keeps a part of what sets its colours off from those around the hole."""

import numpy as np

from models.fill.arrays import Bools, Pixels
from models.fill.bands import QUARTERS
from models.fill.membrane import SIXTEENTH, corrected, spread
from models.fill.tone import mean_near


def with_less_colour_of_its_own(small: Pixels, hole: Bools, kept: int) -> Pixels:
    """Bring a fill's colours nearer to a smooth interpolation of the photo's.

    The network guesses brightness well and colour badly: of how far its colours are from the interpolated ones, about half is
    right (docs/fill.md). Brightness, and whatever is smaller than a square of 2 REACH + 1 pixels, stays.

    Args:
        small: (h, w, 3) uint8, the photo with the fill in the hole.
        hole: (h, w) bool, neither empty nor full.
        kept: quarters of the difference that stay, 0 to 4.

    Returns:
        (h, w, 3) uint8, changed in the hole only.
    """
    if kept == QUARTERS:
        return small
    at = np.nonzero(hole)
    planes = small.transpose(2, 0, 1)
    smooth = spread(planes.astype(np.int32) * SIXTEENTH, ~hole, levels=max(hole.shape).bit_length())
    own = np.subtract(mean_near(SIXTEENTH, planes, hole, at), smooth[:, at[0], at[1]])
    colour = own - (2 * own.sum(axis=0) + 3) // 6
    correction = np.zeros_like(smooth)
    correction[:, at[0], at[1]] = (2 * (kept - QUARTERS) * colour + QUARTERS) // (2 * QUARTERS)
    return corrected(small, hole, correction)
