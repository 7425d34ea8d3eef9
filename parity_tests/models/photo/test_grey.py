"""A grey photo stays grey: its mode, and no colour in the fill."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.fill.windows import inpaint
from models.photo.raster import Raster
from models.runner import torch_run
from parity_tests.support.models_command import COFFEE
from parity_tests.support.photo_cases import HOLE, KEPT, filled
from parity_tests.support.small import small_generator

GREY = np.asarray(Image.fromarray(COFFEE).convert("L"))
THREE = np.stack([GREY] * 3, axis=2)
SOURCES = [
    *((".png", mode) for mode in ("L", "LA", "RGB", "RGBA")),
    *((suffix, mode) for suffix in (".jpg", ".tiff") for mode in ("L", "RGB")),
    (".webp", "RGB"),
]
SUFFIXES = (".png", ".jpg", ".webp", ".tiff", ".avif")


def save_grey(path: str, mode: str) -> None:
    """GREY as a file of one, two, three or four channels."""
    alpha = np.full((*GREY.shape, 1), 200, np.uint8)
    values = {"L": GREY, "RGB": THREE, "LA": np.dstack([GREY, alpha]), "RGBA": np.dstack([THREE, alpha])}[mode]
    options = {"lossless": True} if path.endswith(".webp") else {"quality": 90} if path.endswith((".jpg", ".avif")) else {}
    Image.fromarray(values).save(path, **options)


def spread(path: str) -> int:
    """Largest difference between the channels of a pixel as a viewer shows it."""
    with Image.open(path) as image:
        values = np.asarray(image.convert("RGB")).astype(int)
    return int((values.max(axis=2) - values.min(axis=2)).max())


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize(("source", "mode"), SOURCES)
def test_a_grey_photo_is_filled_in_grey(here, source, mode, target):
    photo, out = f"photo{source}", f"out{target}"
    save_grey(photo, mode)
    assert spread(photo) == 0
    filled(photo, out)
    assert spread(out) == 0
    with Image.open(photo) as before, Image.open(out) as after:
        # WebP and AVIF have no grey of their own, JPEG no alpha.
        expected = before.mode.removesuffix("A") if target == ".jpg" else before.mode
        if target in (".webp", ".avif"):
            expected = expected.replace("L", "RGB")
        shown = np.asarray(after.convert("RGB"))[:, :, 0].astype(int)
        old = np.asarray(before.convert("RGB"))[:, :, 0].astype(int)
        assert np.abs(shown - old)[HOLE].max() > 8  # there is a fill
        # WebP and AVIF drop an alpha channel only where it is opaque, which it is not here.
        assert after.mode == expected


def test_the_fill_is_the_brightness_of_the_colours_that_the_network_gives(here):
    """ITU-R BT.601, as Pillow converts."""
    save_grey("photo.png", "L")
    filled("photo.png", "out.png")
    mask = np.asarray(Image.open("mask.png"))
    colours = inpaint(THREE, mask, torch_run(small_generator(), 32), 32)
    assert (colours.max(axis=2) != colours.min(axis=2))[HOLE].any()  # it gives colours, even of a grey photo
    expected = np.asarray(Image.fromarray(colours).convert("L")).astype(int)
    with Image.open("out.png") as image:
        result = np.asarray(image).astype(int)
    assert np.array_equal(result[KEPT], GREY[KEPT])
    assert np.abs(result - expected)[HOLE].max() <= 1


def test_one_coloured_pixel_makes_a_colour_photo(here):
    values = THREE.copy()
    values[-1, -1] = (9, 9, 10)
    Image.fromarray(values).save("photo.png")
    filled("photo.png", "out.png")
    assert spread("out.png") > 1


@pytest.mark.parametrize("target", [".png", ".jpg"])
def test_a_coloured_fill_is_found(here, monkeypatch, target):
    """A planted error: the photo is taken for a colour photo."""
    save_grey(f"photo{target}", "RGB")
    monkeypatch.setattr(Raster, "is_grey", lambda self: False)
    filled(f"photo{target}", f"out{target}")
    assert Path(f"out{target}").stat().st_size
    assert spread(f"out{target}") > 0
