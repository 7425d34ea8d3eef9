"""A JPEG of a JPEG: its tables, its sampling, its size, and every block that the hole does not touch."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image, JpegImagePlugin

from models.photo import write
from models.photo.jpeg import write as jpeg_write
from models.photo.jpeg.file import Unsuitable, parse
from models.photo.jpeg.scan import find_blocks
from parity_tests.support.photo_cases import SMALL, fill, filled

PHOTO = np.ascontiguousarray(skimage.data.astronaut()[:250, :333])  # no multiple of any MCU
BOX = (90, 120, 150, 200)
"""The hole: top, left, bottom, right; 6 % of the photo."""

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "grey")


def save_jpeg(path: str, sampling: str, **options: object) -> None:
    """PHOTO as a JPEG."""
    image = Image.fromarray(PHOTO)
    if sampling == "grey":
        image.convert("L").save(path, **{"quality": 90, **options})
    else:
        image.save(path, **{"quality": 90, "subsampling": sampling, **options})


def save_mask(shape: tuple[int, int] = PHOTO.shape[:2]) -> None:
    """The hole as the folder's mask."""
    mask = np.zeros(shape, np.uint8)
    mask[BOX[0] : BOX[2], BOX[1] : BOX[3]] = 255
    Image.fromarray(mask).save("mask.png")


def values(path: str) -> np.ndarray:
    """(H, W, 1 or 3) as the decoder gives them before colours are converted, which would round."""
    with Image.open(path) as image:
        if image.mode == "RGB":
            image.draft("YCbCr", image.size)
        decoded = np.asarray(image)
    return (decoded if decoded.ndim == 3 else decoded[:, :, None]).astype(int)


def unchanged(before: str, after: str) -> float:
    """Share of the values in blocks without hole that are as they were.

    Blocks are 16x16, the largest MCU here; pixels beside them, whose chroma is interpolated from the fill's, are not left out.
    """
    old, new = values(before), values(after)
    rows, columns = -(-old.shape[0] // 16), -(-old.shape[1] // 16)
    touched = np.zeros((rows, columns), bool)
    touched[BOX[0] // 16 : -(-BOX[2] // 16), BOX[1] // 16 : -(-BOX[3] // 16)] = True
    outside = ~touched.repeat(16, axis=0).repeat(16, axis=1)[: old.shape[0], : old.shape[1]]
    return float((old == new)[outside].mean())


def coding(path: str) -> tuple[object, object]:
    """Quantisation tables and sampling."""
    with Image.open(path) as image:
        return image.quantization, JpegImagePlugin.get_sampling(image)


def size_ratio(before: str, after: str) -> float:
    """Bytes after to bytes before."""
    return Path(after).stat().st_size / Path(before).stat().st_size


WAYS = {
    "as cameras write": {},
    "optimised tables": {"optimize": True},
    "coarse": {"quality": 30},
    "fine": {"quality": 98},
    "restart markers": {"restart_marker_blocks": 5},
    "restart rows": {"restart_marker_rows": 1, "optimize": True},
}


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("way", WAYS)
def test_blocks_without_hole_are_as_they_were(here, way, sampling):
    save_jpeg("photo.jpg", sampling, **WAYS[way])
    save_mask()
    assert filled("photo.jpg", "out.jpg") == []
    share = unchanged("photo.jpg", "out.jpg")
    # Brightness is exact; chroma is interpolated from the changed blocks into a strip of one pixel around them.
    assert share >= 0.99, share
    assert np.array_equal(*(values(path)[: BOX[0] - 16, :] for path in ("photo.jpg", "out.jpg")))
    if sampling in ("4:4:4", "grey"):
        assert share == 1
    assert coding("out.jpg") == coding("photo.jpg")
    assert 0.85 <= size_ratio("photo.jpg", "out.jpg") <= 1.15
    hole = np.s_[BOX[0] : BOX[2], BOX[1] : BOX[3]]
    assert np.abs(values("photo.jpg")[hole] - values("out.jpg")[hole]).mean() > 3


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_progressive_photo_keeps_nearly_all_values_and_stays_progressive(here, sampling):
    """Its blocks cannot be taken over: decoding rounds to whole levels, and that moves some coefficients."""
    save_jpeg("photo.jpg", sampling, progressive=True)
    save_mask()
    (note,) = filled("photo.jpg", "out.jpg")
    assert "every block is encoded again, because it is progressive" in note
    assert unchanged("photo.jpg", "out.jpg") >= 0.95
    assert np.abs(values("photo.jpg") - values("out.jpg"))[: BOX[0] - 16].mean() < 0.1
    assert coding("out.jpg") == coding("photo.jpg")
    assert 0.85 <= size_ratio("photo.jpg", "out.jpg") <= 1.15
    with Image.open("out.jpg") as image:
        assert image.info.get("progressive")


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "grey"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_photo_keeps_its_values(here, sampling, orientation):
    """Compared with the photo turned by the decoder."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    save_jpeg("photo.jpg", sampling, exif=tags)
    upright = PHOTO.shape[:2] if orientation == 3 else PHOTO.shape[1::-1]
    save_mask(upright)
    (note,) = filled("photo.jpg", "out.jpg")
    assert "because it was turned upright" in note
    old, new = np.rot90(values("photo.jpg"), {3: 2, 6: -1}[orientation]), values("out.jpg")
    outside = np.ones(upright, bool)
    outside[BOX[0] - 32 : BOX[2] + 32, BOX[1] - 32 : BOX[3] + 32] = False
    # Odd sides put the photo's edge into another block, so values are near, not equal.
    assert np.abs(old - new)[outside].mean() < 1.5
    assert 0.85 <= size_ratio("photo.jpg", "out.jpg") <= 1.15


def test_a_photo_with_an_empty_mask_is_the_same_scan(here):
    save_jpeg("photo.jpg", "4:2:0")
    Image.new("L", PHOTO.shape[1::-1]).save("mask.png")
    assert fill("photo.jpg", "out.jpg", network=(*SMALL, "--allow-empty"))[:2] == (0, "out.jpg\n")
    assert np.array_equal(values("photo.jpg"), values("out.jpg"))
    assert parse(Path("photo.jpg").read_bytes()).scan == parse(Path("out.jpg").read_bytes()).scan


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_encoding_again_at_another_quality_is_found(here, monkeypatch, sampling):
    """A planted error: the photo is written as any other JPEG, at a quality of our own."""
    save_jpeg("photo.jpg", sampling)
    save_mask()
    monkeypatch.setattr(write, "_as_jpeg", lambda file, photo, notes: False)
    filled("photo.jpg", "out.jpg")
    assert unchanged("photo.jpg", "out.jpg") < 0.99
    assert coding("out.jpg") != coding("photo.jpg")
    assert size_ratio("photo.jpg", "out.jpg") > 1.15


def test_a_dc_value_that_is_not_corrected_is_found(here, monkeypatch):
    """A planted error: the first kept block after a change keeps the difference to what was there before."""
    save_jpeg("photo.jpg", "4:4:4")
    save_mask()
    splice = jpeg_write.spliced_scan

    def forgetful(site, pixels):
        return splice(dataclasses.replace(site, previous=np.where(site.changed, site.previous, -1)), pixels)

    monkeypatch.setattr(jpeg_write, "spliced_scan", forgetful)
    filled("photo.jpg", "out.jpg")
    assert unchanged("photo.jpg", "out.jpg") < 0.99


# ------------------------------------------------------------------------------------------------ finding blocks


def blocks_in_order(content: bytes) -> list[int]:
    """First bit of every block, read symbol by symbol as T.81, F.2.2 says it."""
    file = parse(content)
    bits = "".join(f"{byte:08b}" for byte in file.scan.replace(b"\xff\x00", b"\xff"))
    tables = [
        [{f"{code:0{length}b}": symbol for code, length, symbol in table.codes} for table in (file.dc[c.dc], file.ac[c.ac])]
        for c in file.components
    ]
    at, starts = 0, []

    def symbol(table: dict[str, int]) -> int:
        nonlocal at
        for length in range(1, 17):
            if (found := table.get(bits[at : at + length])) is not None:
                at += length
                return found
        raise AssertionError("no code")

    for _ in range(file.grid[0] * file.grid[1]):
        for component in file.layout:
            starts.append(at)
            dc, ac = tables[component]
            size = symbol(dc)
            at += size
            index = 1
            while index < 64:
                both = symbol(ac)
                run, size = both >> 4, both & 15
                if not size and run != 15:
                    break
                index += run + 1
                at += size
    return starts


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("what", ["photo", "flat", "noise"])
def test_blocks_are_where_a_plain_decoder_finds_them(sampling, what):
    """Flat photos repeat one code and never fall into step; noise does at once."""
    pixels = {"photo": PHOTO, "flat": np.full((400, 700, 3), 77, np.uint8)}.get(what)
    if pixels is None:
        pixels = np.random.default_rng(0).integers(0, 256, (80, 120, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if sampling == "grey":
        image.convert("L").save(buffer, "JPEG", quality=90)
    else:
        image.save(buffer, "JPEG", quality=90, subsampling=sampling)
    assert find_blocks(parse(buffer.getvalue())).start.tolist() == blocks_in_order(buffer.getvalue())


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_scan_is_followed_or_said_to_be_damaged(seed):
    """Bits turned in the scan: a decoder shows something, and so the photo is read; nothing else than Unsuitable may come."""
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=60)
    content = bytearray(buffer.getvalue())
    generator = np.random.default_rng(seed)
    begin = len(content) - len(parse(bytes(content)).scan) - 2
    for at in generator.integers(begin, len(content) - 2, 1 + seed % 8):
        content[at] ^= 1 << int(generator.integers(0, 8))
    try:
        file = parse(bytes(content))
        blocks = find_blocks(file)
    except Unsuitable:
        pass
    else:
        assert len(blocks.start) == file.grid[0] * file.grid[1] * len(file.layout)
        assert (np.diff(blocks.start) > 0).all()
