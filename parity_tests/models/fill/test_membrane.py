"""The membrane, and what it does to tone and seam."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fill.colour import with_less_colour_of_its_own
from models.fill.membrane import doubled, spread
from models.fill.parameters import DEFAULTS
from models.fill.seam import without_step
from models.fill.tone import REACH, mean_near, sums_near, touching, trusted, with_tone_of_the_border

few = settings(deadline=None, max_examples=60)


@st.composite
def fields(draw):
    """Values and where they are known, at least in one place."""
    shape = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    known = rng.random(shape) < draw(st.sampled_from([0.02, 0.3, 0.9]))
    known[rng.integers(shape[0]), rng.integers(shape[1])] = True
    return rng.integers(-800, 800, (3, *shape), dtype=draw(st.sampled_from([np.int16, np.int32]))), known


@given(field=fields(), levels=st.integers(0, 6))
@few
def test_known_values_stay_and_others_lie_between_them(field, levels):
    values, known = field
    result = spread(values, known, levels)
    assert np.array_equal(result[:, known], values[:, known])
    low, high = min(0, int(values[:, known].min())), max(0, int(values[:, known].max()))
    assert low <= result.min()
    assert result.max() <= high


@given(field=fields(), value=st.integers(-500, 500))
@few
def test_one_value_is_spread_everywhere(field, value):
    _, known = field
    assert (spread(np.full((3, *known.shape), value, np.int32), known, levels=8) == value).all()


def test_few_levels_fade_to_nothing():
    known = np.zeros((64, 64), bool)
    known[:, 0] = True
    result = spread(np.full((3, 64, 64), 320, np.int32), known, levels=3)[0, 32]
    assert (np.diff(result) <= 0).all()
    assert result[4] > 0
    assert (result[16:] == 0).all()


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), seed=st.integers(0, 1000))
@few
def test_doubling_is_linear_interpolation(shape, seed):
    values = np.random.default_rng(seed).integers(-900, 900, (3, *shape), dtype=np.int32)
    planes = torch.tensor(values, dtype=torch.float64)[None]
    exact = torch.nn.functional.interpolate(planes, scale_factor=2, mode="bilinear")[0].numpy()
    assert np.array_equal(doubled(values), np.floor(exact + 0.5))


@given(shape=st.tuples(st.integers(1, 12), st.integers(1, 12)), reach=st.integers(0, 5), seed=st.integers(0, 1000))
@few
def test_sums_and_means_near_are_those_over_squares(shape, reach, seed):
    rng = np.random.default_rng(seed)
    values, places = rng.integers(-200, 200, (2, *shape), dtype=np.int32), rng.random(shape) < 0.5
    near = touching(places)
    at = np.nonzero(rng.random(shape) < 0.7)
    sums, means = sums_near(values, places, at, reach), mean_near(16, values, places, at, reach)
    for index, (row, column) in enumerate(zip(*at, strict=True)):
        box = np.s_[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        counted = values[:, *box][:, places[box]]
        assert np.array_equal(sums[:, index], counted.sum(axis=1))
        exact = [
            (2 * 16 * int(s) + counted.shape[1]) // (2 * counted.shape[1]) if counted.size else 0 for s in counted.sum(axis=1)
        ]
        assert means[:, index].tolist() == exact
        box = np.s_[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        assert near[row, column] == places[box].any()


CREDULOUS = replace(DEFAULTS, seam_variance=10**6)
"""All of a difference of brightness is one of tone, however the photo varies."""


@given(shape=st.tuples(st.integers(2, 14), st.integers(2, 14)), variance=st.integers(1, 400), seed=st.integers(0, 1000))
@few
def test_a_difference_of_brightness_is_believed_as_wiener_has_it(shape, variance, seed):
    rng = np.random.default_rng(seed)
    planes, known = rng.integers(0, 256, (3, *shape), dtype=np.uint8), rng.random(shape) < 0.6
    at = np.nonzero(touching(known))
    difference = rng.integers(-4080, 4081, (3, len(at[0])), dtype=np.int32)
    left = trusted(difference, planes, known, at, variance)
    brightness = planes.astype(int).sum(axis=0) // 3
    for index, (row, column) in enumerate(zip(*at, strict=True)):
        box = np.s_[max(0, row - REACH) : row + REACH + 1, max(0, column - REACH) : column + REACH + 1]
        measured = brightness[box][known[box]].var()
        off = difference[:, index].mean() * measured / (variance + measured)
        assert np.abs(difference[:, index] - off - left[:, index]).max() <= 0.5 + 1e-6


def test_sums_of_squares_may_overflow_on_the_way():
    planes = np.full((3, 300, 300), 255, np.uint8)  # the sum of all squares is 5.9e9
    planes[:, :, 299] = 0
    known, difference = np.ones((300, 300), bool), np.full((3, 1), 1000, np.int32)
    flat = trusted(difference, planes, known, (np.array([290]), np.array([290])), variance=30)
    assert np.array_equal(flat, difference)
    edge = trusted(difference, planes, known, (np.array([299]), np.array([299])), variance=30)
    assert np.abs(edge).max() < 0.01 * 1000  # one column of five is black


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 4])
def test_a_part_of_the_fills_own_colour_stays_and_its_brightness(kept):
    _, hole = gradient_with_hole()
    photo = np.mgrid[:144, :144][0][:, :, None] // 2 + np.array([60, 90, 130])  # one colour, interpolated exactly
    fill = photo.copy()
    fill[hole] += [30, 0, -30]
    changed = with_less_colour_of_its_own(fill.astype(np.uint8), hole, kept).astype(int)
    assert np.abs((changed - photo)[hole] - np.array([30, 0, -30]) * kept / 4).max() <= 2
    assert np.abs(changed.sum(axis=2) - fill.sum(axis=2)).max() <= 3
    assert np.array_equal(changed[~hole], photo[~hole])


def gradient_with_hole():
    """A smooth gradient, (144, 144, 3), and a hole in it."""
    rows, columns = np.mgrid[:144, :144]
    photo = np.stack([60 + rows, 40 + columns, 90 + (rows + columns) // 2], axis=2).astype(np.uint8)
    hole = np.zeros((144, 144), bool)
    hole[20:120, 30:130] = True
    return photo, hole


@pytest.mark.parametrize("shift", [-30, 12, 40])
def test_a_fill_of_another_tone_gets_that_of_the_photo(shift):
    photo, hole = gradient_with_hole()
    fill = np.where(hole[:, :, None], photo.astype(int) + shift, photo).astype(np.uint8)
    toned = with_tone_of_the_border(fill, hole, variance=10**6)
    # On a slope means outside and inside differ although the tone does not: 4 pixels to either side, at most 1 level each.
    assert np.abs(toned.astype(int) - photo).max() <= 8
    assert np.abs(toned.astype(int) - photo)[hole].mean() < 2
    assert np.array_equal(toned[~hole], photo[~hole])


@pytest.mark.parametrize("shift", [-30, 12, 40])
def test_a_step_at_the_border_is_gone_and_the_middle_stays(shift):
    photo, hole = gradient_with_hole()
    fill = np.where(hole[:, :, None], photo.astype(int) + shift, photo).astype(np.uint8)
    met = without_step(fill, hole, ~hole, CREDULOUS)
    border = hole & touching(~hole)
    assert np.abs(met.astype(int) - photo)[border].max() <= 2
    assert np.array_equal(met[~hole], photo[~hole])
    middle = np.s_[60:80, 70:90]  # 40 pixels from the border: beyond twice 2^4
    assert np.array_equal(met[middle], fill[middle])


def test_a_correction_at_the_border_is_limited():
    photo, hole = gradient_with_hole()
    fill = np.where(hole[:, :, None], np.uint8(255), photo)
    met = without_step(fill, hole, ~hole, CREDULOUS)
    assert (fill.astype(int) - met).max() == DEFAULTS.seam_limit


def test_what_is_neither_filled_nor_known_is_not_looked_at():
    photo, hole = gradient_with_hole()
    other = np.zeros_like(hole)
    other[40:50, 130:140] = True
    results = []
    for value in (0, 255):
        pixels = photo.copy()
        pixels[other] = value
        results.append(without_step(pixels, hole, ~hole & ~other, DEFAULTS)[hole])
    assert np.array_equal(*results)


@pytest.mark.parametrize("levels", [2, 4])
def test_strips_give_the_same_as_the_whole(monkeypatch, levels):
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (301, 40, 3), dtype=np.uint8)
    hole = rng.random((301, 40)) < 0.02
    hole[30:270, 5:30] = True
    parameters = replace(DEFAULTS, seam_levels=levels)
    whole = without_step(pixels, hole, ~hole, parameters)
    monkeypatch.setattr("models.fill.seam.STRIP", 1)
    assert np.array_equal(without_step(pixels, hole, ~hole, parameters), whole)
    monkeypatch.setattr("models.fill.seam.STRIP", 40 * 100)
    assert np.array_equal(without_step(pixels, hole, ~hole, parameters), whole)
