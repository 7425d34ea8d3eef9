"""Masks as people have them: every row of docs/masks.md, and what holds for all masks."""

import re
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from models.mask_read import AS_IT_IS, MASK_SOURCES, MaskOptions, read_mask, same_proportions
from parity_tests.test_import_arrow import imported_at_module_level

ROOT = Path(__file__).parents[1]
SIZE = HEIGHT, WIDTH = 40, 60
HOLE = np.zeros(SIZE, bool)
HOLE[8:24, 16:40] = True
HOLE[30:34, 6:9] = True
NOTHING, ALL = np.zeros(SIZE, bool), np.ones(SIZE, bool)
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
SOFT = RNG.integers(0, 256, SIZE, dtype=np.uint8)
BOTH = re.escape("--mask-from alpha fills what is transparent, --mask-from colour fills what is white")


def levels(hole, fill=255, keep=0):
    """(H, W) uint8."""
    return np.where(hole, np.uint8(fill), np.uint8(keep))


def layer(colour, alpha):
    """RGBA from one colour or (H, W, 3), and (H, W) alpha."""
    return np.dstack([np.broadcast_to(np.asarray(colour, np.uint8), (*alpha.shape, 3)), alpha])


def erased(colour, under):
    """A sheet or picture whose hole is transparent, with another colour under the transparency."""
    seen = np.broadcast_to(np.asarray(colour, np.uint8), (*SIZE, 3))
    return layer(np.where(HOLE[:, :, None], np.asarray(under, np.uint8), seen), levels(~HOLE))


def disk(hole, radius):
    """Dilation straight from its definition."""
    ys, xs = np.nonzero(hole)
    rows, columns = np.indices(hole.shape)
    return ((rows[:, :, None] - ys) ** 2 + (columns[:, :, None] - xs) ** 2 <= radius * radius).any(axis=2)


@dataclass
class Row:
    """One file and what becomes of it.

    Attributes:
        pixels: what to save: an array, or a Pillow image.
        expected: the hole, or a pattern in the one line that refuses the mask.
        note: a pattern in the only note; None: nothing is told.
        options: of the command line.
        name: of the file.
        save: options of Pillow's ``save``.
        size: of the photo.
    """

    pixels: np.ndarray | Image.Image
    expected: np.ndarray | str
    note: str | None = None
    options: MaskOptions = AS_IT_IS
    name: str = "mask.png"
    save: dict[str, object] = field(default_factory=dict)
    size: tuple[int, int] = SIZE


def palette(entries, indices):
    image = Image.new("P", indices.shape[::-1])
    image.putpalette([value for entry in entries for value in entry])
    image.putdata(indices.astype(np.uint8).ravel().tolist())
    return image


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return {"exif": tags}


def bigger(hole, factor):
    return np.kron(hole, np.ones((factor, factor), bool))


CENTRELESS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
TRANSPARENT = "what is transparent is filled"
ROWS: dict[str, list[Row]] = {
    # ------------------------------------------------------------------------------------ which channel holds the mask
    "no alpha channel": [Row(levels(HOLE), HOLE), Row(np.dstack([levels(HOLE)] * 3), HOLE)],
    "alpha of 255 everywhere": [
        Row(layer(levels(HOLE)[:, :, None], levels(ALL)), HOLE),
        Row(np.dstack([levels(HOLE), levels(ALL)]), HOLE),
    ],
    "alpha of 128 to 255 everywhere": [
        Row(layer(levels(HOLE)[:, :, None], levels(HOLE, 200, 130)), HOLE, "as it looks on black"),
        Row(layer((255, 255, 255), levels(HOLE, 255, 128)), levels(HOLE) == 255, "on black", MaskOptions(threshold=129)),
        Row(layer((200, 200, 200), levels(HOLE, 163, 162)), HOLE, "on black"),  # 127.8 and 127.1
    ],
    "transparent on black": [
        *(Row(erased((0, 0, 0), under), HOLE, TRANSPARENT) for under in ((0, 0, 0), (255, 255, 255), (9, 200, 30))),
        Row(np.dstack([levels(NOTHING), levels(~HOLE)]), HOLE, TRANSPARENT),
        Row(layer((0, 0, 0), levels(HOLE, 127, 128)), HOLE, TRANSPARENT),
    ],
    "transparent in a picture": [
        *(Row(erased(PICTURE, under), HOLE, "a picture.*" + TRANSPARENT) for under in ((0, 0, 0), (255, 255, 255), PICTURE)),
        Row(erased(PICTURE, (0, 0, 0)), HOLE, TRANSPARENT, name="mask.webp", save={"lossless": True}),
    ],
    "transparent and white": [
        *(Row(erased((255, 255, 255), under), BOTH) for under in ((0, 0, 0), (255, 255, 255))),
        Row(np.dstack([levels(ALL), levels(HOLE)]), BOTH),
    ],
    "transparent, black and white": [
        Row(layer(levels(SOFT > 99)[:, :, None], levels(~HOLE)), BOTH),
        Row(layer(SOFT[:, :, None], levels(~HOLE)), BOTH),
    ],
    "transparent and one other colour": [
        Row(layer((255, 0, 0), levels(HOLE)), BOTH),
        Row(layer(np.where(HOLE[:, :, None], np.uint8([255, 0, 0]), np.uint8([0, 255, 0])), levels(HOLE)), BOTH),
        Row(layer(200 + PICTURE // 8 - np.array([0, 180, 180], np.uint8), levels(HOLE)), BOTH),
    ],
    "transparent everywhere": [Row(layer(PICTURE, levels(ALL, 127)), "transparent everywhere")],
    "`--mask-from alpha`": [
        Row(erased((255, 255, 255), (255, 255, 255)), HOLE, options=MaskOptions("alpha")),
        Row(layer(PICTURE, SOFT), SOFT <= 127, options=MaskOptions("alpha")),
        Row(layer(PICTURE, SOFT), SOFT <= 254, options=MaskOptions("alpha", threshold=1)),
        Row(layer(PICTURE, levels(ALL)), "no pixel is transparent enough: of 255, 128", options=MaskOptions("alpha")),
        Row(layer(PICTURE, levels(NOTHING)), "opaque enough: .* 0 is the most", options=MaskOptions("alpha", invert=True)),
    ],
    "`--mask-from alpha` without alpha channel": [Row(levels(HOLE), "no alpha channel", options=MaskOptions("alpha"))],
    "`--mask-from colour`": [
        Row(layer((255, 255, 255), levels(HOLE)), HOLE, options=MaskOptions("colour")),
        Row(layer((255, 255, 255), SOFT), SOFT >= 128, options=MaskOptions("colour")),
        Row(layer((255, 255, 255), SOFT), SOFT >= 1, options=MaskOptions("colour", threshold=1)),
        Row(erased((0, 0, 0), (255, 255, 255)), "empty", options=MaskOptions("colour")),
    ],
    # ------------------------------------------------------------------------------------------- what a value means
    "8 bits": [
        Row(SOFT, SOFT >= 128),
        *(Row(levels(HOLE, 128, 127), HOLE, name=name) for name in ("mask.bmp", "mask.tiff", "mask.pgm", "mask.gif")),
    ],
    "1 bit": [Row(Image.fromarray(HOLE), HOLE), Row(Image.fromarray(HOLE), HOLE, name="mask.tiff")],
    "16 bits": [
        Row(np.where(HOLE, np.uint16(32768), np.uint16(32767)), HOLE, "16 bits reduced to 8"),
        Row(np.where(HOLE, np.uint16(2), np.uint16(0)), HOLE, "16 bits", MaskOptions(threshold=1), "mask.tiff"),
        Row(np.where(HOLE, np.int32(65535), np.int32(0)), HOLE, "16 bits", name="mask.tiff"),
        Row(np.where(HOLE, np.int32(65536), np.int32(0)), r"grey values 0\.\.65536", name="mask.tiff"),
    ],
    "16 bits, 0 and 1": [
        Row(HOLE.astype(np.uint16), HOLE, "only values are 0 and 1"),
        Row(HOLE.astype(np.uint16) * 2, "empty", "16 bits"),
    ],
    "values 0 and 1 only": [
        Row(levels(HOLE, 1), HOLE, "only values are 0 and 1; 1 counts as white"),
        Row(np.dstack([levels(HOLE, 1)] * 3), HOLE, "only values are 0 and 1"),
        Row(levels(HOLE, 1), ~HOLE, "only values are 0 and 1", MaskOptions(invert=True)),
        Row(levels(HOLE, 1), HOLE, "only values are 0 and 1", MaskOptions(threshold=200)),
    ],
    "values 0, 1 and 2": [
        Row(levels(HOLE, 2, 0) - levels(HOLE & (SOFT > 9), 1), "empty.*brightest value is 2; --threshold takes less"),
        Row(levels(HOLE, 2, 0) - levels(HOLE & (SOFT > 9), 1), HOLE, options=MaskOptions(threshold=1)),
    ],
    "palette": [
        Row(palette([(0, 0, 0), (255, 255, 255)], HOLE), HOLE),
        Row(palette([(255, 255, 255), (0, 0, 0), (9, 9, 9)], ~HOLE), HOLE),
        Row(palette([(0, 0, 0), (128, 0, 0)], HOLE), "coloured"),
    ],
    "palette with a transparent entry": [
        Row(palette([(0, 0, 0), (255, 255, 255)], HOLE), HOLE, TRANSPARENT, save={"transparency": 1}),
        Row(palette([(0, 0, 0), (255, 255, 255)], HOLE), BOTH, save={"transparency": 0}),
    ],
    "JPEG, grey": [
        Row(levels(HOLE), HOLE, name="mask.jpg", save={"quality": quality}, options=MaskOptions(threshold=threshold))
        for quality, threshold in ((50, 128), (75, 128), (95, 128), (95, 32))
    ],
    "JPEG, colour": [
        Row(np.dstack([levels(HOLE)] * 3), HOLE, name="mask.jpg", save={"quality": 75}),
        Row(np.dstack([levels(HOLE, 250), levels(HOLE, 240, 12), levels(HOLE, 255, 4)]), HOLE, name="mask.jpg"),
        Row(np.dstack([levels(HOLE, 140, 127), levels(HOLE, 130), levels(HOLE, 128)]), HOLE),
        Row(np.dstack([levels(HOLE, 140), levels(HOLE, 127), levels(HOLE, 128)]), "empty"),
    ],
    "channels that disagree": [
        Row(np.dstack([levels(HOLE), levels(NOTHING), levels(NOTHING)]), "coloured; paint the hole white"),
        Row(np.dstack([levels(HOLE, 160), levels(HOLE, 127), levels(HOLE, 160)]), "coloured"),
        Row(np.dstack([levels(HOLE, 159), levels(HOLE, 127), levels(HOLE, 159)]), "empty"),
        Row(np.dstack([levels(HOLE), levels(HOLE, 130), levels(HOLE)]), HOLE),
        Row(np.dstack([levels(HOLE), levels(HOLE, 130), levels(HOLE)]), "coloured", options=MaskOptions(threshold=150)),
        Row(
            np.dstack([levels(~HOLE, 160), levels(~HOLE, 120), levels(~HOLE, 160)]),
            HOLE,  # inverted, 150 is reached by values up to 105
            options=MaskOptions(threshold=150, invert=True),
        ),
    ],
    "floating point": [Row(levels(HOLE).astype(np.float32), "floating-point", name="mask.tiff")],
    "several frames": [
        Row(
            Image.fromarray(levels(HOLE)),
            HOLE,
            "the first of its 2 frames",
            name="mask.tiff",
            save={"save_all": True, "append_images": [Image.fromarray(levels(~HOLE))]},
        )
    ],
    # ------------------------------------------------------------------------------------------------ where it lies
    "EXIF orientation of the mask": [
        Row(levels(np.ascontiguousarray(stored)), HOLE, save=exif(orientation))
        for orientation, stored in {
            1: HOLE,
            2: HOLE[:, ::-1],
            3: HOLE[::-1, ::-1],
            4: HOLE[::-1],
            5: HOLE.T,
            6: np.rot90(HOLE),
            7: HOLE[::-1, ::-1].T,
            8: np.rot90(HOLE, -1),
        }.items()
    ],
    "turned by 90 degrees": [
        Row(levels(HOLE.T.copy()), "mask is 40x60 but the photo, as shown, is 60x40 .*turned by 90 degrees", options=options)
        for options in (MaskOptions(), MaskOptions(fit=True))
    ],
    "another size, same proportions": [
        Row(levels(bigger(HOLE, 3)), "mask is 180x120 but the photo, as shown, is 60x40 .*--fit-mask scales it"),
        Row(levels(bigger(HOLE, 3)), HOLE, "scaled from 180x120 to the photo's 60x40", MaskOptions(fit=True)),
        Row(levels(bigger(HOLE, 3), 9), HOLE, "scaled", MaskOptions(fit=True, threshold=1)),
        Row(levels(bigger(HOLE, 3) & np.tile(CENTRELESS, SIZE)), HOLE, "scaled", MaskOptions(fit=True)),
        Row(levels(HOLE), bigger(HOLE, 3), "scaled from 60x40 to the photo's 180x120", MaskOptions(fit=True), size=(120, 180)),
        Row(levels(HOLE), HOLE, options=MaskOptions(fit=True)),
    ],
    "another size, proportions within a pixel": [
        Row(levels(HOLE), "--fit-mask scales it", size=(401, 603)),
        Row(np.pad(levels(bigger(HOLE, 4)), ((0, 2), (0, 1))), HOLE, "scaled", MaskOptions(fit=True)),
    ],
    "another size, other proportions": [
        Row(levels(HOLE), "is 60x40 but the photo, as shown, is 120x90 .*other proportions", options=options, size=(90, 120))
        for options in (MaskOptions(), MaskOptions(fit=True))
    ],
    # ------------------------------------------------------------------------------------------------------ options
    "`--invert`": [
        Row(SOFT, SOFT <= 127, options=MaskOptions(invert=True)),
        Row(SOFT, SOFT <= 254, options=MaskOptions(invert=True, threshold=1)),
        Row(erased((0, 0, 0), (0, 0, 0)), ~HOLE, TRANSPARENT, MaskOptions(invert=True)),
        Row(
            levels(ALL),
            "empty.*with --invert, 127 and less is filled, and its darkest value is 255",
            options=MaskOptions(invert=True),
        ),
    ],
    "`--threshold 1`": [
        Row(SOFT, SOFT >= 1, options=MaskOptions(threshold=1)),
        Row(SOFT, SOFT >= 255, options=MaskOptions(threshold=255)),
    ],
    "`--grow 3`": [
        Row(levels(HOLE), disk(HOLE, 3), options=MaskOptions(grow=3)),
        Row(levels(bigger(HOLE, 2)), disk(HOLE, 3), "scaled", MaskOptions(grow=3, fit=True)),
        Row(levels(~HOLE), disk(HOLE, 3), options=MaskOptions(grow=3, invert=True)),
    ],
    "no hole": [
        Row(levels(NOTHING), "empty.*brightest value is 0; --invert fills black"),
        Row(levels(HOLE, 127), "empty.*brightest value is 127; --threshold takes less"),
    ],
    "no hole, `--allow-empty`": [Row(levels(HOLE, 127), NOTHING, options=MaskOptions(allow_empty=True))],
    "no hole, `--grow 3`": [Row(levels(HOLE, 127), "empty", options=MaskOptions(grow=3))],
    "nothing but hole": [
        Row(levels(ALL, 128), "full: it keeps no pixel"),
        Row(levels(NOTHING), "full: it keeps no pixel", options=MaskOptions(invert=True, allow_empty=True)),
    ],
    "nothing but hole, after `--grow 3`": [
        Row(levels(np.indices(SIZE).sum(axis=0) % 4 == 0), "full after growing by 3 pixels", options=MaskOptions(grow=3))
    ],
}


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
    """No float copy and no wide integers, which the several arithmetic steps would make of the whole picture."""
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


@pytest.mark.parametrize("name", ["mask_read", "mask_grow"])
def test_reading_masks_imports_no_torch_of_its_own(name):
    assert "torch" not in imported_at_module_level((ROOT / "models" / f"{name}.py").read_text(encoding="utf-8"))


def test_every_source_is_an_option():
    assert list(MASK_SOURCES) == ["auto", "colour", "alpha"]
    assert MaskOptions().source in MASK_SOURCES
