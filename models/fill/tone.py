"""Tone: the network's fill meets the photo along the hole's border, and its middle follows."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels, Planes, Positions
from models.fill.membrane import SIXTEENTH, corrected, spread

REACH = 4
"""What is compared at the border are means over squares of 2 REACH + 1 pixels of the network."""

Places = tuple[Positions, ...]
"""Rows and columns of some places, as ``numpy.nonzero`` gives them."""


def with_tone_of_the_border(small: Pixels, hole: Bools, variance: int) -> Pixels:
    """Correct a fill's tone by a membrane that is fixed at the hole's border.

    At each pixel of the hole that touches known ones: the mean of the known pixels around it, minus the mean of the fill around
    it, as far as it is believed (``trusted``), smoothed along the border. These differences are spread over the hole and added.
    The smooth interpolation of a boundary difference is that of Poisson cloning (Perez et al., 2003, section 2).

    Args:
        small: (h, w, 3) uint8, the photo with the network's fill in the hole.
        hole: (h, w) bool, neither empty nor full.
        variance: see ``trusted``.

    Returns:
        (h, w, 3) uint8, changed in the hole only.
    """
    border = hole & touching(~hole)
    at = np.nonzero(border)
    planes = small.transpose(2, 0, 1)
    difference = np.zeros(planes.shape, np.int32)
    measured = mean_near(SIXTEENTH, planes, ~hole, at) - mean_near(SIXTEENTH, planes, hole, at)
    difference[:, at[0], at[1]] = trusted(measured, planes, ~hole, at, variance)
    difference[:, at[0], at[1]] = mean_near(1, difference, border, at)
    return corrected(small, hole, spread(difference, border, levels=max(hole.shape).bit_length()))


def trusted(difference: Integers, planes: Planes, known: Bools, at: Places, variance: int) -> Integers:
    """Shrink what differences at a hole's border have in common in all colours.

    Between squares on both sides of the border lies also what the photo shows: a shore, a roof's edge. The more brightness varies
    in the known part, the more of a difference is content, which the network has seen and answered already, and the less is an
    error of tone. What remains is the share ``variance / (variance + measured variance)``, Wiener's for a signal of that variance
    in noise of the measured one. Differences of colour stay: on photos they are errors of tone everywhere (docs/fill.md).

    Args:
        difference: (3, n), of red, green and blue.
        planes: (3, h, w) uint8, the picture.
        known: (h, w) bool: what of it is the photo's.
        at: the n places; each has a known pixel no more than ``REACH`` away.
        variance: where known pixels in the square of 2 REACH + 1 have this variance, in squared levels, half is left; at least 1.

    Returns:
        (3, n) int32; what is taken off is rounded half up.
    """
    brightness = planes.sum(axis=0, dtype=np.int32) // 3
    # Running sums of squares overflow over large pictures. Their differences are those of whole numbers all the same: numpy's
    # integers count modulo 2^32, and the sum over one square is less.
    seen = np.stack([np.ones_like(brightness), brightness, np.square(brightness)])
    count, total, squares = sums_near(seen, known, at, REACH).astype(np.int64)
    spread = count * squares - total**2  # the variance times count^2
    whole = 3 * (variance * count**2 + spread)
    common = difference.sum(axis=0, dtype=np.int64)
    return (difference - (2 * common * spread + whole) // (2 * whole)).astype(np.int32)


def with_tone_of_what_it_touches(small: Pixels, hole: Bools, at: Places) -> Pixels:
    """Bring a thin hole's fill half way to the tone of the known pixels that touch it.

    At each pixel: the mean of the known pixels near it that touch the hole, minus the mean of the fill near it. What lies side by
    side shows the same, so that the difference is one of tone; half of it, because means of so few pixels differ by chance, too.

    Args:
        small: (h, w, 3) uint8, the photo with the network's fill in the hole.
        hole: (h, w) bool.
        at: what is corrected, places in the hole that have a known pixel no more than ``REACH`` away.

    Returns:
        (h, w, 3) uint8, changed at these places only.
    """
    planes = small.transpose(2, 0, 1)
    edge, places = touching(hole) & ~hole, np.zeros_like(hole)
    difference = np.zeros(planes.shape, np.int32)
    difference[:, at[0], at[1]] = (mean_near(SIXTEENTH, planes, edge, at) - mean_near(SIXTEENTH, planes, hole, at)) // 2
    places[at] = True
    return corrected(small, places, difference)


def touching(places: Bools) -> Bools:
    """Places that are, or are one of the eight neighbours of, a given place."""
    rows = places.copy()
    rows[1:] |= places[:-1]
    rows[:-1] |= places[1:]
    result = rows.copy()
    result[:, 1:] |= rows[:, :-1]
    result[:, :-1] |= rows[:, 1:]
    return result


def mean_near(scale: int, values: Planes, places: Bools, at: Places, reach: int = REACH) -> Integers:
    """``scale`` times the mean of the values at the given places in the square around each of some positions.

    Args:
        scale: what the sums are multiplied with before the division.
        values: (C, h, w), whole numbers.
        places: (h, w) bool: which of them count.
        at: the positions, n of them.
        reach: the square has 2 reach + 1 rows and columns and is cut off at the border.

    Returns:
        (C, n) int32, rounded half up; 0 where nothing was counted.
    """
    count = sums_near(np.ones((1, *places.shape), np.uint8), places, at, reach)
    return rounded(scale * sums_near(values, places, at, reach), count)


def sums_near(values: Planes, places: Bools, at: Places, reach: int) -> Integers:
    """As ``mean_near``, the sums alone: (C, n) int32."""
    if not len(at[0]):
        return np.zeros((len(values), 0), np.int32)
    # Only what the squares reach is looked at: holes are mostly smaller than the window.
    low = [max(0, int(axis.min()) - reach) for axis in at]
    high = [min(side, int(axis.max()) + reach + 1) for axis, side in zip(at, places.shape, strict=True)]
    seen = np.s_[low[0] : high[0], low[1] : high[1]]
    table = np.zeros((len(values), high[0] - low[0] + 1, high[1] - low[1] + 1), np.int32)
    inner = table[:, 1:, 1:]
    np.copyto(inner, values[:, *seen], where=places[seen])
    inner.cumsum(axis=1, out=inner).cumsum(axis=2, out=inner)
    top, left = ((axis - reach).clip(start) - start for axis, start in zip(at, low, strict=True))
    bottom, right = ((axis + reach + 1).clip(max=end) - start for axis, start, end in zip(at, low, high, strict=True))
    return table[:, bottom, right] - table[:, top, right] - table[:, bottom, left] + table[:, top, left]


def rounded(total: Integers, count: Integers) -> Integers:
    """total / count, rounded half up; 0 where nothing was counted."""
    return np.where(count > 0, (2 * total + count) // (2 * count.clip(1)), 0).astype(np.int32)
