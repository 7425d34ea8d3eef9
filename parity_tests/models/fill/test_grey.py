"""A grey photo stays grey, whatever colours the network answers with; any colour in it leaves the answer alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fill.grey import grey_where_the_photo_is
from models.fill.parameters import DEFAULTS
from models.fill.windows import inpaint
from parity_tests.models.fill.goldens import blurred, disc, image, wire


@given(st.integers(0, 2**32 - 1))
def test_the_grey_is_the_mean_to_the_nearest_level(seed):
    answer = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    grey = grey_where_the_photo_is(answer, np.full((6, 5, 3), 77, np.uint8))
    assert np.array_equal(grey, np.rint(answer.mean(axis=2, keepdims=True)).repeat(3, axis=2))


@given(st.integers(0, 5), st.integers(0, 4), st.integers(0, 2))
def test_one_coloured_pixel_is_enough(row, column, channel):
    answer = np.arange(90, dtype=np.uint8).reshape(6, 5, 3)
    photo = np.full((6, 5, 3), 77, np.uint8)
    photo[row, column, channel] += 1
    assert grey_where_the_photo_is(answer, photo) is answer


@pytest.mark.parametrize("parameters", [DEFAULTS, None], ids=["detail", "no detail"])
@pytest.mark.parametrize(
    ("height", "width", "mask"),
    [(90, 110, disc(90, 110, 50, 60, 17)), (170, 200, disc(170, 200, 90, 110, 48)), (40, 90, wire(40, 90))],
    ids=["full resolution", "a third", "wire"],
)
def test_a_grey_photo_is_filled_grey(height, width, mask, parameters):
    photo = image(height, width)[:, :, :1].repeat(3, axis=2)
    filled = inpaint(photo, mask, blurred, 64, parameters=parameters)
    assert (filled == filled[:, :, :1]).all()
    assert (filled[mask >= 128] != photo[mask >= 128]).any()
