"""16-bit photos keep their 16 bits; read back by OpenCV, which shares nothing with what writes them."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.photo import raster
from parity_tests.support.models_command import COFFEE
from parity_tests.support.photo_cases import HEIGHT, HOLE, KEPT, WIDTH, described, fill, filled

CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}


def wide(channels: int) -> np.ndarray:
    """COFFEE with a random low byte: (H, W, channels) uint16, as OpenCV orders colours."""
    noise = np.random.default_rng(channels).integers(0, 256, (HEIGHT, WIDTH, channels))
    colours = COFFEE[:, :, ::-1] if channels > 1 else COFFEE[:, :, 1:2]
    values = np.dstack([colours, np.full((HEIGHT, WIDTH), 99, np.uint8)])[:, :, :channels]
    return (values.astype(np.uint16) * 256 + noise).astype(np.uint16)


def save(path: str, values: np.ndarray) -> None:
    assert cv2.imwrite(path, values)


def load(path: str) -> np.ndarray:
    values = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    return values[:, :, None] if values.ndim == 2 else values


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("source", [".png", ".tiff"])
@pytest.mark.parametrize("target", [".png", ".tiff"])
def test_kept_pixels_are_exact_and_the_fill_is_widened(here, source, target, kind):
    photo, out = f"photo{source}", f"out{target}"
    before = wide(CHANNELS[kind])
    save(photo, before)
    assert np.array_equal(load(photo), before)
    assert filled(photo, out) == []
    after = load(out)
    assert after.dtype == np.uint16
    assert after.shape == before.shape
    assert np.array_equal(after[KEPT], before[KEPT])
    colours = min(3, after.shape[2])
    assert (after[HOLE][..., :colours] % 257 == 0).all()
    assert (after[HOLE][..., :colours] != before[HOLE][..., :colours]).mean() > 0.9
    assert np.array_equal(after[..., colours:], before[..., colours:])  # alpha, in the hole too


@pytest.mark.parametrize("orientation", [3, 6])
def test_turned_photos_are_turned_in_sixteen_bits(here, orientation):
    """The tag is put into a PNG; Pillow, which cannot hold the colours, is not asked to write them."""
    before = wide(3)
    turned = np.ascontiguousarray(np.rot90(before, {3: 2, 6: 1}[orientation]))
    save("photo.png", turned)
    plain = described(".png", Image.new("RGB", (1, 1)), orientation)
    at = plain.index(b"eXIf") - 4
    chunk = plain[at : at + 12 + int.from_bytes(plain[at : at + 4], "big")]
    content = Path("photo.png").read_bytes()
    Path("photo.png").write_bytes(content[:33] + chunk + content[33:])  # behind IHDR
    filled("photo.png", "out.png")
    assert np.array_equal(load("out.png")[KEPT], before[KEPT])
    with Image.open("out.png") as image:
        assert image.getexif()[0x0112] == 1
        assert image.getexif()[0x010F] == "Maker"


@pytest.mark.parametrize("target", [".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_formats_of_eight_bits_say_so(here, target, kind):
    before = wide(CHANNELS[kind])
    save("photo.png", before)
    lines = filled("photo.png", f"out{target}")
    assert lines == [f"wavefill: note: out{target}: does not hold 16 bits a channel"]
    after = load(f"out{target}")
    assert after.dtype == np.uint8
    if target == ".webp":
        grey_or_colour = np.broadcast_to(before, (*before.shape[:2], 3))
        assert np.abs(after[KEPT] - grey_or_colour[KEPT] / 257).max() <= 0.5


def test_without_opencv_one_line_says_what_to_install(here, monkeypatch):
    save("photo.png", wide(3))
    monkeypatch.setitem(sys.modules, "cv2", None)
    code, out, lines = fill("photo.png", "out.png")
    assert (code, out, len(lines)) == (3, "", 1)
    assert "photo.png: 16-bit colour is read by OpenCV" in lines[0]
    assert "wavefill[depth]" in lines[0]
    assert not Path("out.png").exists()


@pytest.mark.parametrize("source", [".png", ".tiff"])
def test_bits_that_are_lost_are_found(here, monkeypatch, source):
    """A planted error: pixels pass through 8 bits, as most tools make them."""
    before = wide(1)
    save(f"photo{source}", before)
    crop = raster.Raster.put

    def eight(self, part, top, left):
        crop(self, part, top, left)
        self.wide[:] = self.wide // 256 * 257

    monkeypatch.setattr(raster.Raster, "put", eight)
    filled(f"photo{source}", f"out{source}")
    assert not np.array_equal(load(f"out{source}")[KEPT], before[KEPT])
