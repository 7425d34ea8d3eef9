"""Pixels as a feature network wants them: their size, and the scale of float inputs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.photo.raster import Pixels

Array = NDArray[np.float64]

SCALES: dict[str, Callable[[Array], Array]] = {
    # levels 0..255, RGB, channels last -> what goes in
    "levels": lambda x: x,
    "unit": lambda x: x / 255,
    "symmetric": lambda x: x / 127.5 - 1,
    "imagenet": lambda x: (x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
    "caffe": lambda x: x[..., ::-1] - np.array([104.0, 117.0, 123.0]),  # BGR minus the mean
}
"""How a network with float inputs wants its pixels."""

MAX_SIDE = 4096
"""Largest images that a network may ask for; an image is resized to what its input says."""


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """(H, W, 3) at another size, bilinear and antialiased; the same array where it has that size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def check_sides(*sides: int) -> None:
    """Refuse sizes that no feature network has.

    Raises:
        ValueError: saying which.
    """
    if any(not 1 <= side <= MAX_SIDE for side in sides):
        raise ValueError(f"its input has {' x '.join(map(str, sides))} pixels; 1 to {MAX_SIDE} a side are allowed")


def scaled(image: Pixels, scale: str | None, path: Path) -> NDArray[np.float32]:
    """An image in a network's own scale.

    Raises:
        ValueError: no scale was given.
    """
    if scale is None:
        raise ValueError(f"{path}: takes floats; say how its pixels are scaled, one of {', '.join(SCALES)} (FILE:SCALE)")
    return np.ascontiguousarray(SCALES[scale](image.astype(np.float64)), dtype=np.float32)
