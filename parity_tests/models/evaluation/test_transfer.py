"""Steps at borders and repetition, on images whose answer is known."""

import numpy as np
import pytest

from models.evaluation.metrics.transfer import border_step, repetition

HOLE = np.zeros((120, 140), bool)
HOLE[30:100, 40:110] = True


def test_a_step_is_its_height():
    image = np.full((120, 140, 3), 100, np.uint8)
    image[HOLE] = 117
    assert border_step(image, HOLE) == 17
    image[HOLE] = 100
    assert border_step(image, HOLE) == 0


def test_a_slope_counts_across_the_border_only():
    """One level a column and nothing down: two of the four sides have a step of 1, equally many pixels each."""
    image = np.broadcast_to(np.arange(140, dtype=np.uint8)[None, :, None], (120, 140, 3))
    assert border_step(image, HOLE) == pytest.approx(0.5)


@pytest.mark.parametrize("lag", [8, 16, 32])
def test_tiles_repeat_and_noise_does_not(lag):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 140, 3), dtype=np.uint8)
    tile = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    tiles = np.tile(tile, (15, 18, 1))[:, :140]
    assert repetition(tiles, HOLE, lag) > 0.99
    # About 2000 independent pixels: three standard deviations are 0.07.
    assert abs(repetition(noise, HOLE, lag)) < 0.07
    assert repetition(np.full_like(noise, 9), HOLE, lag) == 0
