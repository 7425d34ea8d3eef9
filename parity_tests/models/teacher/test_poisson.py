"""Poisson blending against a dense solve that is built pixel by pixel."""

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.masks import MASKS
from models.system.errors import ToolchainMissing
from models.teacher.poisson import poisson_blend

NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def dense(fill, photo, hole, *, border_sign=1.0, outside_is_zero=False):
    """Eq. 7 of the paper as a loop over pixels and ``numpy.linalg.solve``; the switches plant errors."""
    height, width = hole.shape
    places = [(y, x) for y in range(height) for x in range(width) if hole[y, x]]
    number = {place: index for index, place in enumerate(places)}
    matrix, rhs = np.zeros((len(places), len(places))), np.zeros((len(places), fill.shape[2]))
    for (y, x), row in number.items():
        for dy, dx in NEIGHBOURS:
            q = (y + dy, x + dx)
            if not (0 <= q[0] < height and 0 <= q[1] < width):
                matrix[row, row] += outside_is_zero
                continue
            matrix[row, row] += 1
            rhs[row] += fill[y, x] - fill[q]
            if q in number:
                matrix[row, number[q]] -= 1
            else:
                rhs[row] += border_sign * photo[q]
    result = photo.copy()
    result[hole] = np.linalg.solve(matrix, rhs)
    return result


def images(seed, height=9, width=11, channels=3):
    rng = np.random.default_rng(seed)
    shape = (height, width, channels)
    return rng.random(shape), rng.random(shape), rng


def random_hole(rng, height, width, share):
    """Neither empty nor full: one pixel is always in the hole and another never."""
    hole = rng.random((height, width)) < share
    lost, kept = rng.choice(height * width, 2, replace=False)
    hole.flat[lost], hole.flat[kept] = True, False
    return hole


@given(
    seed=st.integers(0, 10_000),
    height=st.integers(1, 12),
    width=st.integers(2, 12),
    channels=st.sampled_from([1, 3, 4]),
    share=st.floats(0, 1),
    scale=st.sampled_from([1.0, 255.0]),
)
@settings(max_examples=150, deadline=None)
def test_equals_the_dense_solve(seed, height, width, channels, share, scale):
    """Holes of any number of parts, at the border and inside, from a single pixel to all but one."""
    fill, photo, rng = images(seed, height, width, channels)
    fill, photo = scale * fill, scale * photo
    hole = random_hole(rng, height, width, share)
    result = poisson_blend(fill, photo, hole)
    assert np.abs(result - dense(fill, photo, hole)).max() <= 1e-8
    assert np.array_equal(result[~hole], photo[~hole])


def named_holes():
    """(24, 26) holes whose kind a random draw might miss."""
    holes = {name: np.zeros((24, 26), dtype=bool) for name in ("inside", "corner", "parts", "diagonal", "pixel", "ring", "strip")}
    holes["inside"][5:18, 6:20] = True
    holes["corner"][:15, :14] = True
    holes["parts"][2:6, 2:6] = holes["parts"][10:20, 3:9] = holes["parts"][:, 20:] = True
    holes["diagonal"][4:8, 4:8] = holes["diagonal"][8:12, 8:12] = True  # two parts that meet at a corner only
    holes["pixel"][0, 25] = True
    holes["ring"][4:20, 4:20] = True
    holes["ring"][9:14, 9:14] = False
    holes["strip"][:, :25] = True  # kept: the last column
    return holes


@pytest.mark.parametrize("name", named_holes())
def test_named_holes_equal_the_dense_solve(name):
    fill, photo, _ = images(7, 24, 26)
    hole = named_holes()[name]
    assert np.abs(poisson_blend(255 * fill, 255 * photo, hole) - dense(255 * fill, 255 * photo, hole)).max() <= 1e-8


@pytest.mark.parametrize("mistake", [{"border_sign": -1.0}, {"outside_is_zero": True}])
def test_planted_errors_are_seen(mistake):
    fill, photo, _ = images(0)
    hole = np.zeros((9, 11), dtype=bool)
    hole[:6, 2:9] = True
    assert np.abs(poisson_blend(fill, photo, hole) - dense(fill, photo, hole, **mistake)).max() > 1e-2


def test_a_shift_of_tone_is_removed():
    _, photo, rng = images(3, 32, 32)
    hole = random_hole(rng, 32, 32, 0.3)
    fill = photo + np.array([0.2, -0.1, 0.05])
    assert np.abs(poisson_blend(fill, photo, hole) - photo).max() < 1e-12


def test_a_shift_of_tone_in_pixels_is_removed_exactly():
    """Every family of masks, at a size where rounding could add up."""
    rng = np.random.default_rng(4)
    photo = rng.integers(0, 226, (128, 128, 3), dtype=np.uint8)
    fill = photo + np.array([30, 7, 1], dtype=np.uint8)
    for family in MASKS.values():
        assert np.array_equal(poisson_blend(fill, photo, family(128, rng)), photo)


def test_a_composite_comes_back_unchanged():
    """Its edge is in the gradient across the border, as in the paper: a fill has to be blended before it is pasted."""
    fill, photo, rng = images(6, 20, 20)
    hole = random_hole(rng, 20, 20, 0.4)
    composite = np.where(hole[..., None], fill, photo)
    assert np.abs(poisson_blend(composite, photo, hole) - composite).max() < 1e-12


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_kept_pixels_and_types(dtype):
    fill, photo, rng = images(5, 24, 20)
    hole = random_hole(rng, 24, 20, 0.4)
    scale = 255 if dtype == np.uint8 else 1
    fill, photo = (scale * fill).astype(dtype), (scale * photo).astype(dtype)
    before = fill.copy(), photo.copy()
    result = poisson_blend(fill, photo, hole)
    assert result.dtype == dtype
    assert np.array_equal(result[~hole], photo[~hole])
    assert np.array_equal(fill, before[0])
    assert np.array_equal(photo, before[1])
    expected = dense(fill.astype(float), photo.astype(float), hole)
    if dtype == np.uint8:
        assert expected.min() < 0
        assert expected.max() > 255, "both clips have something to do"
        assert np.abs(result.astype(float) - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-9
    else:
        assert expected.max() > 1, "floats are not clipped"
        assert np.abs(result.astype(float) - expected).max() <= 4 * np.finfo(dtype).eps


def test_what_lies_elsewhere_does_not_matter():
    """The photo under the hole and both images away from it, be they NaN."""
    fill, photo, _ = images(8)
    hole = np.zeros((9, 11), dtype=bool)
    hole[3:6, 3:7] = True
    expected = poisson_blend(fill, photo, hole)
    photo[hole] = np.nan
    photo[0, 0] = fill[8, 10] = np.nan
    result = poisson_blend(fill, photo, hole)
    assert np.array_equal(result[hole], expected[hole])
    assert np.array_equal(result[~hole], photo[~hole], equal_nan=True)


def test_an_empty_hole_changes_nothing():
    fill, photo, _ = images(1)
    result = poisson_blend(fill, photo, np.zeros((9, 11), dtype=bool))
    assert np.array_equal(result, photo)
    assert result is not photo
    assert not np.shares_memory(result, photo)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, p, h: (f[:4], p, h), "must be alike"),
        (lambda f, p, h: (f[..., 0], p[..., 0], h), "must be alike"),
        (lambda f, p, h: (f.astype(np.float32), p, h), "must be alike"),
        (lambda f, p, h: (f, p, h[:4]), "bool is needed"),
        (lambda f, p, h: (f, p, h.astype(np.uint8)), "bool is needed"),
        (lambda f, p, h: (f.astype(int), p.astype(int), h), "uint8 and floats"),
        (lambda f, p, h: (f, p, np.ones_like(h)), "touches no kept pixel"),
        (lambda f, p, h: (f * np.nan, p, h), "finite"),
        (lambda f, p, h: (f, p * np.inf, h), "finite"),
    ],
)
def test_bad_input(change, message):
    fill, photo, _ = images(2)
    hole = np.zeros((9, 11), dtype=bool)
    hole[2:5, 2:5] = True
    with pytest.raises(ValueError, match=message) as caught:
        poisson_blend(*change(fill, photo, hole))
    assert "\n" not in str(caught.value)


def test_without_scipy_the_pip_line_is_told(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)  # import then raises, as where it is not installed
    fill, photo, _ = images(1)
    hole = np.zeros((9, 11), dtype=bool)
    assert np.array_equal(poisson_blend(fill, photo, hole), photo), "nothing to solve"
    hole[4, 4] = True
    with pytest.raises(ToolchainMissing, match=r"pip install 'wavefill\[teacher\]'"):
        poisson_blend(fill, photo, hole)


def test_importing_needs_neither_torch_nor_scipy():
    script = "import sys, models.teacher.poisson; print(sorted({'torch', 'scipy'} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


@pytest.mark.slow
def test_a_large_hole_is_fast():
    """512x512, a quarter of it: 0.2 s were measured on one core, 1 s is wanted, 3 s allow for slow machines.

    By this thread's own time, which others on the machine hardly lengthen.
    """
    fill, photo, _ = images(0, 512, 512)
    box = np.zeros((512, 512), dtype=bool)
    box[128:384, 128:384] = True
    free = next(mask for seed in range(99) if 0.22 < (mask := MASKS["strokes"](512, np.random.default_rng(seed))).mean() < 0.3)
    for hole in (box, free):
        times = []
        for _ in range(3):
            start = time.thread_time()
            poisson_blend(fill, photo, hole)
            times.append(time.thread_time() - start)
        assert sorted(times)[1] <= 3.0


def test_a_composite_called_one_is_blended():
    """A dense solve with no guidance across the edge; a shifted tone goes, the kept pixels and the fill's texture stay."""
    _, photo, _rng = images(4)
    photo = 0.5 + 0.05 * photo
    hole = np.zeros((9, 11), dtype=bool)
    hole[2:7, 3:9] = True
    composite = photo + 0.3 * hole[..., None]
    places = np.argwhere(hole).tolist()
    number = {tuple(place): index for index, place in enumerate(places)}
    matrix, rhs = np.zeros((len(places), len(places))), np.zeros((len(places), 3))
    for (y, x), row in number.items():
        for dy, dx in NEIGHBOURS:
            q = (y + dy, x + dx)
            matrix[row, row] += 1
            if q in number:
                matrix[row, number[q]] -= 1
                rhs[row] += composite[y, x] - composite[q]
            else:
                rhs[row] += photo[q]
    expected = photo.copy()
    expected[hole] = np.linalg.solve(matrix, rhs)
    result = poisson_blend(composite, photo, hole, composite=True)
    assert np.abs(result - expected).max() < 1e-8
    assert np.array_equal(result[~hole], photo[~hole])
    assert np.abs(result - photo).max() < 0.06 < 0.3, "what is left is of the size of the texture"
    texture = np.diff(result, axis=0)[3:5, 4:8] - np.diff(photo, axis=0)[3:5, 4:8]
    assert np.abs(texture).max() < 0.03
