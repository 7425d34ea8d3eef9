"""Masks as people have them: every row of docs/masks.md, and what holds for all masks."""

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from models.photo.mask import MASK_SOURCES, MaskOptions, read_mask, same_proportions
from parity_tests.repository.test_import_arrow import imported_at_module_level
from parity_tests.support.mask_rows import BOTH, HOLE, ROWS, SIZE, TRANSPARENT, bigger, layer, levels

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("name", "index"), [(name, index) for name, rows in ROWS.items() for index in range(len(rows))], ids=lambda value: str(value)
)
def test_row(tmp_path, name, index):
    row = ROWS[name][index]
    image = row.pixels if isinstance(row.pixels, Image.Image) else Image.fromarray(row.pixels)
    image.save(tmp_path / row.name, **row.save)
    if isinstance(row.expected, str):
        with pytest.raises(ValueError, match=row.expected) as caught:
            read_mask(tmp_path / row.name, row.size, row.options)
        assert str(caught.value).startswith(str(tmp_path / row.name))
        assert "\n" not in str(caught.value)
        return
    mask = read_mask(tmp_path / row.name, row.size, row.options)
    assert mask.values.dtype == np.uint8
    assert np.array_equal(mask.values, levels(row.expected))
    assert len(mask.notes) == (row.note is not None), mask.notes
    if row.note:
        assert re.search(row.note, mask.notes[0])


def test_sixteen_bits_with_a_transparent_grey_value(tmp_path):
    """A PNG may name one value that is transparent; two things are told of it."""
    image = Image.fromarray(np.where(HOLE, np.uint16(50_000), np.uint16(9)))
    image.save(tmp_path / "mask.png", transparency=50_000)
    mask = read_mask(tmp_path / "mask.png", SIZE)
    assert np.array_equal(mask.values, levels(HOLE))
    assert [text in note for text, note in zip(("16 bits", TRANSPARENT), mask.notes, strict=True)] == [True, True]
    image.save(tmp_path / "mask.png", transparency=9)
    with pytest.raises(ValueError, match=BOTH):
        read_mask(tmp_path / "mask.png", SIZE)


def documented(text):
    """First cells of all table rows of a page, without headings and rules."""
    cells = re.findall(r"^\| (.+?) \| .+ \|$", text, flags=re.MULTILINE)
    return [cell for cell in cells if cell not in ("file", "option")]


def test_the_page_and_the_tests_have_the_same_rows():
    assert documented((ROOT / "docs" / "masks.md").read_text(encoding="utf-8")) == list(ROWS)


# ------------------------------------------------------------------------------------------------ what holds for all masks

SOFT_MASKS = arrays(np.uint8, (5, 7), elements=st.integers(0, 255))
THRESHOLDS = st.integers(1, 255)


@pytest.fixture(scope="module")
def hole_of(tmp_path_factory):
    """The hole of an array as a file; full masks are no error here."""
    path = tmp_path_factory.mktemp("masks") / "mask.png"

    def read(values, **options):
        # A border of both extremes: never empty, never full, and never values of 0 and 1 only.
        framed = np.pad(values, ((1, 0), (0, 0)), constant_values=0)
        framed = np.pad(framed, ((1, 0), (0, 0)), constant_values=255)
        Image.fromarray(framed).save(path)
        return read_mask(path, None, MaskOptions(**options)).values[2:] == 255

    return read


@given(values=SOFT_MASKS, threshold=THRESHOLDS)
def test_inverting_a_mask_and_its_file_is_no_change(hole_of, values, threshold):
    assert np.array_equal(hole_of(255 - values, invert=True, threshold=threshold), hole_of(values, threshold=threshold))


@given(values=SOFT_MASKS, threshold=st.integers(1, 255))
def test_an_inverted_mask_fills_what_the_other_keeps(hole_of, values, threshold):
    other = hole_of(values, threshold=256 - threshold)
    assert np.array_equal(hole_of(values, invert=True, threshold=threshold), ~other)


@given(values=SOFT_MASKS, low=THRESHOLDS, high=THRESHOLDS, invert=st.booleans())
def test_a_lower_threshold_never_fills_less(hole_of, values, low, high, invert):
    low, high = sorted((low, high))
    assert not (hole_of(values, threshold=high, invert=invert) & ~hole_of(values, threshold=low, invert=invert)).any()


@given(mask=st.tuples(*[st.integers(1, 5000)] * 2), photo=st.tuples(*[st.integers(1, 5000)] * 2))
def test_proportions_do_not_depend_on_the_order_or_on_turning_both(mask, photo):
    expected = same_proportions(mask, photo)
    assert same_proportions(photo, mask) == expected == same_proportions(mask[::-1], photo[::-1])


@given(photo=st.tuples(*[st.integers(1, 9000)] * 2), scale=st.floats(0.01, 1), up=st.tuples(st.booleans(), st.booleans()))
def test_any_rounding_of_a_scaled_size_has_the_same_proportions(photo, scale, up):
    sides = [int(np.ceil(side * scale) if more else max(1, np.floor(side * scale))) for side, more in zip(photo, up, strict=True)]
    if min(side * scale for side in photo) >= 1:
        assert same_proportions((sides[0], sides[1]), photo)


def test_two_pixels_off_are_other_proportions():
    assert same_proportions((750, 1000), (3000, 4000))
    assert same_proportions((751, 1000), (3000, 4000))
    assert not same_proportions((752, 1000), (3000, 4000))
    assert not same_proportions((750, 1003), (3000, 4000))
    assert not same_proportions((1000, 750), (3000, 4000))


# ------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "red"}, "--mask-from: 'red' given, allowed: auto, colour, alpha"),
        ({"threshold": 0}, "--threshold: 0 given, 1 to 255"),
        ({"threshold": 256}, "--threshold: 256 given, 1 to 255"),
        ({"grow": -1}, "--grow: -1 given, 0 to 250"),
        ({"grow": 251}, "--grow: 251 given, 0 to 250"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MaskOptions(**options)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_reading_takes_few_bytes_a_pixel(tmp_path, mode):
    """No float copy and no wide integers, which the several arithmetic steps would make of the whole photo."""
    hole = bigger(HOLE, 16)
    pixels = {"L": levels(hole), "RGB": np.dstack([levels(hole, 250), levels(hole), levels(hole)])}
    pixels["RGBA"] = layer((0, 0, 0), levels(~hole))
    Image.fromarray(pixels[mode]).save(tmp_path / "mask.png", compress_level=1)
    read_mask(tmp_path / "mask.png")  # Pillow imports on demand
    tracemalloc.start()
    mask = read_mask(tmp_path / "mask.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(mask.values, levels(hole))
    assert peak <= 10 * hole.size


@pytest.mark.parametrize("name", ["mask", "mask_grow"])
def test_reading_masks_imports_no_torch_of_its_own(name):
    assert "torch" not in imported_at_module_level((ROOT / "models" / "photo" / f"{name}.py").read_text(encoding="utf-8"))


def test_every_source_is_an_option():
    assert list(MASK_SOURCES) == ["auto", "colour", "alpha"]
    assert MaskOptions().source in MASK_SOURCES
