"""Tone: the network's fill meets the photo along the hole's border, and its middle follows."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels
from models.fill.membrane import SIXTEENTH, corrected, spread

REACH = 4
"""What is compared at the border are means over squares of 2 REACH + 1 pixels of the network."""


def with_tone_of_the_border(small: Pixels, hole: Bools) -> Pixels:
    """Correct a fill's tone by a membrane that is fixed at the hole's border.

    At each pixel of the hole that touches known ones: the mean of the known pixels around it, minus the mean of the fill around
    it, smoothed along the border. These differences are spread over the hole and added. The smooth interpolation of a boundary
    difference is that of Poisson cloning (Perez et al., 2003, section 2).

    Args:
        small: (h, w, 3) uint8, the photo with the network's fill in the hole.
        hole: (h, w) bool, neither empty nor full.

    Returns:
        (h, w, 3) uint8, changed in the hole only.
    """
    border = hole & touching(~hole)
    outside, outside_count = box_sums(small, ~hole), box_counts(~hole)
    inside, inside_count = box_sums(small, hole), box_counts(hole)
    difference = rounded(SIXTEENTH * outside, outside_count) - rounded(SIXTEENTH * inside, inside_count)
    difference = rounded(box_sums(difference, border), box_counts(border))
    return corrected(small, hole, spread(difference, border, levels=max(hole.shape).bit_length()))


def touching(places: Bools) -> Bools:
    """Places that are, or are one of the eight neighbours of, a given place."""
    return box_counts(places, 1)[:, :, 0] > 0


def rounded(total: Integers, count: Integers) -> Integers:
    """total / count, rounded half up; 0 where nothing was counted."""
    return np.where(count > 0, (2 * total + count) // (2 * count.clip(1)), 0).astype(np.int32)


def box_counts(places: Bools, reach: int = REACH) -> Integers:
    """(h, w, 1) int32: how many places there are in the square around each, cut off at the border."""
    return box_sums(np.ones((*places.shape, 1), np.uint8), places, reach)


def box_sums(values: Pixels | Integers, places: Bools, reach: int = REACH) -> Integers:
    """Sum of the values at the given places in the square of 2 reach + 1 around each, cut off at the border.

    Args:
        values: (h, w, c), whole numbers.
        places: (h, w) bool: which of them count.
        reach: of the square.

    Returns:
        (h, w, c) int32.
    """
    height, width = places.shape
    table = np.zeros((height + 1, width + 1, values.shape[2]), np.int32)
    table[1:, 1:] = (values * places[:, :, None]).cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    rows, columns = np.arange(height), np.arange(width)
    low, high = (rows - reach).clip(0), (rows + reach + 1).clip(max=height)
    strips = table[high] - table[low]
    low, high = (columns - reach).clip(0), (columns + reach + 1).clip(max=width)
    return strips[:, high] - strips[:, low]
