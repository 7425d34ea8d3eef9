"""Detail comes in from the hole's border: depths against distances written out, and what a fill is at the border and inside."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.fill.fade import depths, faded
from models.fill.holes import Box
from models.fill.parameters import DEFAULTS
from models.fill.window import fill_window


@given(st.data())
def test_depth_is_the_chessboard_distance_to_the_nearest_known_pixel(data):
    height, width, most = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 14)), data.draw(st.integers(1, 6))
    known = data.draw(st.sets(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), max_size=5))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = Box(top, left, data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width)))
    hole = np.ones((height, width), bool)
    for place in known:
        hole[place] = False
    rows, columns = np.mgrid[:height, :width]
    expected = np.full((height, width), most)
    for row, column in known:
        expected = np.minimum(expected, np.maximum(abs(rows - row), abs(columns - column)))
    assert np.array_equal(depths(hole, box, most), expected[box.slices])


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_fade_is_a_weighted_mean_rounded_half_up(most, seed):
    rng = np.random.default_rng(seed)
    detailed, plain = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    share = rng.integers(0, most + 1, (5, 7)).astype(np.int32)
    part = share[:, :, None] / most
    exact = part * detailed + (1 - part) * plain
    assert np.abs(faded(detailed, plain, share, most) - exact).max() <= 0.5 + 1e-9
    assert np.array_equal(faded(detailed, plain, np.full((5, 7), most), most), detailed)
    assert np.array_equal(faded(detailed, plain, np.zeros((5, 7), np.int32), most), plain)


def test_only_pixels_near_the_border_depend_on_the_fade():
    """Without a seam, so that nothing carries a difference at the border inwards."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    hole = np.zeros((64, 64), bool)
    hole[20:44, 18:46] = True

    def fill(fade):
        parameters = dataclasses.replace(DEFAULTS, band=4, patch=2, samples=2, seam_limit=0, fade=fade)
        return fill_window(photo, hole, lambda image, _: np.full_like(image, 100), 64, parameters)

    depth = depths(hole, Box(20, 18, 44, 46), 5)
    without, most = fill(1), fill(9)
    for half_pixels in (2, 3, 7, 8, 9):
        different = (fill(half_pixels) != without).any(axis=2)
        inside = 2 * depth >= half_pixels
        assert not different[inside].any()
        assert inside.all() or different[~inside].mean() > 0.9
    # With one half pixel there is nothing of the network at the border: the copied grain goes up to it.
    assert without[depth == 1].std() > 40 > most[depth == 1].std()
