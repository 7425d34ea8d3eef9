"""The tables of docs/masks.md as files and holes, one entry a row."""

import re
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from models.photo.mask import AS_IT_IS, MaskOptions

SIZE = HEIGHT, WIDTH = 40, 60
HOLE = np.zeros(SIZE, bool)
HOLE[8:24, 16:40] = True
HOLE[30:34, 6:9] = True
NOTHING, ALL = np.zeros(SIZE, bool), np.ones(SIZE, bool)
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
SOFT = RNG.integers(0, 256, SIZE, dtype=np.uint8)
BOTH = re.escape("--mask-from alpha fills what is transparent, --mask-from colour fills what is white")


def levels(hole, fill=255, keep=0):
    """(H, W) uint8."""
    return np.where(hole, np.uint8(fill), np.uint8(keep))


def layer(colour, alpha):
    """RGBA from one colour or (H, W, 3), and (H, W) alpha."""
    return np.dstack([np.broadcast_to(np.asarray(colour, np.uint8), (*alpha.shape, 3)), alpha])


def erased(colour, under):
    """A sheet or image whose hole is transparent, with another colour under the transparency."""
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
    "transparent in an image": [
        *(Row(erased(IMAGE, under), HOLE, "an image.*" + TRANSPARENT) for under in ((0, 0, 0), (255, 255, 255), IMAGE)),
        Row(erased(IMAGE, (0, 0, 0)), HOLE, TRANSPARENT, name="mask.webp", save={"lossless": True}),
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
        Row(layer(200 + IMAGE // 8 - np.array([0, 180, 180], np.uint8), levels(HOLE)), BOTH),
    ],
    "transparent everywhere": [Row(layer(IMAGE, levels(ALL, 127)), "transparent everywhere")],
    "`--mask-from alpha`": [
        Row(erased((255, 255, 255), (255, 255, 255)), HOLE, options=MaskOptions("alpha")),
        Row(layer(IMAGE, SOFT), SOFT <= 127, options=MaskOptions("alpha")),
        Row(layer(IMAGE, SOFT), SOFT <= 254, options=MaskOptions("alpha", threshold=1)),
        Row(layer(IMAGE, levels(ALL)), "no pixel is transparent enough: of 255, 128", options=MaskOptions("alpha")),
        Row(layer(IMAGE, levels(NOTHING)), "opaque enough: .* 0 is the most", options=MaskOptions("alpha", invert=True)),
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
