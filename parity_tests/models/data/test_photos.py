"""Photo folders: what is skipped is named and counted, what is refused says why."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.data.photos import MINIMUM_PHOTOS, PhotoCache, cut, find_photos
from parity_tests.models.photo.test_images import png16


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
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
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


def _half(photo):
    """Means of 2x2 pixels, halves rounded up; of a last odd row or column, means of what is there."""
    height, width = photo.shape[:2]
    out = np.empty(((height + 1) // 2, (width + 1) // 2, 3), np.uint8)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            block = photo[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(-1, 3).astype(int)
            out[row, column] = (2 * block.sum(axis=0) + len(block)) // (2 * len(block))
    return out


def _windows(photo, size):
    return np.lib.stride_tricks.sliding_window_view(photo, (size, size, 3)).reshape(-1, size, size, 3)


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(16, 37), width=st.integers(16, 37))
def test_crops_are_windows_of_the_photo_or_of_its_half(seed, height, width):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    crop = cut(photo, 16, rng)
    assert crop.shape == (16, 16, 3)
    candidates = [_windows(photo, 16)]
    if (min(height, width) + 1) // 2 >= 16:
        candidates.append(_windows(_half(photo), 16))
    assert any((window == side).all() for windows in candidates for window in windows for side in (crop, crop[:, ::-1]))


def test_two_in_three_crops_are_of_half_size_where_it_is_large_enough():
    """A photo of one-pixel stripes is grey at half size, so that a crop says where it came from."""
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, ::2] = 255
    rng = np.random.default_rng(0)
    grey = [bool((cut(photo, 32, rng) == 128).all()) for _ in range(900)]
    assert np.mean(grey) == pytest.approx(2 / 3, abs=4 * (2 / 9 / 900) ** 0.5)  # four standard deviations
    assert not any((cut(photo, 33, rng) == 128).any() for _ in range(50))


def test_every_window_is_drawn_and_mirrored_half_of_the_time():
    photo = np.arange(18 * 17 * 3, dtype=np.uint16).reshape(18, 17, 3).astype(np.uint8)
    rng = np.random.default_rng(1)
    drawn = {}
    for _ in range(600):
        crop = cut(photo, 16, rng).tobytes()
        drawn[crop] = drawn.get(crop, 0) + 1
    assert len(drawn) == 3 * 2 * 2
    assert min(drawn.values()) > 20, "50 are expected of each"


def test_photos_are_read_as_a_viewer_shows_them(tmp_path):
    """As models.photo.images reads them: turned by EXIF, 16 bits reduced to 8 (clipped, this ramp would be white)."""
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
