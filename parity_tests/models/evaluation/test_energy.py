"""Detail by Haar band and lattices, against PyWavelets and a plain Fourier sum, and on planted patterns."""

import numpy as np
import pytest
import pywt
import skimage.data

from models.evaluation.baselines import mean_fill
from models.evaluation.metrics.energy import (
    ENERGIES,
    LATTICES,
    STEP,
    WINDOW,
    band_energy,
    detail_energy,
    lattice_energy,
    ratios,
    texture_energy,
)

PHOTO = np.ascontiguousarray(skimage.data.coffee()[:64, :80])
HOLE = np.zeros((64, 80), bool)
HOLE[9:40, 12:51] = True
LARGE = np.ascontiguousarray(skimage.data.coffee()[:256, :256])
LARGE_HOLE = np.zeros((256, 256), bool)
LARGE_HOLE[30:200, 40:230] = True
ROWS, COLUMNS = np.mgrid[:256, :256]


def energies(image, hole=LARGE_HOLE):
    return {name: energy(image, hole) for name, energy in ENERGIES.items()}


def plus(pattern):
    return np.clip(LARGE + pattern[..., None], 0, 255).round().astype(np.uint8)


def lattice(period):
    """+-6 levels, changing sign every half period in both directions."""
    return ((ROWS // (period // 2) + COLUMNS // (period // 2)) % 2 * 2 - 1) * 6.0


@pytest.mark.parametrize("shape", [(64, 80), (63, 79), (2, 2)])
def test_detail_energy_equals_pywavelets(shape):
    photo, hole = PHOTO[: shape[0], : shape[1]], HOLE[: shape[0], : shape[1]].copy()
    hole[:2, :2] = True
    rows, columns = shape[0] // 2, shape[1] // 2
    grey = photo[: 2 * rows, : 2 * columns].astype(float).mean(axis=2)
    _, details = pywt.dwt2(grey, "haar")
    expected = 0.0
    for row in range(rows):
        for column in range(columns):
            if hole[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].all():
                expected += sum(float(band[row, column]) ** 2 for band in details)
    assert expected > 0
    assert detail_energy(photo, hole) == pytest.approx(expected, rel=1e-9)


def test_blocks_partly_outside_the_hole_do_not_count():
    hole = np.zeros((64, 80), bool)
    hole[1:3, 1:3] = True  # touches four blocks, fills none
    assert detail_energy(PHOTO, hole) == 0


def test_detail_of_smooth_and_equal_fills():
    photo = energies(PHOTO, HOLE)
    assert ratios(photo, photo)["detail_ratio"] == 1
    assert ratios(energies(mean_fill(PHOTO, HOLE), HOLE), photo)["detail_ratio"] == 0


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(("band", "index"), [("lh", 1), ("hl", 0), ("hh", 2)])
def test_bands_equal_pywavelets(level, band, index):
    """PyWavelets gives (cH, cV, cD); with our names, rows first, these are hl, lh and hh."""
    grey = PHOTO.astype(float).mean(axis=2)
    for _ in range(level - 1):
        grey, _ = pywt.dwt2(grey, "haar")
    values = pywt.dwt2(grey, "haar")[1][index]
    side = 2**level
    expected = sum(
        float(values[row, column]) ** 2
        for row in range(64 // side)
        for column in range(80 // side)
        if HOLE[side * row : side * (row + 1), side * column : side * (column + 1)].all()
    )
    assert expected > 0
    assert band_energy(PHOTO, HOLE, level, band) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("period", LATTICES)
def test_lattice_energy_is_a_fourier_sum(period):
    """The definition, written as sums over pixels of each window."""
    grey, expected, texture = PHOTO.astype(float).mean(axis=2), 0.0, 0.0
    u = np.arange(WINDOW)
    for top in range(0, 64 - WINDOW + 1, STEP):
        for left in range(0, 80 - WINDOW + 1, STEP):
            if HOLE[top : top + WINDOW, left : left + WINDOW].all():
                window = grey[top : top + WINDOW, left : left + WINDOW]
                texture += np.square(window - window.mean()).sum()  # Parseval
                for ky in range(0, WINDOW, WINDOW // period):
                    for kx in range(0, WINDOW, WINDOW // period):
                        if kx or ky:
                            waves = np.exp(-2j * np.pi * np.add.outer(ky * u, kx * u) / WINDOW)
                            expected += abs((window * waves).sum()) ** 2 / WINDOW**2
    assert expected > 0
    assert lattice_energy(PHOTO, HOLE, period) == pytest.approx(expected, rel=1e-9)
    assert texture_energy(PHOTO, HOLE) == pytest.approx(texture, rel=1e-9)


@pytest.mark.parametrize("period", LATTICES)
def test_a_planted_lattice_is_found(period):
    found = ratios(energies(plus(lattice(period))), energies(LARGE))
    assert found[f"lattice_{period}_share_ratio"] > 1.2
    assert (found["checkerboard_ratio"] > 1.1) == (period == 2)
    # Finer lattices than the planted one are not blamed.
    assert all(found[f"lattice_{finer}_share_ratio"] < 1.05 for finer in LATTICES if finer < period)


def test_noise_of_the_same_energy_is_no_lattice():
    noise = np.random.default_rng(0).normal(0, 6, (256, 256))
    found = ratios(energies(plus(noise)), energies(LARGE))
    assert found["detail_ratio"] > 1.2
    assert all(found[f"lattice_{period}_share_ratio"] < 1.1 for period in LATTICES)


def test_small_images_have_no_windows():
    assert lattice_energy(PHOTO[:8, :8], HOLE[:8, :8], 2) == 0


def test_ratios_of_nothing_are_zero():
    nothing = dict.fromkeys(ENERGIES, 0.0)
    assert set(ratios(nothing, nothing).values()) == {0.0}
