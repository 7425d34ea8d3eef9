"""Matching, choosing and blending against the plainest code that does the same, and on textures whose answer is known."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.metrics.energy import detail_energy
from models.fill.blend import detail, window
from models.fill.coherence import chosen_sources
from models.fill.holes import Box
from models.fill.match import MEAN_WEIGHT, Matches, matches
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.window import fill_window

few = settings(deadline=None, max_examples=30)
PATCHES = [
    replace(p, crowd=99) for p in (Parameters(samples=2), Parameters(), Parameters(patch=2, samples=1), Parameters(patch=8))
]


@st.composite
def images(draw):
    """Cells of a small image with a hole, and cells that are neither hole nor known."""
    shape = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Few values: many equal distances.
    cells = rng.integers(0, draw(st.sampled_from([2, 256])), (*shape, 3)).astype(np.uint8)
    reached = np.zeros(shape, bool)
    top, left = rng.integers(shape[0]), rng.integers(shape[1])
    reached[top : top + rng.integers(1, 6), left : left + rng.integers(1, 6)] = True
    known = ~reached
    known[:, shape[1] - rng.integers(3) :] = False
    return cells, reached, known


def described(cells, corner, parameters):
    """What a patch is compared by, in exact fractions of numpy's means."""
    row, column = corner
    patch = cells[row : row + parameters.patch, column : column + parameters.patch].astype(float)
    mean = np.floor(patch.mean(axis=(0, 1)) + 0.5)
    part = parameters.patch // parameters.samples
    parts = patch.reshape(parameters.samples, part, parameters.samples, part, 3).mean(axis=(1, 3))
    return np.concatenate([(np.floor(parts + 0.5) - mean).clip(-127, 127).ravel(), MEAN_WEIGHT * mean])


@given(image=images(), parameters=st.sampled_from(PATCHES))
@few
def test_distances_are_those_of_the_descriptors(image, parameters):
    cells, reached, known = image
    patch = parameters.patch
    found = matches(cells, reached, known, parameters)
    corners = [(r, c) for r in range(reached.shape[0] - patch + 1) for c in range(reached.shape[1] - patch + 1)]
    inside = {corner: np.s_[corner[0] : corner[0] + patch, corner[1] : corner[1] + patch] for corner in corners}
    sources = [corner for corner in corners if known[inside[corner]].all()]
    if found is None:
        hole = [corner for corner in corners if reached[inside[corner]].any()]
        assert not sources or not hole
        return
    assert found.sources.tolist() == [list(corner) for corner in sources]
    covered = np.zeros_like(reached)
    for i, corner in enumerate(map(tuple, found.wanted.tolist())):
        assert reached[inside[corner]].any()
        covered[inside[corner]] = True
        own = described(cells, corner, parameters)
        exact = [int(((own - described(cells, source, parameters)) ** 2).sum()) for source in sources]
        assert found.distances[i].tolist() == exact
    assert covered[reached].all()


def plainly_chosen(found, parameters):
    """The rule of ``chosen_sources`` written out: every source is weighed, one after the other."""
    distances, sources = found.distances.tolist(), [tuple(s) for s in found.sources.tolist()]
    wanted = [tuple(w) for w in found.wanted.tolist()]
    nearest = sorted(min(row) for row in distances)
    everything = [d for row in distances for d in row]
    usual = nearest[len(nearest) // 2] + sum(everything) // len(everything) // 64 + 1
    for row, corner in zip(distances, wanted, strict=True):
        for s, source in enumerate(sources):
            far = parameters.rows * abs(corner[0] - source[0]) + parameters.columns * abs(corner[1] - source[1])
            row[s] += usual * far // (256 * parameters.patch)
    best = [row.index(min(row)) for row in distances]
    bonus, penalty, echo = (usual * n // 256 for n in (parameters.coherence, parameters.reuse, parameters.echo))
    rows, columns = sorted({w[0] for w in wanted}), sorted({w[1] for w in wanted})
    for sweep in range(parameters.sweeps):
        order = range(len(wanted)) if sweep % 2 == 0 else range(len(wanted) - 1, -1, -1)
        for i in order:
            uses = Counter(best[:i] + best[i + 1 :])
            continued = []
            at = rows.index(wanted[i][0]), columns.index(wanted[i][1])
            for j, other in enumerate(wanted):
                if abs(rows.index(other[0]) - at[0]) + abs(columns.index(other[1]) - at[1]) == 1:
                    source = sources[best[j]]
                    continued.append((source[0] + wanted[i][0] - other[0], source[1] + wanted[i][1] - other[1]))
            costs = [distances[i][s] + penalty * uses[s] for s in range(len(sources))]
            for s, (row, column) in enumerate(sources):
                for going_on in continued:
                    away = max(abs(row - going_on[0]), abs(column - going_on[1]))
                    costs[s] += -bonus if away == 0 else echo if away < parameters.patch else 0
            best[i] = costs.index(min(costs))
    return best


@given(
    image=images(),
    parameters=st.sampled_from(PATCHES),
    weights=st.sampled_from([(0, 0, 0, 0, 0), (256, 51, 128, 512, 128), (900, 0, 0, 0, 9), (0, 700, 300, 77, 0)]),
)
@few
def test_choices_follow_the_rule(image, parameters, weights):
    parameters = replace(parameters, **dict(zip(("coherence", "reuse", "echo", "rows", "columns"), weights, strict=True)))
    found = matches(*image, parameters)
    if found is not None:
        assert chosen_sources(found, parameters).tolist() == plainly_chosen(found, parameters)


def test_few_sources_are_not_shown_over_and_over():
    cells, reached = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), bool)
    reached[4:, :] = True
    known = ~reached
    wanted = 8 * 9  # patches of 4 overlap by half: rows from 2 to 16, columns from 0 to 16
    assert len(matches(cells, reached, known, Parameters(crowd=wanted)).sources) == 17
    known[:, 8:] = False  # 5 sources are left
    for crowd, found in ((wanted // 5, False), (wanted // 5 + 1, True)):
        assert (matches(cells, reached, known, Parameters(crowd=crowd)) is not None) == found


def test_a_hole_that_leaves_a_thin_frame_gets_no_detail():
    rng = np.random.default_rng(0)
    photo, hole = rng.integers(0, 256, (192, 192, 3)).astype(np.uint8), np.zeros((192, 192), bool)
    hole[18:-18, 18:-18] = True

    def flat(image, mask):
        return np.full_like(image, 128)

    inner = np.s_[60:-60, 60:-60]  # beyond what the border's seam reaches
    fill, crowded = (fill_window(photo, hole, flat, 192, Parameters(crowd=crowd)) for crowd in (DEFAULTS.crowd, 99))
    assert fill[inner].std() < 3
    assert crowded[inner].std() > 20


def test_neighbours_prefer_to_go_on():
    """Three patches in a row; the middle one is a little nearer to a stray source than to the one that continues."""
    wanted = np.array([[0, 0], [0, 4], [0, 8]])
    sources = np.array([[20, 0], [20, 4], [20, 8], [40, 40]])
    distances = np.array([[10, 900, 900, 900], [900, 60, 900, 50], [900, 900, 10, 900]], np.int32)
    found = Matches(wanted, sources, distances)
    anywhere = replace(DEFAULTS, rows=0, columns=0)
    assert chosen_sources(found, anywhere).tolist() == [0, 1, 2]
    assert chosen_sources(found, replace(anywhere, coherence=0)).tolist() == [0, 3, 2]


def test_the_same_detail_is_not_shown_twice_side_by_side():
    """The second patch is a little nearer to what the first one shows, one cell on, than to another place."""
    wanted = np.array([[0, 0], [0, 2]])
    sources = np.array([[20, 0], [20, 1], [40, 40]])
    found = Matches(wanted, sources, np.array([[10, 900, 900], [900, 50, 60]], np.int32))
    anywhere = replace(DEFAULTS, rows=0, columns=0)
    assert chosen_sources(found, anywhere).tolist() == [0, 2]
    assert chosen_sources(found, replace(anywhere, echo=0)).tolist() == [0, 1]


def test_sources_at_the_same_height_are_preferred():
    """Two patches; two sources that are alike, one beside them and one below."""
    wanted = np.array([[8, 0], [8, 4]])
    sources = np.array([[8, 24], [32, 0]])
    found = Matches(wanted, sources, np.array([[60, 50], [60, 50]], np.int32))
    assert chosen_sources(found, replace(DEFAULTS, reuse=0)).tolist() == [0, 0]
    assert chosen_sources(found, replace(DEFAULTS, reuse=0, rows=0, columns=0)).tolist() == [1, 1]


@given(data=st.data(), side=st.sampled_from([2, 4, 6, 12]), seed=st.integers(0, 1000))
@few
def test_detail_is_added_up_as_written(data, side, seed):
    rng = np.random.default_rng(seed)
    photo, low = rng.integers(0, 256, (2, 30, 34, 3), dtype=np.uint8)
    box = Box(*(lambda t, le: (t, le, t + data.draw(st.integers(1, 12)), le + data.draw(st.integers(1, 12))))(5, 9))
    count = data.draw(st.integers(0, 6))
    wanted = np.stack([rng.integers(0, 30 - side, count), rng.integers(0, 34 - side, count)], axis=1)
    sources = np.stack([rng.integers(0, 30 - side, count), rng.integers(0, 34 - side, count)], axis=1)
    order = np.lexsort(wanted.T[::-1])
    if count:  # some continue others
        sources[::2] = (wanted[::2] + sources[0] - wanted[0]).clip(0, [30 - side, 34 - side])
    total, by_offset, weights = np.zeros((30, 34, 3)), {}, window(side)[:, :, None]
    for (a, b), (c, d) in zip(wanted[order], sources[order], strict=True):
        copied = np.s_[c : c + side, d : d + side]
        total[a : a + side, b : b + side] += weights * (photo[copied].astype(float) - low[copied])
        by_offset.setdefault((c - a, d - b), np.zeros((30, 34, 1)))[a : a + side, b : b + side] += weights
    squares = sum((weight**2 for weight in by_offset.values()), np.zeros((30, 34, 1)))
    root = np.floor(np.sqrt(squares))
    exact = np.where(root > 0, np.floor(total / np.maximum(root, 1) + 0.5), 0)[box.slices]
    assert np.array_equal(detail(photo, low, box, wanted[order], sources[order], side), exact)


@pytest.mark.parametrize("side", [2, 8, 32, 96, 384])
def test_the_window_is_a_smooth_step_up_and_down(side):
    t = (np.arange(side) + 0.5) / (side / 2)
    t = np.minimum(t, 2 - t)
    line = 3 * t**2 - 2 * t**3
    assert np.abs(window(side) / 256 - np.outer(line, line)).max() <= 1.5 / 256
    assert np.array_equal(window(side), window(side)[::-1, ::-1].T)


def grey(image, hole):
    """A network that knows the tone and nothing else."""
    return np.full_like(image, 128)


@pytest.mark.parametrize("side", [256, 512, 700])
def test_noise_keeps_its_strength(side):
    """White noise in the photo, nothing from the network: the fill has as much detail as the photo, and copies no patch twice."""
    rng = np.random.default_rng(1)
    photo = rng.normal(128, 30, (side, side, 3)).clip(0, 255).astype(np.uint8)
    hole = np.zeros((side, side), bool)
    third = side // 3
    hole[third : 2 * third, third : 2 * third] = True
    result = photo.copy()
    result[third : 2 * third, third : 2 * third] = fill_window(photo, hole, grey, 256)
    assert 0.8 < detail_energy(result, hole) / detail_energy(photo, hole) < 1.2
    flat = fill_window(photo, hole, grey, 256, None)
    assert flat.std() < 3


def test_stripes_go_through_the_hole():
    """Slanted stripes of which the network knows the means over cells: detail comes in phase, from where they look the same."""
    rows, columns = np.mgrid[:256, :256]
    stripes = 128 + 60 * np.sin(2 * np.pi * (rows + columns / 3) / 6)
    photo = np.repeat(stripes[:, :, None], 3, axis=2).astype(np.uint8)
    blurred = photo.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3)).repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
    hole = np.zeros((256, 256), bool)
    hole[100:150, 90:170] = True
    truth = photo[100:150, 90:170].astype(int)
    all_of_it, some_of_it, without = (
        np.abs(fill_window(photo, hole, lambda image, hole: blurred, 256, parameters) - truth).mean()
        for parameters in (replace(DEFAULTS, middle=4), replace(DEFAULTS, middle=1), None)
    )
    # Out of phase, the fill would be further from the photo than without detail. What is left are the steps of the cells.
    assert all_of_it < 0.6 * without
    assert some_of_it < 0.75 * without, "of what is larger than half a cell, only a quarter is copied"
