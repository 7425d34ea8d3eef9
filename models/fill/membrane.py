"""A membrane: values known in some places, spread smoothly over the others by halving and doubling (pull-push)."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels

SIXTEENTH = 16
"""Values that are spread are in 1/16 of a level, so that rounding at every doubling does not add up to a visible step."""


def spread(values: Integers, known: Bools, levels: int) -> Integers:
    """Known values spread over the unknown places.

    Pull-push (Gortler et al., *The Lumigraph*, 1996, section 3.5): means over blocks of known values, again and again; then
    every unknown place takes the interpolation of the level below.

    Args:
        values: (H, W, 3) int32; what stands in unknown places does not matter.
        known: (H, W) bool.
        levels: halvings. What is farther from everything known than 2^(levels + 1) places gets 0.

    Returns:
        (H, W, 3) int32, equal to ``values`` where known.
    """
    values = np.where(known[:, :, None], values, 0)
    if levels == 0 or max(known.shape) == 1:
        return values
    pad = [(0, side % 2) for side in known.shape]
    count = _quads(np.pad(known, pad)[:, :, None].astype(np.int32))
    total = _quads(np.pad(values, [*pad, (0, 0)]))
    divisor = count.clip(1)
    half = (2 * total + divisor) // (2 * divisor)
    coarse = spread(half, count[:, :, 0] > 0, levels - 1)
    return np.where(known[:, :, None], values, doubled(coarse)[: known.shape[0], : known.shape[1]])


def corrected(pixels: Pixels, hole: Bools, correction: Integers) -> Pixels:
    """Pixels (H, W, 3) with a correction in 1/16 of a level, rounded half up, added in the hole; others as they are."""
    sums = (SIXTEENTH * pixels.astype(np.int32) + correction + SIXTEENTH // 2) >> 4  # the floor division by 16
    return np.where(hole[:, :, None], sums.clip(0, 255), pixels).astype(np.uint8)


def _quads(values: Integers) -> Integers:
    """Sums of 2 x 2 places."""
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def doubled(values: Integers) -> Integers:
    """Twice the size by linear interpolation: weights 9, 3, 3, 1 of 16, rounded half up; the last value goes on at the border."""
    edge = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = 3 * edge[1:-1]
    rows = np.stack([middle + edge[:-2], middle + edge[2:]], axis=1).reshape(2 * len(values), *edge.shape[1:])
    centre = 3 * rows[:, 1:-1]
    return (np.stack([centre + rows[:, :-2], centre + rows[:, 2:]], axis=2).reshape(len(rows), -1, values.shape[2]) + 8) >> 4
