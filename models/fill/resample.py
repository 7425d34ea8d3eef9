"""Scaling by whole factors in whole numbers: means of blocks down, cubic interpolation up."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.fill.arrays import Bools, Integers, Pixels, Positions

ONE = 256
"""Weights of the interpolation are in 1/256."""

_ROWS = 64


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
    known = ~hole
    if factor == 1:
        return cleared(photo, known), hole.copy()
    count = _sums(known[:, :, None].view(np.uint8), factor)[:, :, 0]
    small_hole = count < min((factor * factor + 1) // 2, int(count.max()))
    divisor = np.where(small_hole, 1, count)[:, :, None]
    strip = _ROWS * factor
    total = np.concatenate(
        [_sums(cleared(photo[top : top + strip], known[top : top + strip]), factor) for top in range(0, len(photo), strip)]
    )
    small = ((total + divisor // 2) // divisor).clip(0, 255).astype(np.uint8)
    return cleared(small, ~small_hole), small_hole


def cleared(pixels: Pixels, kept: Bools) -> Pixels:
    """A copy of pixels (h, w, 3), 0 where they are not kept (h, w)."""
    height, width, channels = pixels.shape
    # Rows of bytes: NumPy takes long over an axis of three.
    kept_bytes = np.repeat(kept.view(np.uint8), channels, axis=1)
    return (pixels.reshape(height, width * channels) * kept_bytes).reshape(pixels.shape)


def _sums(pixels: Pixels, factor: int) -> Integers:
    height, width, channels = pixels.shape
    small = np.uint16 if factor < 257 else np.uint32  # sums of so many bytes have room
    rows = np.ascontiguousarray(pixels).reshape(height // factor, factor, width * channels).sum(axis=1, dtype=small)
    parts = rows.reshape(height // factor, width // factor, factor, channels)
    sums = parts[:, :, 0].astype(np.int32)
    for k in range(1, factor):
        sums += parts[:, :, k]
    return sums


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
    wanted_rows, top, bottom = _needed(rows, height, factor)
    wanted_columns, left, right = _needed(columns, width, factor)
    pixels = pixels[top:bottom, left:right]
    height, width, _ = pixels.shape
    if factor == 1:
        return pixels[wanted_rows[:, None], wanted_columns]
    # Products of matrices in float32, the fastest sums that NumPy has, and exact whatever their order: around 128, what is summed
    # is whole multiples of 2^-16 below 2^8. With 128.5 it takes another bit for 256 and more alone, which are cut.
    centred = pixels.transpose(0, 2, 1).reshape(3 * height, width).astype(np.float32) - 128
    across = np.empty((3 * height, len(wanted_columns)), np.float32)
    for part, inputs, weights in _blocks(wanted_columns, width, factor):
        across[:, part] = centred[:, inputs] @ weights.T
    rows_of_pixels = across.reshape(height, 3, -1).transpose(0, 2, 1).reshape(height, -1)
    result = np.empty((len(wanted_rows), len(wanted_columns), 3), np.uint8)
    for part, inputs, weights in _blocks(wanted_rows, height, factor):
        strip = weights @ rows_of_pixels[inputs]
        strip += 128.5
        np.clip(strip, 0, 255, out=strip)
        result[part] = strip.reshape(len(strip), -1, 3)
    return result


def _needed(wanted: slice, length: int, factor: int) -> tuple[Positions, int, int]:
    """Which of the ``length`` input pixels some output pixels are made of, from and to; and the outputs, counted from there."""
    outputs = np.arange(length * factor)[wanted]
    low, high = max(0, int(outputs[0]) // factor - 2), min(length, int(outputs[-1]) // factor + 3)
    return outputs - low * factor, low, high


def _blocks(wanted: np.ndarray, length: int, factor: int) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """Which part of the output is made of which part of the input, and by which weights (outputs, inputs): a few rows at a time.

    ``wanted`` ascends; the weights are sums of ``_kernels``, as shares of 1.
    """
    kernels = _kernels(factor).astype(np.float32) / ONE
    for start in range(0, len(wanted), _ROWS):
        index, phase = np.divmod(wanted[start : start + _ROWS], factor)
        # In the left half of a pixel its left neighbour is the second tap.
        first = index - (2 * phase + 1 < factor) - 1
        taps = (first[:, None] + np.arange(4)).clip(0, length - 1)
        low = int(taps[0, 0])
        weights = np.zeros((len(taps), int(taps[-1, -1]) + 1 - low), np.float32)
        for tap in range(4):  # one after the other: at the border several taps are the same pixel
            weights[np.arange(len(taps)), taps[:, tap] - low] += kernels[phase, tap]
        yield slice(start, start + len(taps)), slice(low, low + weights.shape[1]), weights


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
