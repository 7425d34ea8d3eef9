"""The photo's detail, copied patch by patch onto the low band of the fill."""

import functools
from collections.abc import Iterator, Sequence

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
        low: (H, W, 3) uint8, its low band, at the sources at least.
        box: the hole's bounding box; all that is computed.
        wanted: (Q, 2) corners in pixels of the patches to fill.
        sources: (Q, 2) corners of the patches to copy, wholly inside the photo.
        side: of a patch in pixels, even.

    Returns:
        (box height, box width, 3) int32 in levels.
    """
    total = np.zeros((box.height, box.width, 3), np.int32)
    squares = np.zeros((box.height, box.width, 1), np.int32)
    weights = window(side)[:, :, None]
    for corner, source in zip(wanted.tolist(), sources.tolist(), strict=True):
        patch = square(corner, side)
        part = patch.intersection(box)
        if part is None:
            continue
        weight = weights[part.within(patch).slices]
        copied = part.moved(source[0] - corner[0], source[1] - corner[1]).slices
        values = photo[copied].astype(np.int32)
        values -= low[copied]
        values *= weight
        total[part.within(box).slices] += values
        squares[part.within(box).slices] += weight * weight
    for one, other in _same_offset(wanted, sources, side):
        overlap = one.intersection(other)
        part = overlap and overlap.intersection(box)
        if part is not None:
            product = weights[part.within(one).slices] * weights[part.within(other).slices]
            squares[part.within(box).slices] += 2 * product
    # The square root of a float64 is rounded correctly everywhere, so its whole part is the same everywhere.
    root = np.sqrt(squares.astype(np.float64)).astype(np.int32)
    return np.where(root > 0, (2 * total + root) // (2 * root.clip(1)), 0)


def square(corner: Sequence[int], side: int) -> Box:
    """The square with this upper left corner (row, column)."""
    return Box(corner[0], corner[1], corner[0] + side, corner[1] + side)


def _same_offset(wanted: Positions, sources: Positions, side: int) -> Iterator[tuple[Box, Box]]:
    """Pairs of patches that may overlap and are copied from the same distance and direction, each pair once."""
    offsets: dict[tuple[int, ...], list[Box]] = {}
    for corner, offset in zip(wanted.tolist(), (sources - wanted).tolist(), strict=True):
        offsets.setdefault(tuple(offset), []).append(square(corner, side))
    for patches in offsets.values():
        for i, one in enumerate(patches):
            for other in patches[i + 1 :]:
                if other.top >= one.bottom:
                    break
                yield one, other


@functools.lru_cache(maxsize=8)
def window(side: int) -> Integers:
    """(side, side) int32 in 1/256: 3 t^2 - 2 t^3 up to the middle and down again, in both directions.

    The shape of sin^2, which the overlapping windows of signal processing have, without a sine to round.
    """
    n = np.arange(1, side + 1, 2, dtype=object)[: side // 2]
    rising = [(2 * ONE * (3 * k * k * side - 2 * k**3) + side**3) // (2 * side**3) for k in n]
    line = np.array([*rising, *reversed(rising)], np.int32)
    return (np.multiply.outer(line, line) + ONE // 2) // ONE
