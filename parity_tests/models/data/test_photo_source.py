"""Photos in memory and photos in files give the same crops, within the memory that is allowed."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.data import photo_files, photo_source
from models.data.photo_files import PhotoFiles
from models.data.photo_index import find_candidates
from models.data.photo_source import open_photos
from models.data.photos import MAX_REDRAWS, MINIMUM_PHOTOS, NAMED, PhotoCache, cut
from models.photo.images import read_photo
from parity_tests.support.photo_folders import damage, mixed_folder, write_photos

LARGEST = 90 * 63 * 3
ALL = 1.0  # GB, more than any folder here needs


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixed_folder(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="module")
def in_memory(mixed):
    return open_photos(mixed, 32, memory_gb=ALL)


def _crops(photos, seed, size, count):
    rngs = [np.random.default_rng((seed, index)) for index in range(count)]
    return [photos.crop(size, rng) for rng in rngs], [rng.random() for rng in rngs]


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(16, 32), budget=st.sampled_from([0, LARGEST, 3 * LARGEST, 10**9]))
def test_both_kinds_give_the_same_crops(mixed, in_memory, seed, size, budget):
    """Also where files are damaged, and what is drawn after the crop is the same, too."""
    files = PhotoFiles(*find_candidates(mixed, 32), budget)
    expected, expected_after = _crops(in_memory, seed, size, 6)
    got, after = _crops(files, seed, size, 6)
    np.testing.assert_array_equal(got, expected)
    assert after == expected_after


def test_a_kind_that_replaces_damaged_files_otherwise_is_caught(mixed, in_memory):
    """The planted error: the neighbour instead of another draw."""

    class Neighbour(PhotoFiles):
        def crop(self, size, rng):
            index = int(rng.integers(len(self._candidates)))
            while (photo := self._photo(index)) is None:
                index += 1
            return cut(photo, size, rng)

    wrong = Neighbour(*find_candidates(mixed, 32), 0)
    expected, got = (np.array(_crops(photos, 0, 32, 40)[0]) for photos in (in_memory, wrong))
    same = (expected == got).all(axis=(1, 2, 3))
    assert 0 < same.sum() < 40


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_crops_of_many_generators_are_those_of_each(mixed, kind):
    photos = open_photos(mixed, 32, memory_gb=ALL if kind == "memory" else 1e-6)
    assert isinstance(photos, PhotoCache if kind == "memory" else PhotoFiles)
    together = photos.crops(24, [np.random.default_rng(index) for index in range(50)])
    one_by_one = [photos.crop(24, np.random.default_rng(index)) for index in range(50)]
    np.testing.assert_array_equal(together, one_by_one)


def test_threads_may_share_photos(mixed, in_memory):
    files = PhotoFiles(*find_candidates(mixed, 32), 2 * LARGEST)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda seed: files.crop(32, np.random.default_rng(seed)), range(400)))
    np.testing.assert_array_equal(got, [in_memory.crop(32, np.random.default_rng(seed)) for seed in range(400)])
    assert files.kept_bytes <= 2 * LARGEST
    assert files.kept_bytes == sum(photo.nbytes for photo in files._kept.values())
    assert len(files) == 12
    assert sum("truncated or damaged" in line for line in files.skipped) == 3, "each damaged file once"


def test_the_most_recently_used_photos_are_kept(tmp_path, monkeypatch):
    paths = write_photos(tmp_path, 8)
    decoded = []
    real = photo_files.decode

    def counting(candidate, short_side):
        decoded.append(int(candidate.path.stem))
        return real(candidate, short_side)

    monkeypatch.setattr(photo_files, "decode", counting)
    photos = PhotoFiles(*find_candidates(paths, 32), 3 * 40 * 48 * 3)
    for index in (0, 1, 2, 0, 1, 2, 3, 0, 1):  # 3 drives out 0, 0 drives out 1, 1 drives out 2
        photos._photo(index)
    assert decoded == [0, 1, 2, 3, 0, 1]
    assert list(photos._kept) == [3, 0, 1]


def test_the_choice_goes_by_the_decoded_size_and_is_said(tmp_path, capsys):
    paths = write_photos(tmp_path, 10)
    needed = 10 * 40 * 48 * 3
    assert isinstance(open_photos(paths, 32, memory_gb=needed / 1e9), PhotoCache)
    assert "10 photos in memory: 0.1 MB decoded" in capsys.readouterr().err
    files = open_photos(paths, 32, memory_gb=(needed - 1) / 1e9)
    assert isinstance(files, PhotoFiles)
    assert "10 photos read from their files at each access" in capsys.readouterr().err
    for _ in range(100):
        files.crop(32, np.random.default_rng())
    assert 0 < files.kept_bytes < needed


def test_without_a_budget_half_of_what_is_available_is_taken(tmp_path, monkeypatch, capsys):
    paths = write_photos(tmp_path, 10)
    needed = 10 * 40 * 48 * 3
    for available, kind in ((2 * needed, PhotoCache), (2 * needed - 2, PhotoFiles)):
        monkeypatch.setattr(photo_source, "available_bytes", lambda available=available: available)
        assert isinstance(open_photos(paths, 32), kind)
        assert "half of the memory that is available" in capsys.readouterr().err


@pytest.mark.parametrize("memory_gb", [ALL, 1e-6])
def test_what_is_left_out_is_named_counted_and_listed(mixed, capsys, memory_gb):
    photos = open_photos(mixed, 32, memory_gb=memory_gb)
    message = capsys.readouterr().err
    assert "20-small.png: 200x31, the short side must be at least 32" in message
    assert "21-text.jpg: not an image" in message
    assert len(photos.paths) == 15
    if memory_gb == ALL:
        assert "skipped 5 of 17 files" in message
        assert len(photos) == 12
    else:
        assert "skipped 2 of 17 files" in message
        for seed in range(100):
            photos.crop(32, np.random.default_rng(seed))
        later = capsys.readouterr().err
        assert len(re.findall("another photo is drawn", later)) == 3, "the damaged ones, once each"
    assert len(photos.skipped) == 5


def test_only_the_first_of_many_damaged_files_are_named(tmp_path, capsys):
    paths = write_photos(tmp_path, 30)
    for path in paths[:20]:
        damage(path)
    photos = open_photos(paths, 32, memory_gb=1e-6)
    for seed in range(300):
        photos.crop(32, np.random.default_rng(seed))
    assert capsys.readouterr().err.count("another photo is drawn") == NAMED
    assert len(photos.skipped) == 20
    assert len(photos) == 10


@pytest.mark.parametrize("memory_gb", [ALL, 1e-6])
def test_too_few_usable_photos_are_refused(tmp_path, memory_gb):
    paths = write_photos(tmp_path, MINIMUM_PHOTOS + 1)
    damage(paths[3])
    damage(paths[4])
    with pytest.raises(ValueError, match=f"{tmp_path}: {MINIMUM_PHOTOS - 1} usable photos of {MINIMUM_PHOTOS + 1}"):
        # In files: once the second damaged one is drawn.
        open_photos(paths, 32, memory_gb=memory_gb).crops(32, map(np.random.default_rng, range(200)))
    with pytest.raises(ValueError, match="3 usable photos of 3"):
        open_photos(paths, 32, memory_gb=memory_gb, limit=3)
    with pytest.raises(ValueError, match="0 usable photos of 0"):
        open_photos([], 32, memory_gb=memory_gb)


def test_a_disk_that_goes_away_stops_the_training(tmp_path):
    paths = write_photos(tmp_path / "photos", MAX_REDRAWS + 50)
    photos = open_photos(paths, 32, memory_gb=1e-6)
    photos.crop(32, np.random.default_rng(0))
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(ValueError, match=f"{MAX_REDRAWS} photos in a row could not be read, .*no such file"):
        photos.crop(32, np.random.default_rng(0))


def test_a_file_that_changed_its_size_since_is_left_out(tmp_path, capsys):
    paths = write_photos(tmp_path, MINIMUM_PHOTOS + 1)
    photos = open_photos(paths, 32, memory_gb=1e-6)
    Image.new("RGB", (20, 20)).save(paths[0])
    for seed in range(60):
        assert photos.crop(32, np.random.default_rng(seed)).shape == (32, 32, 3)
    assert "000.png: is 20x20 and was 48x40 by its header" in capsys.readouterr().err


@pytest.mark.parametrize("memory_gb", [ALL, 1e-6])
def test_long_sides_are_reduced(tmp_path, memory_gb):
    """Also of a photo that EXIF turns; a plain Lanczos resize by Pillow is the reference."""
    paths = write_photos(tmp_path, 8, (96, 150))
    originals = [read_photo(path).pixels for path in paths]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    for path, pixels in zip(paths[4:], originals[4:], strict=True):
        Image.fromarray(pixels).save(path, exif=exif)
    photos = open_photos(paths, 32, memory_gb=memory_gb, short_side=48)
    for index, original in enumerate(originals):
        shown, size = (original, (75, 48)) if index < 4 else (np.rot90(original, -1), (48, 75))
        expected = Image.fromarray(np.ascontiguousarray(shown)).resize(size, Image.Resampling.LANCZOS)
        pixels = photos.decoded[index] if memory_gb == ALL else photos._photo(index)
        np.testing.assert_array_equal(pixels, np.asarray(expected))
    smaller = open_photos(write_photos(tmp_path / "small", 8), 32, memory_gb=memory_gb, short_side=48)
    crop = smaller.crop(40, np.random.default_rng(0))
    assert crop.shape == (40, 40, 3), "photos that are smaller stay as they are"


def test_crops_cannot_change_the_photos(mixed):
    for memory_gb in (ALL, 1e-4):
        photos = open_photos(mixed, 32, memory_gb=memory_gb)
        crops = [photos.crop(32, np.random.default_rng(seed)) for seed in range(20)]
        assert not any(crop.flags.writeable for crop in crops if crop.base is not None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_gb": 0}, "0 GB; it must be more than 0"),
        ({"memory_gb": -1.5}, "-1.5 GB; it must be more than 0"),
        ({"memory_gb": float("nan")}, "nan GB; it must be more than 0"),
        ({"limit": 0}, "limit of photos: 0; at least 1"),
        ({"short_side": 31}, "short side 31: photos cannot be reduced below the crops of 32 pixels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(mixed, options, message):
    with pytest.raises(ValueError, match=message):
        open_photos(mixed, 32, **options)
