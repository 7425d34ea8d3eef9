"""Photo folders: what is skipped is named and counted, what is refused says why."""

import numpy as np
import pytest
from PIL import Image

from models.data.photos import MINIMUM_PHOTOS, PhotoCache, find_photos, load_rgb


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


def test_exif_orientation_is_honoured(tmp_path):
    pixels = np.zeros((20, 30, 3), dtype=np.uint8)
    pixels[:, :15] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise to display
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(load_rgb(tmp_path / "turned.png"), np.rot90(pixels, -1))
