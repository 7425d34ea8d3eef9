"""Widening a frame: how much at which side, in which steps, and what stays."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fill.outpaint import SIDES, STEP, Margins, margins, outpaint, steps

few = settings(deadline=None, max_examples=60)
amounts = st.dictionaries(st.sampled_from(SIDES), st.integers(0, 300) | st.fractions(0, 2, max_denominator=100))


@given(shape=st.tuples(st.integers(1, 500), st.integers(1, 500)), wanted=st.builds(Margins, *[st.integers(0, 700)] * 4))
@few
def test_steps_add_up_and_are_short(shape, wanted):
    height, width = shape
    for step in steps(shape, wanted):
        assert sum(step.of(side) > 0 for side in SIDES) == 1
        assert step.left + step.right <= max(1, width // STEP)
        assert step.top + step.bottom <= max(1, height // STEP)
        height, width = height + step.top + step.bottom, width + step.left + step.right
    assert (height, width) == (shape[0] + wanted.top + wanted.bottom, shape[1] + wanted.left + wanted.right)


@given(shape=st.tuples(st.integers(20, 500), st.integers(20, 500)), aspect=st.fractions(Fraction(1, 4), 4, max_denominator=20))
@few
def test_an_aspect_is_come_to_by_adding_at_both_sides_of_one_axis(shape, aspect):
    if abs(shape[1] / shape[0] - aspect) < 0.06:
        return
    added = margins(shape, {}, aspect)
    height, width = shape[0] + added.top + added.bottom, shape[1] + added.left + added.right
    assert abs(width - height * aspect) <= max(1, aspect)
    assert 0 in (added.left + added.right, added.top + added.bottom)
    assert abs(added.left - added.right) <= 1
    assert abs(added.top - added.bottom) <= 1


def test_amounts_are_pixels_or_shares_and_leave_the_rest_to_the_aspect():
    assert margins((100, 200), {"left": 7, "top": Fraction(1, 4)}, None) == Margins(left=7, top=25)
    assert margins((90, 90), {"right": 0}, Fraction(16, 9)) == Margins(left=70)
    assert margins((90, 100), {"left": 20}, Fraction(16, 9)) == Margins(left=20, right=40)


@pytest.mark.parametrize(
    ("given_amounts", "aspect", "message"),
    [
        ({}, None, "nothing is added"),
        ({"left": 0}, None, "nothing is added"),
        ({}, Fraction(2), "nothing is added"),
        ({"left": 3, "right": 0}, Fraction(3), "--aspect needs 97 more pixels left or right, and both are given"),
    ],
)
def test_what_cannot_be_is_said(given_amounts, aspect, message):
    with pytest.raises(ValueError, match=message):
        margins((100, 200), given_amounts, aspect)


def test_the_photo_stays_and_the_rest_is_filled():
    photo = np.random.default_rng(0).integers(100, 140, (40, 50, 3), dtype=np.uint8)
    asked = []

    def run(*, image, mask):
        asked.append(mask.mean())
        return np.where(mask[:, :, None] >= 128, np.uint8(120), image)

    wanted = Margins(left=10, right=3, top=0, bottom=25)
    before = photo.copy()
    result = outpaint(photo, wanted, run, 64)
    assert result.shape == (65, 63, 3)
    assert np.array_equal(result[:40, 10:60], photo)
    assert np.array_equal(photo, before)
    assert result.min() > 60  # 120, and detail of noise of 20 levels to either side
    assert result.max() < 180
    assert len(asked) >= len(steps(photo.shape, wanted))
