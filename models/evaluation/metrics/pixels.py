"""Distances of a fill to the true photo, in the hole and over the image.

All take uint8 RGB images (H, W, 3) and ``hole``, (H, W) bool, True inside the hole.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.conventions import PIXEL_MAX
from models.photo.images import Pixels
from models.system.errors import ToolchainMissing

Bools = NDArray[np.bool_]

IDENTICAL_DB = 100.0
"""PSNR given to equal images, whose PSNR is infinite and would make every mean infinite."""


def decibels(mean_square: float) -> float | None:
    """Peak signal-to-noise ratio 10 log10(255^2 / MSE) in dB; None where nothing differs."""
    return None if mean_square == 0 else 10 * math.log10(PIXEL_MAX**2 / mean_square)


def psnr(mean_square: float) -> float:
    """The same, at most ``IDENTICAL_DB``, which is that of equal images."""
    found = decibels(mean_square)
    return IDENTICAL_DB if found is None else min(IDENTICAL_DB, found)


def hole_psnr(result: Pixels, photo: Pixels, hole: Bools) -> float:
    """PSNR over the RGB values in the hole, peak 255.

    Raises:
        ValueError: shapes differ, or the hole is empty.
    """
    return psnr(float(np.mean(np.square(_hole_error(result, photo, hole)))))


def hole_l1(result: Pixels, photo: Pixels, hole: Bools) -> float:
    """Mean absolute difference of the RGB values in the hole, in levels (0..255).

    Raises:
        ValueError: shapes differ, or the hole is empty.
    """
    return float(np.mean(np.abs(_hole_error(result, photo, hole))))


def image_psnr(result: Pixels, photo: Pixels) -> float:
    """PSNR over all RGB values of the image, peak 255."""
    return psnr(float(np.mean(np.square(result.astype(np.float64) - photo))))


def image_ssim(result: Pixels, photo: Pixels) -> float:
    """Mean structural similarity (Wang et al., 2004, eq. 13; Gaussian window of sigma 1.5) over the three channels.

    Raises:
        ToolchainMissing: scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise ToolchainMissing("SSIM needs scikit-image: pip install 'wavefill[evaluate]'") from error
    return float(
        structural_similarity(
            result, photo, channel_axis=2, data_range=PIXEL_MAX, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def _hole_error(result: Pixels, photo: Pixels, hole: Bools) -> NDArray[np.float64]:
    if result.shape != photo.shape or hole.shape != photo.shape[:2]:
        raise ValueError(f"shapes of result, photo and hole do not fit: {result.shape}, {photo.shape}, {hole.shape}")
    if not hole.any():
        raise ValueError("the hole is empty: there is nothing to measure")
    return result[hole].astype(np.float64) - photo[hole]


PIXEL_METRICS: dict[str, Callable[[Pixels, Pixels, Bools], float]] = {
    "hole_psnr_db": hole_psnr,
    "hole_l1_levels": hole_l1,
    "psnr_db": lambda result, photo, hole: image_psnr(result, photo),
    "ssim": lambda result, photo, hole: image_ssim(result, photo),
}
"""(result, photo, hole) -> figure of one image; the unit is in the name."""
