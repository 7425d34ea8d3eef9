"""Mask families: seeded, neither empty nor full, of the stated extent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.masks import MASKS, WEIGHTS, sample_mask


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


def test_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        sample_mask(15, np.random.default_rng(0))
