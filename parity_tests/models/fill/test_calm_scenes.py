"""Calm scenes stay calm: the shipped weights draw no weave into a sky, a wall or sand.

The shares of energy at the periods of a lattice (docs/evaluation.md) are means over photographs, whose texture hides one in the
calm ones: weights with the best shares of all drew a ladder into an evening sky. These scenes have nothing that could hide it.
"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from models.checkpoint import SHIPPED, load_checkpoint
from models.fill.windows import inpaint
from models.runner import torch_run

SIZE = 256
SCENES = {  # colours at the top and at the bottom
    "evening sky": ((38, 56, 100), (74, 100, 150)),
    "day": ((70, 130, 200), (170, 200, 230)),
    "wall": ((200, 196, 188), (180, 174, 166)),
    "sand": ((214, 190, 150), (196, 168, 124)),
    "grey": ((120, 120, 120), (150, 150, 150)),
}
MOST = 4.0
"""Times as much as the scene has itself. Shipped weights: 1.7 to 2.1 (their predecessors 1.9 to 2.5, weights without a game 1.4
to 2.0). Weights whose weave is seen at once: 4 to 9. With torch's plain loops instead of vector instructions: within 0.001."""


def scene(top, bottom):
    """(SIZE, SIZE, 3) uint8: a gradient from one colour to the other, with grain of one level."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    share = ((rows + 0.2 * (columns - SIZE / 2)) / SIZE).clip(0, 1)[:, :, None]
    grain = np.random.default_rng(3).normal(0, 1, (SIZE, SIZE, 1))
    return np.rint(np.array(top) * (1 - share) + np.array(bottom) * share + grain).clip(0, 255).astype(np.uint8)


def holes():
    """A pole's hole, and a wide one."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    yield ((rows - 128) / 125) ** 2 + ((columns - 100) / 16) ** 2 <= 1
    yield ((rows - 128) / 60) ** 2 + ((columns - 128) / 100) ** 2 <= 1


def weave(fill, photo, hole):
    """What the fill has between about 4 and 20 pixels, as a multiple of what the photo has there."""

    def middle(pixels):
        grey = pixels.astype(float).mean(axis=2)
        return np.sqrt(np.square(gaussian_filter(grey, 1) - gaussian_filter(grey, 5))[hole].mean())

    return middle(fill) / middle(photo)


def most(run, colours):
    photo = scene(*colours)
    return max(weave(inpaint(photo, hole.astype(np.uint8) * np.uint8(255), run, SIZE), photo, hole) for hole in holes())


@pytest.fixture(scope="module")
def shipped():
    return torch_run(load_checkpoint(SHIPPED), SIZE)


@pytest.mark.parametrize("name", SCENES)
def test_a_calm_scene_stays_calm(shipped, name):
    assert most(shipped, SCENES[name]) < MOST


def test_a_ladder_is_caught(shipped):
    """Rungs of 5 levels, 8 pixels apart: what a stranger sees first."""
    rungs = 5 * np.sin(2 * np.pi * np.arange(SIZE) / 8)[:, None, None]

    def with_rungs(*, image, mask):
        return (shipped(image=image, mask=mask) + rungs).clip(0, 255).astype(np.uint8)

    assert most(with_rungs, SCENES["evening sky"]) > MOST
