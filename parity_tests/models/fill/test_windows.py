"""Free-size filling: kept pixels, holes, windows, scaling."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fill.holes import Box, context_window, hole_groups
from models.fill.match import matches
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.window import scaled
from models.fill.windows import inpaint
from models.runner import torch_run
from parity_tests.support.small import small_generator

SIZE = 16
SMALL = Parameters(band=1, patch=4, samples=2)
"""Patches that fit into a network of this size several times."""
ASTRONAUT = np.ascontiguousarray(skimage.data.astronaut())
network = torch_run(small_generator(), SIZE)
few = settings(deadline=None, max_examples=80)


def garbage(*, image, mask):
    """A network that also ruins what it should keep: nothing of that may reach the photo."""
    return np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)


def flat(value):
    return lambda *, image, mask: np.where(mask[:, :, None] >= 128, np.uint8(value), image)


@st.composite
def pairs(draw):
    """A photo of any size up to 70 pixels and a mask of a few rectangles and specks; never full."""
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = rng.integers(0, 128, (height, width), dtype=np.uint8)
    for _ in range(draw(st.integers(0, 4))):
        top, left = rng.integers(0, height), rng.integers(0, width)
        mask[top : top + rng.integers(1, height + 1), left : left + rng.integers(1, width + 1)] = rng.integers(128, 256)
    mask[rng.random(mask.shape) < draw(st.sampled_from([0, 0, 0.01, 0.3, 0.95]))] = 255
    mask[rng.integers(0, height), rng.integers(0, width)] = 127
    return photo, mask


@pytest.mark.parametrize("run", [network, garbage], ids=["network", "garbage"])
@given(pair=pairs(), parameters=st.sampled_from([None, DEFAULTS, SMALL]))
@few
def test_kept_pixels_are_bit_identical_and_inputs_unchanged(run, pair, parameters):
    photo, mask = pair
    before = photo.copy(), mask.copy()
    result = inpaint(photo, mask, run, SIZE, parameters=parameters)
    assert result.dtype == np.uint8
    assert result.shape == photo.shape
    assert result is not photo
    assert np.array_equal(result[mask < 128], photo[mask < 128])
    assert np.array_equal(photo, before[0])
    assert np.array_equal(mask, before[1])


@given(pair=pairs(), seed=st.integers(0, 1000), parameters=st.sampled_from([None, SMALL]))
@few
def test_content_under_the_hole_is_irrelevant(pair, seed, parameters):
    photo, mask = pair
    other = np.random.default_rng(seed).integers(0, 256, photo.shape, dtype=np.uint8)
    replaced = np.where(mask[:, :, None] >= 128, other, photo)
    fills = [inpaint(image, mask, network, SIZE, parameters=parameters) for image in (photo, replaced)]
    assert np.array_equal(*fills)


def scaling(photo, hole, size):
    return replace(scaled(photo, hole, size), image=scaled(photo, np.zeros_like(hole), size).image)


def sources(cells, reached, known, parameters):
    return matches(cells, reached, np.ones_like(known), parameters)


@pytest.mark.parametrize(("part", "leak"), [("scaled", scaling), ("matches", sources)])
def test_a_part_that_looks_under_the_hole_is_noticed(monkeypatch, part, leak):
    """The planted errors: a step that takes everything for known, with whatever stands under the hole."""
    monkeypatch.setattr(f"models.fill.window.{part}", leak)
    photo = ASTRONAUT[:100, :100]
    mask = np.zeros((100, 100), np.uint8)
    mask[11:77, 13:78] = 255
    replaced = np.where(mask[:, :, None] >= 128, np.uint8(255), photo)
    fills = [inpaint(image, mask, network, SIZE, parameters=SMALL) for image in (photo, replaced)]
    assert not np.array_equal(*fills)


@given(pair=pairs(), parameters=st.sampled_from([None, DEFAULTS, SMALL]))
@few
def test_every_hole_pixel_is_filled(pair, parameters):
    """A flat grey photo with a screaming hole and a network that answers the same grey: no hole pixel may be left."""
    _, mask = pair
    photo = np.full((*mask.shape, 3), 90, np.uint8)
    photo[mask >= 128] = 255
    assert np.unique(inpaint(photo, mask, flat(90), SIZE, parameters=parameters)).tolist() == [90]


def test_a_photo_of_the_networks_size_goes_straight_through():
    rng = np.random.default_rng(3)
    photo = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[2:9, 3:14] = 255
    mask[15, 0] = 200
    cleared = np.where(mask[:, :, None] >= 128, np.uint8(0), photo)
    assert np.array_equal(inpaint(photo, mask, network, SIZE, parameters=None), network(image=cleared, mask=mask))


def test_a_small_hole_in_a_large_photo_is_filled_at_full_resolution():
    """The network sees an unscaled cut of the photo around the hole."""
    seen = []

    def spy(*, image, mask):
        seen.append((image, mask))
        return flat(0)(image=image, mask=mask)

    photo = ASTRONAUT.copy()
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[200:208, 300:306] = 255
    inpaint(photo, mask, spy, 64)
    ((image, hole),) = seen
    assert np.array_equal(image[hole == 0], photo[172:236, 271:335][hole == 0])
    assert hole.sum() == 255 * 8 * 6


def test_far_apart_holes_are_filled_one_by_one_and_near_ones_together():
    calls = []

    def spy(*, image, mask):
        calls.append(int((mask >= 128).sum()))
        return flat(7)(image=image, mask=mask)

    mask = np.zeros(ASTRONAUT.shape[:2], np.uint8)
    mask[10:14, 10:14] = 255
    mask[20:24, 20:24] = 255
    mask[400:410, 450:460] = 255
    result = inpaint(ASTRONAUT, mask, spy, 64, parameters=None)
    assert calls == [32, 100]
    assert (result[mask == 255] == 7).all()


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 500), (500, 3), (1, 300), (40, 41)])
def test_tiny_photos_and_extreme_aspect_ratios(shape):
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[: max(1, shape[0] // 2), : max(1, shape[1] // 2)] = 255
    result = inpaint(photo, mask, network, SIZE)
    assert np.array_equal(result[mask == 0], photo[mask == 0])


@pytest.mark.parametrize("region", [np.s_[:, :30], np.s_[:10], np.s_[-1:, -1:], np.s_[:1, :1], np.s_[:, 55:]])
def test_holes_that_touch_the_border(region):
    photo = ASTRONAUT[:64, :64]
    mask = np.zeros((64, 64), np.uint8)
    mask[region] = 255
    result = inpaint(photo, mask, flat(12), 64, parameters=None)
    assert (result[mask == 255] == 12).all()
    assert np.array_equal(result[mask == 0], photo[mask == 0])


def test_empty_and_full_masks():
    photo = ASTRONAUT[:20, :20]
    assert np.array_equal(inpaint(photo, np.full((20, 20), 127, np.uint8), garbage, SIZE), photo)
    with pytest.raises(ValueError, match="the mask is full"):
        inpaint(photo, np.full((20, 20), 128, np.uint8), network, SIZE)


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool)),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)),
    ],
)
def test_wrong_arrays_are_named(photo, mask):
    with pytest.raises(ValueError, match=r"is needed, got \w+ \("):
        inpaint(photo, mask, network, SIZE)


# ------------------------------------------------------------------------------------------------ the parts


@given(pair=pairs(), cell=st.integers(1, 40))
@few
def test_groups_cover_every_hole_pixel_tightly(pair, cell):
    hole = pair[1] >= 128
    boxes = hole_groups(hole, cell)
    covered = np.zeros_like(hole)
    for box in boxes:
        part = hole[box.slices]
        assert part[0].any()
        assert part[-1].any()
        assert part[:, 0].any()
        assert part[:, -1].any()
        covered[box.slices] = True
    assert not (hole & ~covered).any()
    assert bool(boxes) == bool(hole.any())


@given(
    shape=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    extent=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    size=st.integers(1, 300),
)
@few
def test_windows_hold_their_hole_and_stay_inside(shape, corner, extent, size):
    top, left = (int(c * (s - 1)) for c, s in zip(corner, shape, strict=True))
    bottom, right = (a + 1 + int(e * (s - 1 - a)) for a, e, s in zip((top, left), extent, shape, strict=True))
    group = Box(top, left, bottom, right)
    window = context_window(group, shape, size)
    assert 0 <= window.top <= group.top < group.bottom <= window.bottom <= shape[0]
    assert 0 <= window.left <= group.left < group.right <= window.right <= shape[1]
    side = size * -(-2 * max(group.height, group.width) // size)
    assert side >= 2 * max(group.height, group.width)
    assert (window.height, window.width) == (min(side, shape[0]), min(side, shape[1]))


def half_of_the_tone(photo, hole, fill):
    """What the page says of a thin hole, written out for each pixel and colour in whole numbers."""
    expected = photo.astype(int)
    height, width = hole.shape
    for y, x in np.argwhere(hole):
        near = [(r, c) for r in range(max(0, y - 4), min(height, y + 5)) for c in range(max(0, x - 4), min(width, x + 5))]
        beside = [(r, c) for r, c in near if not hole[r, c] and hole[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2].any()]
        inside = [(r, c) for r, c in near if hole[r, c]]
        for colour in range(3):
            outer, inner = (
                Fraction(16 * sum(int(values[r, c, colour]) for r, c in places), len(places))
                for values, places in ((photo, beside), (fill, inside))
            )
            half = (floor(outer + Fraction(1, 2)) - floor(inner + Fraction(1, 2))) // 2
            expected[y, x, colour] = min(max((16 * int(fill[y, x, colour]) + half + 8) // 16, 0), 255)
    return expected


@pytest.mark.parametrize(("width", "shallow", "own"), [(5, 3, True), (7, 3, False), (5, 0, False)])
def test_a_wire_keeps_what_the_network_makes(width, shallow, own):
    """At the photo's own scale, and nowhere deeper than ``shallow``: half of the tone, no detail, no seam."""
    rng = np.random.default_rng(2)
    photo, fill = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20 : 20 + width, 4:28] = 255  # within a cell: one group

    def run(*, image, mask):
        return fill

    filled = inpaint(photo, mask, run, 64, parameters=replace(DEFAULTS, shallow=shallow))
    assert np.array_equal(filled, half_of_the_tone(photo, mask > 0, fill)) == own
    assert np.array_equal(filled[mask == 0], photo[mask == 0])


def test_a_wire_of_one_tone_in_a_photo_of_another_meets_it_half_way():
    photo, mask = np.full((64, 64, 3), 100, np.uint8), np.zeros((64, 64), np.uint8)
    mask[20:24, 5:28] = 255
    filled = inpaint(photo, mask, lambda image, mask: np.full_like(image, 60), 64)
    assert (filled[mask > 0] == 80).all()
