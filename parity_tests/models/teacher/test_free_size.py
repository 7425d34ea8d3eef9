"""Images larger than the denoiser, on a Gaussian field whose denoiser is exact: across a tile's border all is as inside."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.teacher.free_size import KeptAndMeans, restore_hierarchical, restore_tiled, tiles
from models.teacher.ground_truth.exact import gaussian_field, symmetric_root
from models.teacher.observation import Observation
from models.teacher.samplers.ddnm_plus import sample_ddnm_plus
from models.teacher.samplers.step import standard_normal
from models.teacher.schedule import linear_schedule

SIDE, LENGTH = 6, 1.0
FIELD = gaussian_field(SIDE, LENGTH)
NEIGHBOURS = math.exp(-1 / (2 * LENGTH**2))
"""Correlation of two pixels side by side, from the field's covariance."""

STEPS = 25
BORDERS = [4, 7]
"""With tiles of 6 that share 3, of which the last column is left to the next tile, new parts end behind these columns."""


def by_ddnm(rng):
    """DDNM with enough time travel to be close to the posterior (docs/teacher.md)."""

    def draw(observation):
        start = standard_normal(observation.y, rng)
        return sample_ddnm_plus(
            FIELD.denoiser, start, linear_schedule(STEPS), observation, rng=rng, travel_length=1, travel_repeat=8
        )

    return draw


def exactly(rng):
    """The posterior itself in place of a sampler: what is left of a seam then is the tiles' own."""

    def draw(observation):
        known = observation.operator.known[0].flatten()
        covariance = FIELD.covariances[0]
        gain = torch.linalg.solve(covariance[known][:, known], covariance[known])
        rest = symmetric_root(covariance - covariance[:, known] @ gain)
        noise = torch.randn(len(observation.y), SIDE**2, generator=rng).double()
        drawn = observation.y.flatten(1)[:, known] @ gain + noise @ rest
        return torch.where(observation.operator.known, observation.y, drawn.view_as(observation.y))

    return draw


def drawn(count, width, *, shift=True, seed=0, sample=by_ddnm):
    """Images of SIDE x width of which nothing is known."""
    y, known = torch.zeros(count, 1, SIDE, width).double(), torch.zeros(1, 1, SIDE, width, dtype=torch.bool)
    return restore_tiled(sample(torch.Generator().manual_seed(seed)), y, known, SIDE, 3, shift=shift)


def correlations(images):
    """Between each column and the next."""
    flat = images.transpose(1, 3).flatten(2)  # (count, width, SIDE)
    left, right = flat[:, :-1], flat[:, 1:]
    variance = flat.square().mean((0, 2)).sqrt()
    return (left * right).mean((0, 2)) / (variance[:-1] * variance[1:])


@given(st.integers(4, 40), st.integers(4, 40), st.integers(2, 4), st.sampled_from([1, 2]), st.data())
def test_tiles_cover_and_overlap(height, width, size, multiple, data):
    height, width, size = (multiple * side for side in (height, width, size))
    overlap = data.draw(st.integers(1, size - multiple))
    covered = torch.zeros(height, width, dtype=torch.int)
    places = tiles(height, width, size, overlap, multiple)
    for tile in places:
        assert tile.top % multiple == tile.left % multiple == 0
        assert tile.top + size <= height
        assert tile.left + size <= width
        covered[tile.top : tile.top + size, tile.left : tile.left + size] += 1
    assert bool((covered > 0).all())
    for line in (sorted({tile.top for tile in places}), sorted({tile.left for tile in places})):
        assert all(after - before <= size - overlap for before, after in itertools.pairwise(line))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((8, 8, 4, 0), "overlap is 0"),
        ((8, 8, 4, 4), "1 to 3"),
        ((3, 8, 4, 1), "smaller than a tile"),
        ((9, 8, 4, 1, 2), "blocks of 2x2"),
    ],
)
def test_tiles_that_cannot_be(arguments, said):
    with pytest.raises(ValueError, match=said):
        tiles(*arguments)


def test_kept_pixels_and_means_are_an_observation():
    known = torch.zeros(1, 1, 6, 8, dtype=torch.bool)
    known[..., :3] = True  # the second column of blocks is kept in part
    operator = KeptAndMeans(known, 2)
    x = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(1)).double()
    y = operator.apply(x)
    Observation(operator, y)  # refuses what is no pseudo-inverse
    assert torch.equal(y[..., :3], x[..., :3])
    assert torch.equal(y[..., 3], torch.zeros(2, 3, 6).double())
    assert torch.allclose(y[..., 4:6, 4:6], x[..., 4:6, 4:6].mean((2, 3), keepdim=True).expand(-1, -1, 2, 2))
    assert torch.allclose(operator.apply(y), y)
    with pytest.raises(ValueError, match="blocks of 4x4"):
        KeptAndMeans(known, 4)


def test_mask_shift_leaves_no_seam():
    """2000 exact draws: the standard error of a correlation over six rows is below 0.012, so 0.04 is more than three of them.

    Two columns tell the next tile what was made; a third would change the correlation by less than 0.002.
    """
    images = drawn(2000, 12, sample=exactly)
    assert float((correlations(images) - NEIGHBOURS).abs().max()) < 0.04
    assert float((images.var((0, 1, 2)) - 1).abs().max()) < 0.1


def test_mask_shift_by_a_sampler():
    """DDNM with 25 steps and little travel is a tenth off its posterior (docs/teacher.md), alone it would be all of it."""
    found = correlations(drawn(1000, 12))
    inside = [i for i in range(11) if i not in BORDERS]
    assert float(found[BORDERS].min()) > 0.8 * float(found[inside].mean())


def test_tiles_that_stand_alone_have_seams():
    found = correlations(drawn(500, 12, shift=False))
    assert float(found[BORDERS].abs().max()) < 0.15
    assert float(found[[1, 2, 3]].min()) > 0.5


def test_known_pixels_are_kept_and_continued():
    rng = torch.Generator().manual_seed(3)
    wide = gaussian_field(12, LENGTH).sample(400, rng)[:, :, :SIDE]
    known = torch.ones(1, 1, SIDE, 12, dtype=torch.bool)
    known[..., 4:9] = False
    filled = restore_tiled(by_ddnm(rng), wide, known, SIDE, 3)
    assert torch.equal(filled[..., :4], wide[..., :4])
    assert torch.equal(filled[..., 9:], wide[..., 9:])
    found = correlations(filled)
    assert float((found[[3, 8]] - NEIGHBOURS).abs().max()) < 0.1
    under = torch.where(known, wide, torch.full((), 9.0).double())
    again = restore_tiled(by_ddnm(torch.Generator().manual_seed(4)), under, known, SIDE, 3)
    other = restore_tiled(by_ddnm(torch.Generator().manual_seed(4)), wide, known, SIDE, 3)
    assert torch.equal(again[..., 4:9], other[..., 4:9]), "what lies in the hole has an influence"


@pytest.mark.parametrize(("height", "width"), [(6, 6), (5, 13), (17, 9), (6, 40)])
def test_coarse_to_fine(height, width):
    """Of any size; the finest level has the means that the one before it decided on, which the field's neighbours show."""
    y = torch.zeros(3, 1, height, width).double()
    known = torch.zeros(1, 1, height, width, dtype=torch.bool)
    known[..., : width // 4] = True
    y[..., : width // 4] = 0.5
    levels = []
    filled = restore_hierarchical(
        by_ddnm(torch.Generator().manual_seed(0)), y, known, SIDE, 2, progress=lambda *shape: levels.append(shape),
    )  # fmt: skip
    assert filled.shape == y.shape
    assert torch.equal(filled[..., : width // 4], y[..., : width // 4])
    assert bool(torch.isfinite(filled).all())
    assert max(levels[0]) <= SIDE < max(levels[-1]) or len(levels) == 1
    assert all(below == (2 * above[0], 2 * above[1]) for above, below in itertools.pairwise(levels))


def test_the_fine_level_obeys_the_coarse_one():
    coarse = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(5)).double()
    y, known = torch.zeros(2, 1, 12, 12).double(), torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    rng = torch.Generator().manual_seed(0)
    filled = restore_tiled(by_ddnm(rng), y, known, SIDE, 2, coarse=coarse)
    assert torch.allclose(torch.nn.functional.avg_pool2d(filled, 2), coarse, atol=1e-9)
