"""A membrane: values known in some places, spread smoothly over the others by halving and doubling (pull-push)."""

import numpy as np

from models.fill.arrays import Bools, Pixels, Planes

SIXTEENTH = 16
"""Values that are spread are in 1/16 of a level, so that rounding at every doubling does not add up to a visible step."""

_TWELFTHS = np.array([0, 12, 6, 4, 3], np.int16)
"""12 / n for the n known ones of four places. Their rounded mean is (sum * 12 / n + 6) // 12: one divisor for all."""


def spread(values: Planes, known: Bools, levels: int) -> Planes:
    """Known values spread over the unknown places.

    Pull-push (Gortler et al., *The Lumigraph*, 1996, section 3.5): means over blocks of known values, again and again; then
    every unknown place takes the interpolation of the level below.

    Args:
        values: (C, H, W), int16 for values from -2047 to 2047 and int32 for others: sums of 16 of them must have room. What
            stands in unknown places does not matter.
        known: (H, W) bool.
        levels: halvings. What is farther from everything known than 2^(levels + 1) places gets 0.

    Returns:
        (C, H, W) of the same type, equal to ``values`` where known.
    """
    values = np.where(known, values, 0)
    if levels == 0 or max(known.shape) == 1:
        return values
    count = _quads(known.view(np.uint8)[None])[0]
    half = (_quads(values) * _TWELFTHS[count] + 6) // 12
    coarse = spread(half, count > 0, levels - 1)
    result = doubled(coarse)[:, : known.shape[0], : known.shape[1]]
    np.copyto(result, values, where=known)
    return result


def corrected(pixels: Pixels, hole: Bools, correction: Planes) -> Pixels:
    """Pixels with a correction added in the hole; others as they are.

    Args:
        pixels: (H, W, 3) uint8.
        hole: (H, W) bool.
        correction: (3, H, W) in 1/16 of a level, from -4080 to 4080; sums are rounded half up.
    """
    result = pixels.copy()
    for channel, added in enumerate(correction):
        plane = pixels[:, :, channel].astype(np.int16)
        plane *= SIXTEENTH
        plane += added.astype(np.int16, copy=False)
        plane += SIXTEENTH // 2
        plane >>= 4  # the floor division by 16
        np.copyto(result[:, :, channel], plane.clip(0, 255), where=hole, casting="unsafe")
    return result


def _quads(values: Planes) -> Planes:
    """Sums of 2 x 2 places; beyond an odd side lies 0."""
    rows = values[:, ::2].copy()
    rows[:, : values.shape[1] // 2] += values[:, 1::2]
    sums = rows[:, :, ::2].copy()
    sums[:, :, : values.shape[2] // 2] += rows[:, :, 1::2]
    return sums


def doubled(values: Planes) -> Planes:
    """Twice the size by linear interpolation: weights 9, 3, 3, 1 of 16, rounded half up; the last value goes on at the border."""
    result = _doubled_along(2, _doubled_along(1, values))
    result += 8
    result >>= 4
    return result


def _doubled_along(axis: int, values: Planes) -> Planes:
    """Four times the interpolation along one axis: weights 3 and 1."""
    shape = list(values.shape)
    shape[axis] *= 2
    result = np.empty(shape, values.dtype)
    old, new = values.swapaxes(1, axis), result.swapaxes(1, axis)
    middle = 3 * old
    np.add(middle[:, 1:], old[:, :-1], out=new[:, 2::2])
    np.add(middle[:, :-1], old[:, 1:], out=new[:, 1:-1:2])
    new[:, 0], new[:, -1] = 4 * old[:, 0], 4 * old[:, -1]
    return result
