"""How much fine detail a fill has, by Haar band, and whether it is periodic: energies that need no weights.

Each function takes an image and the hole and returns an energy; the measure is the ratio of the fill's to the photo's, each
summed over images, because single flat holes have next to no detail. 1 is as sharp as the photo, 0 is smooth.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from models.conventions import SUBBANDS
from models.photo.images import Pixels
from models.wavelet import dwt

Bools = NDArray[np.bool_]
Energy = Callable[[Pixels, Bools], float]

WINDOW, STEP = 16, 8
"""Windows of the lattice measures, in pixels: two periods of the coarsest lattice, and how far apart they are."""


def band_energy(image: Pixels, hole: Bools, level: int, band: str) -> float:
    """Sum of squared Haar coefficients of one band of the mean of R, G and B, over the blocks wholly inside the hole.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool.
        level: 1 for the finest details (blocks of 2x2 pixels), 2 for the next (4x4).
        band: ``lh``, ``hl`` or ``hh``.
    """
    side = 2**level
    rows, columns = hole.shape[0] // side, hole.shape[1] // side
    grey = torch.from_numpy(image[: side * rows, : side * columns].mean(axis=2))[None, None]
    for _ in range(level - 1):
        grey = dwt(grey)[:, :1]
    values = dwt(grey)[0, SUBBANDS.index(band)].numpy()
    inside = hole[: side * rows, : side * columns].reshape(rows, side, columns, side).all(axis=(1, 3))
    return float(np.square(values[inside]).sum())


def detail_energy(image: Pixels, hole: Bools) -> float:
    """Sum of squared finest Haar details, lh, hl and hh together: its ratio is the *detail ratio*."""
    return sum(band_energy(image, hole, 1, band) for band in ("lh", "hl", "hh"))


def lattice_energy(image: Pixels, hole: Bools, period: int) -> float:
    """Energy at the harmonics of a lattice: what repeats every ``period`` pixels in both directions.

    The discrete Fourier transform of a window holds a pattern of that period in the frequencies that are multiples of 1 / period
    in both directions, and in no other. Period 2 is the Nyquist frequency, the checkerboard of a stride (Odena et al.,
    *Deconvolution and Checkerboard Artifacts*, 2016); 4 and 8 are what two Haar levels and nearest upsampling can imprint.

    Args:
        image: (H, W, 3) uint8; the mean of R, G and B is taken.
        hole: (H, W) bool; windows of 16x16 wholly inside it count, 8 pixels apart.
        period: 2, 4 or 8 pixels.
    """
    power = _spectra(image, hole)
    harmonics = np.arange(WINDOW) % (WINDOW // period) == 0
    chosen = np.outer(harmonics, harmonics)
    chosen[0, 0] = False
    return float(power[:, chosen].sum())


def texture_energy(image: Pixels, hole: Bools) -> float:
    """Energy at all frequencies but 0 in the windows of :func:`lattice_energy`, of which that is a share."""
    power = _spectra(image, hole)
    return float(power.sum() - power[:, 0, 0].sum())


def _spectra(image: Pixels, hole: Bools) -> NDArray[np.float64]:
    """(windows, 16, 16) power spectra of the windows wholly inside the hole."""
    if min(hole.shape) < WINDOW:
        return np.zeros((0, WINDOW, WINDOW))
    grey = image.mean(axis=2)
    shape, grid = (WINDOW, WINDOW), (slice(None, None, STEP), slice(None, None, STEP))
    inside = np.lib.stride_tricks.sliding_window_view(hole, shape)[grid].all(axis=(2, 3))
    windows = np.lib.stride_tricks.sliding_window_view(grey, shape)[grid][inside]
    return np.square(np.abs(np.fft.fft2(windows))) / WINDOW**2


LATTICES = (2, 4, 8)

ENERGIES: dict[str, Energy] = {
    "detail": detail_energy,
    **{f"detail_{level}_{band}": partial(band_energy, level=level, band=band) for level in (1, 2) for band in ("lh", "hl", "hh")},
    **{f"lattice_{period}": partial(lattice_energy, period=period) for period in LATTICES},
    "texture": texture_energy,
}
"""Energies by name; :func:`ratios` says what becomes of them."""


def ratios(fill: dict[str, float], photo: dict[str, float]) -> dict[str, float]:
    """Measures from energies summed over images.

    Args:
        fill: sums of ``ENERGIES`` over the fills.
        photo: the same over the photos.

    Returns:
        ``detail_ratio`` and ``detail_ratio_<level>_<band>``; ``checkerboard_ratio``, the energy at Nyquist; and
        ``lattice_<period>_share_ratio``, the lattice's share of the texture's energy: a smooth fill has little of either, and
        only the share tells whether the little that it has repeats. The photo's own share is what 1 stands for.
    """
    found = {
        name.replace("detail", "detail_ratio", 1): _ratio(fill[name], photo[name]) for name in fill if name.startswith("detail")
    }
    found["checkerboard_ratio"] = _ratio(fill["lattice_2"], photo["lattice_2"])
    for period in LATTICES:
        own, true = (_ratio(energies[f"lattice_{period}"], energies["texture"]) for energies in (fill, photo))
        found[f"lattice_{period}_share_ratio"] = _ratio(own, true)
    return found


def _ratio(part: float, whole: float) -> float:
    """0 where there is nothing to compare with."""
    return part / whole if whole > 0 else 0.0
