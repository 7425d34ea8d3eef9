"""Scaling in whole numbers against Pillow and plain means."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.fill.resample import _kernels, enlarged, known_means, means, whole

ASTRONAUT = np.ascontiguousarray(skimage.data.astronaut()[100:196, 150:270])
few = settings(deadline=None, max_examples=60)


@given(factor=st.integers(1, 9), rows=st.integers(1, 6), columns=st.integers(1, 6), seed=st.integers(0, 1000))
@few
def test_means_are_rounded_half_up(factor, rows, columns, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (rows * factor, columns * factor, 3), dtype=np.uint8)
    exact = pixels.reshape(rows, factor, columns, factor, 3).mean(axis=(1, 3))
    assert np.array_equal(means(pixels, factor), np.floor(exact + 0.5))


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 7, 12])
def test_enlarging_is_pillows_bicubic(factor):
    """Pillow's has a = -1/2, too, and works on floating point without a cut between rows and columns.

    Weights rounded to 1/256 are off by 1/512 in each of four taps at most: 2 levels of 255 in rows and again in columns; the last
    rounding adds half a level. In the mean it is much less.
    """
    height, width = (side * factor for side in ASTRONAUT.shape[:2])
    planes = [Image.fromarray(ASTRONAUT[:, :, c].astype(np.float32)) for c in range(3)]
    exact = np.stack([np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in planes], axis=2)
    inside = np.s_[2 * factor : -2 * factor, 2 * factor : -2 * factor]  # at the border Pillow leaves taps out
    difference = np.abs(enlarged(ASTRONAUT, factor)[inside] - exact.clip(0, 255)[inside])
    assert difference.max() <= 4.5
    assert difference.mean() < 0.5


@given(factor=st.integers(1, 40), value=st.integers(0, 255))
@few
def test_weights_sum_to_one_and_a_flat_image_stays_flat(factor, value):
    assert (_kernels(factor).sum(axis=1) == 256).all()
    # The middle of an odd factor lies on a pixel, whose neighbours take no part.
    assert np.array_equal(_kernels(factor), _kernels(factor)[::-1, ::-1]) or factor % 2
    assert (enlarged(np.full((3, 4, 3), value, np.uint8), factor) == value).all()


@given(data=st.data(), factor=st.integers(1, 6))
@few
def test_a_part_of_the_enlarged_image_is_that_part(data, factor):
    pixels = ASTRONAUT[:7, :9]
    low, left = data.draw(st.integers(0, 7 * factor - 1)), data.draw(st.integers(0, 9 * factor - 1))
    high, right = data.draw(st.integers(low + 1, 7 * factor)), data.draw(st.integers(left + 1, 9 * factor))
    part = enlarged(pixels, factor, slice(low, high), slice(left, right))
    assert np.array_equal(part, enlarged(pixels, factor)[low:high, left:right])


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_a_flat_image_stays_flat_up_to_the_hole(factor):
    """Division by what is known: no dark or bright rim along the hole."""
    photo = np.full((90, 60, 3), 200, np.uint8)
    hole = np.zeros((90, 60), bool)
    hole[20:61, 13:44] = True
    photo[hole] = 0
    small, small_hole = known_means(photo, hole, factor)
    assert small_hole.any()
    assert (small[~small_hole] == 200).all()
    assert (small[small_hole] == 0).all()


def test_scattered_dots_leave_something_known():
    """One known pixel in each block of nine: less than half everywhere, and still not everything is hole."""
    hole = np.ones((30, 30), bool)
    hole[::3, ::3] = False
    small, small_hole = known_means(np.full((30, 30, 3), 7, np.uint8), hole, 3)
    assert not small_hole.any()
    assert (small == 7).all()


def test_what_is_missing_to_a_multiple_is_mirrored():
    padded = whole(ASTRONAUT[:10, :11], 4)
    assert padded.shape == (12, 12, 3)
    assert np.array_equal(padded[10:, :11], ASTRONAUT[:10, :11][:-3:-1])
    assert whole(padded, 4) is padded
