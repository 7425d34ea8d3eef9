"""What a fill is compared with: OpenCV's two classical inpainters, and one flat colour."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.photo.images import Pixels
from models.system.errors import ToolchainMissing

Bools = NDArray[np.bool_]

RADIUS = 3.0
"""Neighbourhood of OpenCV's methods in pixels, the value of its own examples."""


def telea(photo: Pixels, hole: Bools) -> Pixels:
    """Fast marching (Telea, *An Image Inpainting Technique Based on the Fast Marching Method*, 2004), by OpenCV."""
    return _opencv(photo, hole, "INPAINT_TELEA")


def navier_stokes(photo: Pixels, hole: Bools) -> Pixels:
    """Fluid dynamics (Bertalmio et al., *Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting*, 2001), by OpenCV."""
    return _opencv(photo, hole, "INPAINT_NS")


def mean_fill(photo: Pixels, hole: Bools) -> Pixels:
    """The mean colour of the known pixels, rounded.

    Raises:
        ValueError: no pixel is known.
    """
    if hole.all():
        raise ValueError("the hole covers the whole image: no pixel is known")
    result = photo.copy()
    result[hole] = np.floor(photo[~hole].mean(axis=0) + 0.5).astype(np.uint8)
    return result


BASELINES: dict[str, Callable[[Pixels, Bools], Pixels]] = {
    "telea": telea,
    "navier-stokes": navier_stokes,
    "mean": mean_fill,
}
"""Functions (photo (H, W, 3) uint8, hole (H, W) bool) -> result (H, W, 3) uint8; pixels under the hole do not matter."""


def _opencv(photo: Pixels, hole: Bools, method: str) -> Pixels:
    try:
        import cv2
    except ImportError as error:
        raise ToolchainMissing("the classical baselines need OpenCV: pip install 'wavefill[evaluate]'") from error
    # Cleared first: OpenCV promises no more than that it does not look there.
    known = np.where(hole[:, :, None], np.uint8(0), photo)
    filled = np.asarray(cv2.inpaint(known, hole.astype(np.uint8), RADIUS, getattr(cv2, method)), dtype=np.uint8)
    return np.where(hole[:, :, None], filled, photo)
