"""Mask families: seeded, neither empty nor full, of the stated extent."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.data.masks import MASKS, WEIGHTS, large_box, sample_mask


@pytest.mark.parametrize("family", MASKS)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([16, 32, 97, 128]))
def test_family_is_seeded_and_never_empty_or_full(family, seed, size):
    first, second = (MASKS[family](size, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (size, size)
    assert first.dtype == bool
    np.testing.assert_array_equal(first, second)
    assert first.any()
    assert not first.all()


def test_sample_draws_every_family_at_its_weight():
    rng = np.random.default_rng(0)
    names = [sample_mask(16, rng)[0] for _ in range(800)]
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    for family, weight in WEIGHTS.items():
        # Four standard deviations of a binomial share.
        assert names.count(family) / 800 == pytest.approx(weight, abs=4 * (weight * (1 - weight) / 800) ** 0.5)


def test_stroke_areas_cover_small_and_large_holes_alike():
    rng = np.random.default_rng(1)
    shares = np.array([MASKS["strokes"](32, rng).mean() for _ in range(200)])
    assert (shares < 0.2).mean() > 0.15
    assert (shares > 0.4).mean() > 0.15
    assert shares.max() < 0.75


def test_half_leaves_one_side_and_border_surrounds():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        half = MASKS["half"](64, rng)
        # A half mask is constant along one axis.
        assert (half == half[:1]).all() or (half == half[:, :1]).all()
        frame = MASKS["border"](64, np.random.default_rng(seed))
        rows, columns = np.where(~frame)
        inside = frame[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert not inside.any(), "what is kept is one rectangle"


@given(seed=st.integers(0, 10_000), size=st.sampled_from([32, 97, 256]))
def test_a_large_box_leaves_a_frame_on_all_sides(seed, size):
    hole = large_box(size, np.random.default_rng(seed))
    rows, columns = np.where(hole)
    assert hole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all(), "it is one rectangle"
    assert hole.sum() == hole[1:-1, 1:-1].sum(), "known pixels on every side"
    assert 0.6 - 2 / size <= hole.mean() <= 0.8  # sides are rounded down: at most one row and one column less


def test_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        sample_mask(15, np.random.default_rng(0))


def _shares(family, size, count=600):
    """Hole shares of many masks of a family, each of its own seed."""
    return np.array([family(size, np.random.default_rng(seed)).mean() for seed in range(count)])


SPREAD = {
    # family    least and largest share, and the part of it in which no tenth may hold less than 2 % of the masks
    "box": (0.01, 0.60, (0.03, 0.42)),
    "strokes": (0.005, 0.75, (0.03, 0.58)),
    "blob": (0.002, 0.75, (0.02, 0.28)),
    "half": (0.29, 0.60, (0.30, 0.59)),
    "border": (0.005, 0.70, (0.20, 0.54)),
}
"""What the docstrings promise, at 64 pixels; rounding to whole pixels gives a little on both ends."""


def _check_spread(shares, lowest, highest, between):
    assert lowest <= shares.min() <= shares.max() <= highest
    counts, _ = np.histogram(shares, bins=10, range=between)
    assert counts.min() >= 0.02 * len(shares), counts


@pytest.mark.parametrize("family", MASKS)
def test_hole_shares_fill_their_range(family):
    _check_spread(_shares(MASKS[family], 64), *SPREAD[family])


@pytest.mark.parametrize("family", MASKS)
def test_a_family_of_small_holes_or_with_a_gap_is_caught(family):
    """The planted errors: every mask at half its extent, and none in the two middle tenths."""
    shares = _shares(MASKS[family], 64)
    lowest, highest, between = SPREAD[family]
    with pytest.raises(AssertionError):
        _check_spread(shares / 2, lowest, highest, between)
    middle = sum(between) / 2
    width = between[1] - between[0]
    with pytest.raises(AssertionError):
        _check_spread(shares[np.abs(shares - middle) > 0.1 * width], lowest, highest, between)


def test_shares_of_halves_and_borders_follow_their_laws():
    """A half covers U(0.3, 0.6). A frame of four widths U(0, 0.22) keeps (1 - t - b)(1 - l - r), in the mean 0.78 squared."""
    halves, borders = _shares(MASKS["half"], 256, 2000), _shares(MASKS["border"], 256, 2000)
    assert stats.kstest(halves + 0.5 / 256, "uniform", args=(0.3, 0.3)).pvalue > 0.001
    widths = np.random.default_rng(0).uniform(0, 0.22, (4, 200_000))
    law = 1 - (1 - widths[0] - widths[1]) * (1 - widths[2] - widths[3])
    assert law.mean() == pytest.approx(1 - 0.78**2, abs=0.001)
    assert borders.mean() == pytest.approx(law.mean(), abs=0.01)
    assert stats.ks_2samp(borders + 1 / 256, law).pvalue > 0.001
    # The planted error: sides of up to 0.2.
    narrower = 1 - (1 - (widths[0] + widths[1]) / 1.1) * (1 - (widths[2] + widths[3]) / 1.1)
    assert stats.ks_2samp(borders + 1 / 256, narrower).pvalue < 1e-6


def test_masks_are_a_function_of_the_generator_alone():
    """Other draws, other threads and the global generators in between change nothing."""
    expected = [sample_mask(48, np.random.default_rng(seed)) for seed in range(40)]
    np.random.seed(1)  # noqa: NPY002 (that a stray use of it would show)
    for seed in reversed(range(40)):
        sample_mask(97, np.random.default_rng(seed + 100))
        family, hole = sample_mask(48, np.random.default_rng(seed))
        assert family == expected[seed][0]
        np.testing.assert_array_equal(hole, expected[seed][1])
    with ThreadPoolExecutor(4) as pool:
        for (family, hole), again in zip(
            expected, pool.map(lambda seed: sample_mask(48, np.random.default_rng(seed)), range(40)), strict=True
        ):
            assert family == again[0]
            np.testing.assert_array_equal(hole, again[1])


KNOWN = [
    ("blob", 1223),
    ("strokes", 2508),
    ("strokes", 840),
    ("box", 667),
    ("border", 1676),
    ("half", 2176),
    ("strokes", 919),
    ("blob", 606),
]


def test_known_seeds_give_the_masks_they_always_gave():
    """Runs are resumed by seed and step: a changed draw would change the weights."""
    drawn = [sample_mask(64, np.random.default_rng(seed)) for seed in range(8)]
    assert [(family, int(hole.sum())) for family, hole in drawn] == KNOWN
