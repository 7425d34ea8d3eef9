"""Growing a hole: binary dilation by a disk (Serra, 1982), in time and memory that a photo of 48 megapixels allows."""

import math

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

MOST_GROWTH = 250
"""Largest radius in pixels: distances along a row, and one more that means "farther", fit into a byte."""

_BAND = 64
"""Rows that are worked on at once: they stay in the processor's cache, and what is temporary is small."""


def grow(hole: Bools, radius: int) -> Bools:
    """Dilate a hole by the disk of the pixels at most ``radius`` away, measured between centres (Euclidean, exact).

    A disk is a stack of row segments: a pixel is reached where, in some row ``dy`` away, a hole is at most
    ``sqrt(radius^2 - dy^2)`` columns away. The distance along its row is found once for every pixel; then ``2 radius + 1``
    comparisons of bytes follow for every row that the hole can reach.

    Args:
        hole: (H, W) bool; not changed.
        radius: 0 to ``MOST_GROWTH`` pixels.

    Returns:
        (H, W) bool, a new array. Beside it, one byte a pixel is held.

    Raises:
        ValueError: the radius is out of range.
    """
    if not 0 <= radius <= MOST_GROWTH:
        raise ValueError(f"a hole grows by 0 to {MOST_GROWTH} pixels, not by {radius}")
    grown = hole.copy()
    rows = np.flatnonzero(hole.any(axis=1))
    if radius == 0 or not rows.size:
        return grown
    height = hole.shape[0]
    first, last = int(rows[0]), int(rows[-1]) + 1
    near = _row_distances(hole[first:last], radius)
    half_widths = [math.isqrt(radius * radius - dy * dy) for dy in range(radius + 1)]
    for top in range(max(0, first - radius), min(height, last + radius), _BAND):
        bottom = min(top + _BAND, height)
        reach = near[max(0, top - radius - first) : max(0, bottom + radius - first)]
        columns = np.flatnonzero((reach <= radius).any(axis=0))
        if not columns.size:
            continue
        across = slice(int(columns[0]), int(columns[-1]) + 1)
        for dy in range(-radius, radius + 1):
            # Rows of the band whose neighbour dy below is a row of ``near``.
            start, stop = max(top, first - dy), min(bottom, last - dy)
            if start < stop:
                grown[start:stop, across] |= near[start + dy - first : stop + dy - first, across] <= half_widths[abs(dy)]
    return grown


def _row_distances(hole: Bools, radius: int) -> NDArray[np.uint8]:
    """Columns from each pixel to the nearest hole pixel of its row; ``radius + 1`` where that is more than ``radius``."""
    height, width = hole.shape
    column = np.arange(width, dtype=np.int32)
    distances = np.empty((height, width), np.uint8)
    for top in range(0, height, _BAND):
        band = hole[top : top + _BAND]
        left = np.where(band, column, np.int32(-radius - 1))
        right = np.where(band, column, np.int32(width + radius))
        np.maximum.accumulate(left, axis=1, out=left)
        right = np.minimum.accumulate(right[:, ::-1], axis=1)[:, ::-1]
        distances[top : top + _BAND] = np.minimum(np.minimum(column - left, right - column), radius + 1)
    return distances
