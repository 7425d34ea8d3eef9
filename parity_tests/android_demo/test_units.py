"""The rest of the core: its unit tests, what it writes as other programs read it, and its memory."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin
from skimage import data

from android_demo.packaging.goldens import golden
from android_demo.packaging.kotlin import core_tests
from android_demo.packaging.places import missing_for_junit
from benchmarks.records.schema import check
from parity_tests.android_demo.java import java, run_core

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing_for_junit() is not None, reason=str(missing_for_junit())),
]


def test_units():
    with zipfile.ZipFile(core_tests()) as jar:
        names = [name.removesuffix(".class").replace("/", ".") for name in jar.namelist() if name.endswith("Test.class")]
    assert len(names) >= 8
    done = java(["org.junit.runner.JUnitCore", *names])
    assert done.returncode == 0, done.stdout[-4000:]


def exif(orientation: int) -> Image.Exif:
    """With a maker, a time, and a place on the globe."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "A maker"
    tags.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def with_thumbnail(stream: bytes) -> bytes:
    """An EXIF stream of Pillow's (big endian) with a second directory that holds a thumbnail."""
    stream = stream.removeprefix(b"Exif\0\0")
    order = ">" if stream[:2] == b"MM" else "<"
    (first,) = struct.unpack_from(f"{order}I", stream, 4)
    (count,) = struct.unpack_from(f"{order}H", stream, first)
    second, picture = len(stream), b"SECRET-THUMBNAIL"
    entries = struct.pack(f"{order}HHHIIHHIII", 2, 0x0201, 4, 1, second + 30, 0x0202, 4, 1, len(picture), 0)
    changed = bytearray(stream + entries + picture)
    struct.pack_into(f"{order}I", changed, first + 2 + 12 * count, second)
    return b"Exif\0\0" + bytes(changed)


def test_photos_are_saved_as_pillow_expects(tmp_path):
    """All orientations, samplings and qualities of a JPEG; a grey one; a PNG: pixels, tables, EXIF, profile, and no thumbnail."""
    photo = Image.fromarray(np.ascontiguousarray(data.coffee()[100:300, 100:371]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    jobs = []
    for index, orientation in enumerate(range(1, 9)):
        options = {"quality": (75, 90, 98)[index % 3], "subsampling": index % 3}
        place = tmp_path / f"{orientation}.jpg"
        photo.save(
            place,
            exif=with_thumbnail(exif(orientation).tobytes()),
            icc_profile=profile,
            comment=b"a comment",
            dpi=(300, 300),
            **options,
        )
        jobs.append(place)
    photo.convert("L").save(tmp_path / "grey.jpg", quality=90)
    information = PngImagePlugin.PngInfo()
    information.add_text("Title", "a title")
    photo.save(tmp_path / "photo.png", pnginfo=information, icc_profile=profile, dpi=(300, 300))
    jobs += [tmp_path / "grey.jpg", tmp_path / "photo.png"]
    run_core("save", *(part for job in jobs for part in (job, job.with_name(f"saved-{job.name}"))))
    for job in jobs:
        before, after = Image.open(job), Image.open(job.with_name(f"saved-{job.name}"))
        upright = ImageOps.exif_transpose(before)
        assert (after.size, after.mode) == (upright.size, before.mode), job
        apart = np.abs(np.asarray(after.convert("RGB"), int) - np.asarray(upright.convert("RGB"), int))
        if job.suffix == ".png":
            assert apart.max() == 0
            assert (after.text, after.info["icc_profile"]) == ({"Title": "a title"}, profile)
            assert after.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            continue
        # As near as Pillow comes with the same tables and sampling (0.06 to 2.0 levels; ours 1.01 times that at most).
        again = io.BytesIO()
        sampling = JpegImagePlugin.get_sampling(before)
        upright.save(again, "JPEG", qtables=before.quantization, subsampling=max(0, sampling))
        theirs = np.abs(np.asarray(Image.open(again).convert("RGB"), int) - np.asarray(upright.convert("RGB"), int))
        assert apart.mean() <= 1.1 * theirs.mean() + 0.02, job
        # Pillow hands tables over in rows; a turned photo keeps the photo's steps.
        assert list(after.quantization.values()) == list(before.quantization.values()), job
        if job.stem == "grey":
            continue
        assert after.getexif()[0x0112] == 1
        assert after.getexif()[0x010F] == "A maker"
        assert after.getexif().get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
        assert after.getexif().get_ifd(0x8825)[1] == "N"
        assert after.info["icc_profile"] == profile
        assert after.info["comment"] == b"a comment"
        assert b"SECRET" in job.read_bytes()
        assert b"SECRET" not in job.with_name(f"saved-{job.name}").read_bytes()


def test_a_record_is_one(tmp_path, shipped_artifacts):
    """What the benchmark screen shares is a record of the schema that all benchmarks have."""
    artifact = next(shipped_artifacts.glob("*-onnx-w8a8"))
    image = np.zeros((256, 256, 3), np.uint8)
    mask = np.full((256, 256), 255, np.uint8)
    (tmp_path / "golden.bin").write_bytes(golden(image, mask, image + 7))
    for name in ("manifest.json", "SHA256SUMS", "model.onnx"):
        (tmp_path / name).write_bytes((artifact / name).read_bytes())
    record = check(json.load(io.StringIO(run_core("record", tmp_path))))
    assert (record["kind"], record["golden"]["same"], record["golden"]["hole_psnr_db"]) == ("android", True, None)
    assert record["artifact"]["name"] == artifact.name


@pytest.mark.parametrize(("brush", "times", "enough"), [(800, 3, True), (800, 1, False)])
def test_memory_of_a_fill(tmp_path, brush, times, enough):
    """A hole 800 pixels wide in 12 megapixels, in a heap of three times the decoded photo; in one as large as it, a sentence."""
    height, width = 3000, 4000
    place = tmp_path / "photo.bin"
    tile = np.ascontiguousarray(data.coffee()[:300])
    np.tile(tile, (10, 7, 1))[:height, :width].tofile(place)
    heap = f"-Xmx{times * height * width * 3 // 2**20}m"
    done = java(["wavefill.CoreRunnerKt", "memory", place, height, width, brush], ["-XX:+UseSerialGC", heap])
    assert (done.returncode == 0) == enough, done.stderr
    if not enough:
        assert "too much at once for the memory" in done.stderr
        assert "OutOfMemoryError" not in done.stderr
