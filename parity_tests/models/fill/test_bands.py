"""What is left of a picture without its detail: by scale, against means and interpolation written out."""

import numpy as np
import pytest

from models.fill.bands import without_detail
from models.fill.resample import enlarged, means


def waves(period: int, size: int = 64) -> np.ndarray:
    line = 128 + 80 * np.sin(2 * np.pi * (np.arange(size) + 0.5) / period)
    return np.repeat(np.tile(line, (size, 1))[:, :, None], 3, axis=2).round().astype(np.uint8)


def kept(period: int, middle: int) -> float:
    """Share of a wave's amplitude that is left, away from the border."""
    inner = np.s_[8:-8, 8:-8]
    return float(without_detail(waves(period), 4, middle)[inner].std() / waves(period)[inner].std())


@pytest.mark.parametrize("middle", [0, 1, 4])
def test_scales(middle):
    """Larger than two cells: kept whatever the share. Two pixels: gone whatever the share."""
    assert kept(32, middle) > 0.95
    assert kept(2, middle) < 0.05


def test_the_middle_is_shared_out():
    """A wave of two cells: the more of the photo's is copied, the less is left."""
    shares = [kept(8, middle) for middle in range(5)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8
    assert shares[4] < 0.7


@pytest.mark.parametrize(("band", "size"), [(4, 32), (2, 30), (1, 7), (4, 35)])
def test_the_ends_are_means_over_cells_and_over_half_cells(band, size):
    picture = np.random.default_rng(band).integers(0, 256, (size, size, 3), dtype=np.uint8)
    whole = picture[: size // band * band, : size // band * band]
    half = max(1, band // 2)
    assert np.array_equal(without_detail(picture, band, 4), enlarged(means(whole, band), band))
    assert np.array_equal(without_detail(picture, band, 0), enlarged(means(whole, half), half))
    between = without_detail(picture, band, 1).astype(int)
    expected = (without_detail(picture, band, 4) + 3.0 * without_detail(picture, band, 0)) / 4
    assert np.abs(between - expected).max() <= 0.5
