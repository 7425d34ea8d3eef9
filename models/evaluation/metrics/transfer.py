"""What copied detail can get wrong: a step at the hole's border, and texture that repeats with the stride of its patches."""

import numpy as np
from numpy.typing import NDArray

from models.photo.images import Pixels

Bools = NDArray[np.bool_]

_REACH = 4
"""The mean over 2 reach + 1 pixels is taken away before texture is compared with itself."""


def border_step(image: Pixels, hole: Bools) -> float:
    """Mean difference of neighbouring pixels across the hole's border, in levels; its ratio to the photo's is the step ratio.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool, with a border inside the image.
    """
    values, steps = image.astype(np.float64), []
    for axis in (0, 1):
        across = np.diff(hole.astype(np.int8), axis=axis) != 0
        steps.append(np.abs(np.diff(values, axis=axis)).mean(axis=2)[across])
    return float(np.concatenate(steps).mean())


def repetition(image: Pixels, hole: Bools, lag: int) -> float:
    """Autocorrelation of texture in the hole at a lag, down and to the right, -1 to 1.

    Texture is the mean of R, G and B minus its mean over the pixels around. Its excess over the photo's shows tiles.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool, wider than the lag somewhere.
        lag: pixels.
    """
    grey = image.mean(axis=2)
    side = 2 * _REACH + 1
    padded = np.pad(grey, _REACH, mode="reflect")
    texture = grey - np.lib.stride_tricks.sliding_window_view(padded, (side, side)).mean(axis=(2, 3))
    products = []
    for axis in (0, 1):
        length = hole.shape[axis] - lag
        both = hole.take(range(length), axis) & hole.take(range(lag, length + lag), axis)
        one, other = texture.take(range(length), axis)[both], texture.take(range(lag, length + lag), axis)[both]
        scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
        products.append(float((one * other).sum()) / scale if scale > 0 else 0.0)
    return float(np.mean(products))
