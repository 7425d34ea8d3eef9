"""Photo folders: what is skipped is named and counted, what is refused says why."""

import warnings

import numpy as np
import pytest
from PIL import Image

from models.data.photos import MINIMUM_PHOTOS, PhotoCache, find_photos
from parity_tests.test_images import png16


def _write_photos(folder, count, size=(40, 48)):
    rng = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / f"{index:03}.png")


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        find_photos(tmp_path / "missing")
    with pytest.raises(ValueError, match="no photos in it"):
        find_photos(tmp_path)


def test_unreadable_and_small_files_are_named_and_skipped(tmp_path, capsys):
    _write_photos(tmp_path, MINIMUM_PHOTOS)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    whole = (tmp_path / "000.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (10, 10)).save(tmp_path / "tiny.png")
    cache = PhotoCache.read(tmp_path, 32)
    assert len(cache.full) == MINIMUM_PHOTOS
    assert len(cache.skipped) == 3
    message = capsys.readouterr().err
    for name in ("broken.jpg", "cut.png", "tiny.png", "skipped 3 of 11"):
        assert name in message


def test_under_the_minimum_is_refused(tmp_path):
    _write_photos(tmp_path, MINIMUM_PHOTOS - 1)
    with pytest.raises(ValueError, match=f"{MINIMUM_PHOTOS - 1} usable photos"):
        PhotoCache.read(tmp_path, 32)


def test_crops_are_slices_of_the_photo_or_of_its_half(tmp_path):
    _write_photos(tmp_path, MINIMUM_PHOTOS, size=(64, 66))
    cache = PhotoCache.read(tmp_path, 32)
    rng = np.random.default_rng(3)
    for _ in range(4):
        cut = cache.crop(32, rng)
        assert cut.shape == (32, 32, 3)
        found = any(
            (window == candidate).all()
            for photo in (*cache.full, *cache.half)
            for candidate in (cut, cut[:, ::-1])
            for window in np.lib.stride_tricks.sliding_window_view(photo, (32, 32, 3)).reshape(-1, 32, 32, 3)
        )
        assert found


def test_photos_are_read_as_a_viewer_shows_them(tmp_path):
    """As models.images reads them: turned by EXIF, 16 bits reduced to 8 (clipped, this ramp would be white)."""
    _write_photos(tmp_path, MINIMUM_PHOTOS - 2)
    pixels = np.zeros((40, 48, 3), dtype=np.uint8)
    pixels[:, :15] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise to display
    Image.fromarray(pixels).save(tmp_path / "x-turned.png", exif=exif)
    ramp = np.linspace(0, 65535, 40 * 48).astype(np.uint16).reshape(40, 48)
    png16(tmp_path / "y-ramp.png", ramp)
    *_, turned, grey = PhotoCache.read(tmp_path, 32).full
    np.testing.assert_array_equal(turned, np.rot90(pixels, -1))
    assert np.abs(grey - ramp[:, :, None] / 257).max() <= 0.5


def test_a_folder_that_makes_pillow_warn_is_read_quietly(tmp_path, capfd):
    """Many threads read at once; warnings are errors here, and Python's filters must be as before when they are done."""
    _write_photos(tmp_path, MINIMUM_PHOTOS)
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\xff\xff\0\0\0\0\1\0" + bytes(4)
    for index in range(40):
        Image.new("RGB", (40, 40), (index, 0, 0)).save(tmp_path / f"warns-{index:02}.jpg", exif=exif, quality=100)
    with (
        pytest.warns(UserWarning, match="Tag data larger than file"),
        Image.open(tmp_path / "warns-00.jpg") as image,
    ):
        image.getexif()
    before = list(warnings.filters), warnings.showwarning
    cache = PhotoCache.read(tmp_path, 32)
    assert (list(warnings.filters), warnings.showwarning) == before
    assert len(cache.full) == MINIMUM_PHOTOS + 40
    assert capfd.readouterr() == ("", "")
