"""Growing a hole: against SciPy's exact distance transform, and what dilation must obey."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import distance_transform_edt

from models.photo.mask_grow import _BAND, MOST_GROWTH, grow


def reference(hole, radius):
    """Every pixel whose nearest hole pixel is at most ``radius`` away."""
    return distance_transform_edt(~hole) <= radius if hole.any() else hole


@st.composite
def holes(draw):
    """Sparse to dense; up to three bands high."""
    height, width = draw(st.integers(1, 3 * _BAND)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random((height, width)) < draw(st.sampled_from([0, 0.0005, 0.005, 0.2, 1]))


@given(hole=holes(), radius=st.one_of(st.integers(0, 12), st.integers(0, MOST_GROWTH)))
def test_a_grown_hole_is_all_within_the_radius(hole, radius):
    before = hole.copy()
    assert np.array_equal(grow(hole, radius), reference(hole, radius))
    assert np.array_equal(hole, before)


SMALL = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(hole=SMALL, radii=st.tuples(st.integers(0, 14), st.integers(0, 14)))
def test_more_growth_never_fills_less(hole, radii):
    small, large = (grow(hole, radius) for radius in sorted(radii))
    assert not (hole & ~small).any()
    assert not (small & ~large).any()


@given(hole=SMALL, radius=st.integers(0, 14), data=st.data())
def test_a_larger_hole_never_grows_to_less(hole, radius, data):
    larger = hole | data.draw(arrays(np.bool_, hole.shape))
    assert not (grow(hole, radius) & ~grow(larger, radius)).any()


@given(hole=SMALL, radius=st.integers(0, 14))
def test_a_turned_hole_grows_to_the_same(hole, radius):
    assert np.array_equal(grow(np.ascontiguousarray(hole.T), radius), grow(hole, radius).T)


@pytest.mark.parametrize("place", [(0, 0), (0, -1), (-1, 0), (-1, -1), (200, 300)])
def test_one_pixel_becomes_a_disk(place):
    hole = np.zeros((400, 600), bool)
    hole[place] = True
    assert np.array_equal(grow(hole, MOST_GROWTH), reference(hole, MOST_GROWTH))


@pytest.mark.parametrize("radius", [-1, MOST_GROWTH + 1])
def test_other_radii_are_refused(radius):
    with pytest.raises(ValueError, match=f"by 0 to {MOST_GROWTH} pixels, not by {radius}"):
        grow(np.zeros((3, 3), bool), radius)


def test_growing_takes_two_bytes_a_pixel_and_a_band():
    """A mask of 48 megapixels must not ask for gigabytes: the result, distances of one byte, and what a band needs."""
    hole = np.zeros((3000, 2000), bool)
    hole[::2999, ::1999] = True
    tracemalloc.start()
    grow(hole, 9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 2 * hole.size + 32 * _BAND * hole.shape[1]
