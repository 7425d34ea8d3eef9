"""Scaling by whole factors in whole numbers: means of blocks down, cubic interpolation up."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.fill.arrays import Bools, Integers, Pixels

ONE_BITS = 8
ONE = 1 << ONE_BITS
"""Weights of the interpolation are in 1/256. A shift is the floor division by it, in a fraction of the time."""

_ROWS = 32


def whole(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """An image whose sides are multiples of a factor: what is missing at the bottom and at the right is mirrored.

    Args:
        pixels: (H, W) or (H, W, 3), any dtype.
        factor: at least 1.
    """
    missing = [(0, -side % factor) for side in pixels.shape[:2]]
    if not any(after for _, after in missing):
        return pixels
    return np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), mode="symmetric")


def means(pixels: Pixels, factor: int) -> Pixels:
    """Mean of each block, rounded half up.

    Args:
        pixels: (H, W, 3) uint8, sides multiples of ``factor``.
        factor: side of a block.

    Returns:
        (H / factor, W / factor, 3) uint8.
    """
    area = factor * factor
    return ((_sums(pixels, factor) + area // 2) // area).astype(np.uint8)


def known_means(photo: Pixels, hole: Bools, factor: int) -> tuple[Pixels, Bools]:
    """Mean of the known pixels of each block; nothing under the hole leaks out of it.

    Normalised convolution (Knutsson and Westin, 1993) with a box: the sum of what is known, divided by how much is known.

    Args:
        photo: (H, W, 3) uint8, sides multiples of ``factor``.
        hole: (H, W) bool, not all true.
        factor: side of a block.

    Returns:
        (H / factor, W / factor, 3) uint8, 0 in the hole, and (H / factor, W / factor) bool: blocks of which less than half is
        known are hole. Where no block is half known, the best known ones have to serve.
    """
    if factor == 1:
        return np.where(hole[:, :, None], np.uint8(0), photo), hole.copy()
    known = ~hole
    count = _sums(known[:, :, None].view(np.uint8), factor)[:, :, 0]
    small_hole = count < min((factor * factor + 1) // 2, int(count.max()))
    divisor = np.where(small_hole, 1, count)[:, :, None]
    total = np.concatenate(
        [
            _sums(photo[top : top + _ROWS * factor] * known[top : top + _ROWS * factor, :, None], factor)
            for top in range(0, len(photo), _ROWS * factor)
        ]
    )
    small = ((total + divisor // 2) // divisor).clip(0, 255).astype(np.uint8)
    return np.where(small_hole[:, :, None], np.uint8(0), small), small_hole


def _sums(pixels: Pixels, factor: int) -> Integers:
    height, width, channels = pixels.shape
    rows = pixels.reshape(height // factor, factor, width * channels).sum(axis=1, dtype=np.int32)
    return rows.reshape(height // factor, width // factor, factor, channels).sum(axis=2, dtype=np.int32)


def enlarged(pixels: Pixels, factor: int, rows: slice = slice(None), columns: slice = slice(None)) -> Pixels:
    """Cubic interpolation (Keys, 1981, a = -1/2) by a whole factor; beyond the border the last pixel goes on.

    Output pixel ``factor * i + k`` is 2 k + 1 - factor parts of 2 factor away from the centre of input pixel i.

    Args:
        pixels: (h, w, 3) uint8.
        factor: at least 1.
        rows: of the output that are wanted; default all.
        columns: likewise.

    Returns:
        The wanted part of (factor h, factor w, 3) uint8.
    """
    height, width, _ = pixels.shape
    wanted_rows = np.arange(height * factor)[rows]
    wanted_columns = np.arange(width * factor)[columns]
    if factor == 1:
        return pixels[wanted_rows[:, None], wanted_columns]
    source, weights = _taps(wanted_columns, width, factor)
    # Kept in 1/256: rounding once, at the end, is what a port has to do, too.
    across = sum(pixels[:, source[:, tap]].astype(np.int32) * weights[:, tap, None] for tap in range(4))
    assert isinstance(across, np.ndarray)
    source, weights = _taps(wanted_rows, height, factor)
    result = np.empty((len(wanted_rows), len(wanted_columns), 3), np.uint8)
    for top in range(0, len(result), _ROWS):
        part = slice(top, top + _ROWS)
        strip = sum(across[source[part, tap]] * weights[part, tap, None, None] for tap in range(4))
        result[part] = ((strip + ONE * ONE // 2) >> (2 * ONE_BITS)).clip(0, 255)
    return result


def _taps(wanted: np.ndarray, length: int, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, 4) and weights (n, 4) of the input pixels that each wanted output pixel is made of."""
    index, phase = np.divmod(wanted, factor)
    left = (2 * phase + 1 < factor).astype(np.intp)  # in the left half of a pixel its left neighbour is the second tap
    source = (index - left)[:, None] + np.arange(-1, 3)
    return source.clip(0, length - 1), _kernels(factor)[phase]


@functools.cache
def _kernels(factor: int) -> np.ndarray:
    """(factor, 4) int32: weights in 1/256 for each phase, rounded; the largest takes what is missing to 256."""
    table = np.zeros((factor, 4), np.int32)
    for phase in range(factor):
        n = (2 * phase + 1 - factor) % (2 * factor)  # of 2 factor parts: the distance from the second tap
        d = 2 * factor
        # 2 d^3 times Keys' polynomials; floor((2 x + y) / 2 y) rounds x / y half up, below zero as well.
        parts = (
            -(n**3) + 2 * n * n * d - n * d * d,
            3 * n**3 - 5 * n * n * d + 2 * d**3,
            -3 * n**3 + 4 * n * n * d + n * d * d,
            n**3 - n * n * d,
        )
        whole_scale = 2 * d**3
        row = [(2 * ONE * part + whole_scale) // (2 * whole_scale) for part in parts]
        row[row.index(max(row))] += ONE - sum(row)
        table[phase] = row
    return table
