"""When larger shapes are copied, too: energies that are known in closed form, photographs of textures and of other things."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from models.evaluation.metrics.energy import lattice_energy, texture_energy
from models.fill.parameters import DEFAULTS
from models.fill.texture import one_texture
from models.fill.windows import inpaint
from parity_tests.models.fill.goldens import blurred, disc

SIDE = 64
HOLES = np.zeros((SIDE, SIDE), bool)
HOLES[24:40, 20:44] = True  # 4 x 6 blocks


def chequered(around, inside):
    """Cells that alternate by an amplitude of each block: means over 2 x 2 are all 128, so that its square is the energy."""
    amplitudes = np.full((16, 16), inside)
    amplitudes[~HOLES[::4, ::4]] = around
    sign = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2 == 0, 1, -1)
    return np.repeat((128 + sign * amplitudes.repeat(4, axis=0).repeat(4, axis=1))[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("weak", "strong", "inside", "expected"),
    [
        (20, 44, 19, True),  # squares: 4.84 times each other, and 1.11 times the fill's
        (20, 45, 19, False),  # 5.06 times: not alike
        (20, 44, 20, False),  # as much in the fill: the network knows the texture
        (0, 0, 0, False),
    ],
)
def test_thresholds(weak, strong, inside, expected):
    count = int((~HOLES[::4, ::4]).sum())
    around = np.where(np.arange(count) < count // 2, weak, strong)
    assert one_texture(chequered(np.random.default_rng(0).permutation(around), inside), HOLES, ~HOLES) is expected


def test_a_tenth_at_both_ends_does_not_count():
    around = np.full(int((~HOLES[::4, ::4]).sum()), 30)
    around[: len(around) // 11], around[-(len(around) // 11) :] = 1, 120
    assert one_texture(chequered(around, 3), HOLES, ~HOLES)
    around[: len(around) // 8] = 1
    assert not one_texture(chequered(around, 3), HOLES, ~HOLES)


def test_too_little_is_known():
    known = np.zeros((SIDE, SIDE), bool)
    known[:8, :16] = True  # 8 blocks
    cells = chequered(30, 3)
    assert one_texture(cells, HOLES, known)
    known[0, 0] = False
    assert not one_texture(cells, HOLES, known)
    assert not one_texture(cells, np.zeros_like(HOLES), ~HOLES)
    assert not one_texture(cells[:3, :3], HOLES[:3, :3], ~HOLES[:3, :3])


def square(name):
    photo = getattr(skimage.data, name)()[40:296, 40:296]
    return np.ascontiguousarray(photo if photo.ndim == 3 else np.stack([photo] * 3, axis=2))


MASK = disc(256, 256, 128, 128, 55)


def filled(name, coarse):
    return inpaint(square(name), MASK, blurred, 256, parameters=replace(DEFAULTS, coarse=coarse))


@pytest.mark.parametrize("name", ["gravel", "grass"])
def test_a_texture_is_as_coarse_as_it_is(name):
    """The share of energy at the cells' period against the photo's: too much of it is what too fine a fill has."""
    photo, hole = square(name), MASK > 0

    def share(image):
        return lattice_energy(image, hole, 4) / texture_energy(image, hole)

    with_shapes, without = (share(filled(name, coarse)) / share(photo) for coarse in (2, 1))
    assert 0.6 < with_shapes < 1.5
    assert with_shapes < without / 1.3


@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut"])
def test_other_photographs_are_filled_as_before(name):
    assert np.array_equal(filled(name, 2), filled(name, 1))
