"""A JPEG that the app's editor saves: Pillow's decoder and Python's splice say which of its blocks are as they were."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from android_demo.packaging.places import missing_for_junit
from models.photo.jpeg.file import JpegFile, Unsuitable, parse
from models.photo.jpeg.splice import find_site, spliced_scan, touched_units
from parity_tests.android_demo.java import run_core
from parity_tests.android_demo.test_units import exif, with_thumbnail

PHOTO = Image.fromarray(np.ascontiguousarray(data.astronaut()[:250, :333]))  # no multiple of any MCU
SPOTS = {"middle": "120,90,60", "corner": "330,248,40"}
"""x, y and width of the brush; one spot lies in MCUs that the photo fills in part."""

WAYS: dict[str, dict[str, object]] = {
    "as cameras write": {},
    "optimised tables": {"optimize": True, "quality": 60},
    "fine": {"quality": 98},
    "restart markers": {"restart_marker_blocks": 5},
    "restart rows": {"restart_marker_rows": 1, "optimize": True},
}
SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "grey")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing_for_junit() is not None, reason=str(missing_for_junit())),
]


@dataclass(frozen=True)
class Saved:
    """A photo and what the editor made of it: files, and pixels before and after as it saw them, upright."""

    photo: Path
    result: Path
    before: np.ndarray
    after: np.ndarray


def save(place: Path, sampling: str, **options: object) -> None:
    """PHOTO as a JPEG."""
    if sampling == "grey":
        PHOTO.convert("L").save(place, "JPEG", **{"quality": 90, **options})
    else:
        PHOTO.save(place, "JPEG", **{"quality": 90, "subsampling": sampling, **options})


def edited(jobs: list[tuple[Path, str]]) -> list[Saved]:
    """The editor opens photos, paints a spot on each, fills and saves, all in one run of Java."""
    results = [photo.with_name(f"saved-{photo.name}") for photo, _ in jobs]
    run_core("edit", *(part for (photo, spot), to in zip(jobs, results, strict=True) for part in (photo, to, spot)))
    saved = []
    for (photo, _), result in zip(jobs, results, strict=True):
        with Image.open(photo) as image:
            turned = image.getexif().get(0x0112, 1) > 4
            shape = (image.width, image.height, 3) if turned else (image.height, image.width, 3)
        before, after = (np.fromfile(f"{result}-{name}", np.uint8).reshape(shape) for name in ("before", "after"))
        assert (before != after).any()
        saved.append(Saved(photo, result, before, after))
    return saved


@pytest.fixture(scope="module")
def every(tmp_path_factory) -> dict[str, Saved]:
    """Every way and sampling, both spots in turn."""
    folder = tmp_path_factory.mktemp("splice")
    names = [f"{way}, {sampling}" for way in WAYS for sampling in SAMPLINGS]
    jobs = []
    for index, name in enumerate(names):
        way, sampling = name.split(", ")
        save(folder / f"{name}.jpg", sampling, **WAYS[way])
        jobs.append((folder / f"{name}.jpg", list(SPOTS.values())[index % 3 == 2]))
    return dict(zip(names, edited(jobs), strict=True))


def planes(content: bytes) -> np.ndarray:
    """(H, W, 1 or 3) as the decoder gives them before colours are converted, which would round."""
    with Image.open(io.BytesIO(content)) as image:
        if image.mode == "RGB":
            image.draft("YCbCr", image.size)
        decoded = np.asarray(image)
    return (decoded if decoded.ndim == 3 else decoded[:, :, None]).astype(int)


def outside(file: JpegFile, units: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of MCUs that were not changed, and whose chroma no changed one is interpolated into."""
    touched = np.zeros(file.grid, bool)
    touched.reshape(-1)[units] = True
    pixels = np.kron(touched, np.ones(file.unit, bool))[: file.height, : file.width]
    near = np.pad(pixels, 2)
    return ~np.any([near[2 + y :, 2 + x :][: file.height, : file.width] for y in (-2, 0, 2) for x in (-2, 0, 2)], axis=0)


def tiles(pixels: np.ndarray, file: JpegFile, units: np.ndarray) -> np.ndarray:
    """Pixels of MCUs, the last row and column of the photo repeated."""
    rows, columns = file.unit
    missing = [(0, file.grid[0] * rows - file.height), (0, file.grid[1] * columns - file.width), (0, 0)]
    whole = np.pad(pixels, missing, mode="edge").reshape(file.grid[0], rows, file.grid[1], columns, 3).swapaxes(1, 2)
    return whole.reshape(-1, rows, columns, 3)[units]


@pytest.mark.parametrize("name", [f"{way}, {sampling}" for way in WAYS for sampling in SAMPLINGS])
def test_blocks_without_a_change_are_as_they_were(every, name):
    """Kept values are the photo's; the file is Python's splice of the same pixels, but for halves that round to either side."""
    saved = every[name]
    content, result = saved.photo.read_bytes(), saved.result.read_bytes()
    file, again = parse(content), parse(result)
    units = touched_units(file, (saved.before != saved.after).any(axis=2), 0, 0)
    assert 0 < len(units) < 0.25 * file.grid[0] * file.grid[1]
    kept = outside(file, units)
    old, new = planes(content), planes(result)
    np.testing.assert_array_equal(new[kept], old[kept])
    assert [part.tobytes() for part in again.quantisation.values()] == [part.tobytes() for part in file.quantisation.values()]
    assert (again.dc, again.ac, again.restart, again.grid) == (file.dc, file.ac, file.restart, file.grid)
    pixels = tiles(saved.after, file, units)
    if len(file.components) == 1:  # luma of a grey photo's fill, as Pillow takes it
        pixels = np.asarray(Image.fromarray(pixels.reshape(-1, 1, 3)).convert("L")).reshape(pixels.shape[:3])
    python = spliced_scan(find_site(file, units), pixels)
    apart = np.abs(planes(result) - planes(content.replace(file.scan, python)))
    assert (apart[kept] == 0).all()
    # Measured: 0.0016 levels on average, 2 at most; some of the twenty scans are Python's to the bit.
    assert apart.mean() < 0.003
    assert apart.max() <= 3


def test_encoding_again_is_found(every):
    """The planted error: the same photo, encoded again as a whole with its own tables, is not as it was."""
    saved = every["as cameras write, 4:2:0"]
    again = saved.photo.with_name("again.jpg")
    run_core("save", saved.photo, again)
    content = saved.photo.read_bytes()
    file = parse(content)
    kept = outside(file, touched_units(file, (saved.before != saved.after).any(axis=2), 0, 0))
    assert (planes(again.read_bytes()) != planes(content))[kept].mean() > 0.03


@pytest.mark.parametrize("sampling", ["4:2:0", "grey"])
def test_a_turned_photo_keeps_its_blocks_and_stays_turned(tmp_path, sampling):
    """All orientations: phones store an upright photo lying on its side, and its blocks can be taken over only so."""
    jobs = []
    for orientation in range(1, 9):
        place = tmp_path / f"{orientation}.jpg"
        save(place, sampling, exif=with_thumbnail(exif(orientation).tobytes()), comment=b"a comment")
        jobs.append((place, "120,90,60"))
    for orientation, saved in enumerate(edited(jobs), start=1):
        content, result = saved.photo.read_bytes(), saved.result.read_bytes()
        with Image.open(saved.result) as image:
            assert image.getexif()[0x0112] == orientation
            assert image.getexif()[0x010F] == "A maker"
            assert image.info["comment"] == b"a comment"
        assert b"SECRET" in content
        assert b"SECRET" not in result
        # The spot is 3 % of the photo.
        assert (planes(content) == planes(result)).all(axis=2).mean() > 0.85
        # What is shown upright is what the editor showed; brightness, because colours are halved.
        with Image.open(saved.result) as image:
            shown = grey(np.asarray(ImageOps.exif_transpose(image).convert("RGB")))
        changed = (saved.before != saved.after).any(axis=2)
        assert np.abs(shown - grey(saved.before))[~changed].mean() < 1
        assert np.abs(shown - grey(saved.after))[changed].mean() < 0.5 * np.abs(shown - grey(saved.before))[changed].mean()


def grey(pixels: np.ndarray) -> np.ndarray:
    """(H, W) brightness of RGB."""
    return np.asarray(Image.fromarray(pixels).convert("L")).astype(int)


@pytest.mark.thorough
def test_108_megapixels_on_a_small_heap(tmp_path):
    """A spot is changed in a photo whose pixels take 324 MB, with 48 MB of memory; everything else keeps its bits."""
    width, height = 12_000, 9_000
    place, result = tmp_path / "photo.jpg", tmp_path / "result.jpg"
    PHOTO.crop((0, 0, 240, 240)).resize((width, height)).save(place, "JPEG", quality=80, subsampling="4:2:0")
    run_core("spot", place, result, height, width, 4000, 4000, 4100, 6000, options=["-Xmx48m", "-XX:+UseSerialGC"])
    file, again = parse(place.read_bytes()), parse(result.read_bytes())
    # Up to the first change the scans are one; behind the last one they are again, some bits farther.
    assert again.scan[: len(file.scan) // 3] == file.scan[: len(file.scan) // 3]
    with Image.open(place) as old, Image.open(result) as new:
        for image in (old, new):
            image.draft("L", (width // 8, height // 8))
        changed = np.asarray(old).astype(int) != np.asarray(new)
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 4000 // 16 * 2
    assert rows.max() < 4112 // 8
    assert columns.min() >= 4000 // 16 * 2
    assert columns.max() < 6000 // 8


def test_a_progressive_photo_is_encoded_again(tmp_path):
    save(tmp_path / "photo.jpg", "4:2:0", progressive=True)
    (saved,) = edited([(tmp_path / "photo.jpg", SPOTS["middle"])])
    with pytest.raises(Unsuitable, match="progressive"):
        parse(saved.photo.read_bytes())
    changed = (saved.before != saved.after).any(axis=2)
    shown = np.asarray(Image.open(saved.result).convert("RGB")).astype(int)
    assert np.abs(shown - saved.before)[~changed].mean() < 2


def test_a_damaged_scan_is_encoded_again(tmp_path):
    """Its decoder shows something; what it shows is saved, and nothing is left of what was begun."""
    save(tmp_path / "photo.jpg", "4:4:4")
    content = bytearray((tmp_path / "photo.jpg").read_bytes())
    scan = parse(bytes(content)).scan
    start = bytes(content).index(scan)
    # Half of the scan's last tenth is missing: the blocks do not suffice.
    del content[start + len(scan) * 9 // 10 : start + len(scan) * 19 // 20]
    (tmp_path / "photo.jpg").write_bytes(content)
    (saved,) = edited([(tmp_path / "photo.jpg", SPOTS["middle"])])
    changed = (saved.before != saved.after).any(axis=2)
    shown = np.asarray(Image.open(saved.result).convert("RGB")).astype(int)
    assert shown.shape == saved.before.shape
    assert np.abs(shown - saved.before)[~changed].mean() < 2
