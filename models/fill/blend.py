"""The photo's detail, copied patch by patch onto the fill."""

import functools
from collections.abc import Iterable

import numpy as np

from models.fill.arrays import Integers, Pixels, Positions
from models.fill.holes import Box

ONE = 256
"""Weights of the window are in 1/256."""


def detail(photo: Pixels, low: Pixels, box: Box, wanted: Positions, sources: Positions, side: int) -> Integers:
    """Overlapping patches of ``photo - low`` from known places, added up in the hole.

    Each patch is weighed by a window that falls to 0 at its border. The sum is divided by the root of the sum of the squared
    weights, not by the sum of the weights: patches from different places are uncorrelated, and so the detail keeps its variance
    where they overlap (Heitz and Neyret, 2018, eq. 2). Patches with the same offset are one piece of the photo: their weights are
    added up before they are squared, or the overlaps of a continued texture would stand out by up to twice its contrast.

    Args:
        photo: (H, W, 3) uint8.
        low: (H, W, 3) uint8, the photo without its detail, at the sources at least.
        box: the hole's bounding box; all that is computed.
        wanted: (Q, 2) corners in pixels of the patches to fill.
        sources: (Q, 2) corners of the patches to copy, wholly inside the photo.
        side: of a patch in pixels, even.

    Returns:
        (box height, box width, 3) int32 in levels.
    """
    total = np.zeros((box.height, 3 * box.width), np.int32)
    squares = np.zeros((box.height, box.width), np.int32)
    together = np.zeros_like(squares)
    weights = window(side)
    wide = np.repeat(weights, 3, axis=1)  # rows of pixels: NumPy takes long over an axis of three
    for patches in _by_offset(wanted, sources, side, box):
        for (rows, columns), inside, _ in patches:
            together[rows, columns] += weights[inside]
        for (rows, columns), inside, (down, right) in patches:
            part = np.s_[rows, 3 * columns.start : 3 * columns.stop]
            copied = np.s_[
                box.top + rows.start + down : box.top + rows.stop + down,
                box.left + columns.start + right : box.left + columns.stop + right,
            ]
            values = np.subtract(photo[copied], low[copied], dtype=np.int32).reshape(rows.stop - rows.start, -1)
            values *= wide[inside[0], 3 * inside[1].start : 3 * inside[1].stop]
            total[part] += values
            squares[rows, columns] += weights[inside] * together[rows, columns]
        for (rows, columns), _, _ in patches:
            together[rows, columns] = 0
    # Roots and quotients of float64 are rounded correctly everywhere, so their whole parts are the same everywhere.
    root = np.floor(np.sqrt(squares.astype(np.float64)))
    root = np.repeat(root, 3, axis=1)
    share = np.divide(2 * total + root, 2 * root, out=np.zeros_like(root), where=root > 0)
    return np.floor(share).astype(np.int32).reshape(box.height, box.width, 3)


_Part = tuple[tuple[slice, slice], tuple[slice, slice], tuple[int, int]]


def _by_offset(wanted: Positions, sources: Positions, side: int, box: Box) -> Iterable[list[_Part]]:
    """Patches with something in the box, those with the same offset together.

    Yields:
        For each patch: its rows and columns in the box, the same in the patch, and its offset.
    """
    low = np.maximum(wanted, (box.top, box.left))
    high = np.minimum(wanted + side, (box.bottom, box.right))
    kept = (low < high).all(axis=1)
    corners, lows, highs = wanted[kept].tolist(), low[kept].tolist(), high[kept].tolist()
    groups: dict[tuple[int, int], list[_Part]] = {}
    for (row, column), (top, left), (bottom, right), (down, across) in zip(
        corners, lows, highs, (sources - wanted)[kept].tolist(), strict=True
    ):
        place = slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left)
        inside = slice(top - row, bottom - row), slice(left - column, right - column)
        groups.setdefault((down, across), []).append((place, inside, (down, across)))
    return groups.values()


@functools.lru_cache(maxsize=8)
def window(side: int) -> Integers:
    """(side, side) int32 in 1/256: 3 t^2 - 2 t^3 up to the middle and down again, in both directions.

    The shape of sin^2, which the overlapping windows of signal processing have, without a sine to round.
    """
    n = np.arange(1, side + 1, 2, dtype=object)[: side // 2]
    rising = [(2 * ONE * (3 * k * k * side - 2 * k**3) + side**3) // (2 * side**3) for k in n]
    line = np.array([*rising, *reversed(rising)], np.int32)
    return (np.multiply.outer(line, line) + ONE // 2) // ONE
