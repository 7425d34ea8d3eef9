"""Kinds of files: AVIF, HEIC and TIFF, symbolic links, and an artefact named by its model file."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.photo_index import photo_size
from models.photo import read
from models.photo.formats import MAX_PIXELS
from models.photo.images import read_photo
from models.photo.place import check_output
from models.system.errors import ToolchainMissing
from parity_tests.support.models_command import COFFEE
from parity_tests.support.photo_cases import KEPT, described, fill, filled, said

HEIC_HEADS = {
    "a phone's": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "ten bits": b"\0\0\0\x18ftypheix\0\0\0\0mif1heix",
    "brand behind": b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf",
}


def only_line(result: tuple[int, str, list[str]], code: int) -> str:
    """The one line of a command that failed with a code and left no result."""
    assert (result[0], result[1], len(result[2])) == (code, "", 1), result
    assert not list(Path().glob("out*"))
    return result[2][0]


def test_avif_is_read_like_what_pillow_decodes(here):
    Path("photo.avif").write_bytes(described(".avif", Image.fromarray(COFFEE)))
    with Image.open("photo.avif") as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_photo(Path("photo.avif")).pixels, expected)
    assert np.abs(expected.astype(int) - COFFEE).mean() < 8
    assert filled("photo.avif", "out.png") == []
    with Image.open("out.png") as image:
        assert np.array_equal(np.asarray(image)[KEPT], expected[KEPT])
    fields = said(Path("photo.avif"))
    assert fields["EXIF 0/10f"] == "Maker"
    assert fields == said(Path("out.png"))


def test_damaged_avif_is_one_line(here):
    content = described(".avif", Image.fromarray(COFFEE))
    for name, damaged in (("cut.avif", content[: len(content) // 2]), ("bits.avif", content[:-400] + bytes(400))):
        Path(name).write_bytes(damaged)
        code, _, lines = fill(name, "out.png")
        # A decoder may show what is left of the second; of the first it has nothing.
        assert (code == 0 and name == "bits.avif") or (code == 2 and len(lines) == 1 and name in lines[0]), (name, lines)


@pytest.mark.parametrize("head", HEIC_HEADS)
@pytest.mark.parametrize("name", ["phone.heic", "phone.jpg"])
def test_without_the_extra_heic_is_one_line_that_says_what_to_install(here, monkeypatch, head, name):
    """A file that was only renamed is HEIC all the same."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Path(name).write_bytes(HEIC_HEADS[head] + bytes(99))
    line = only_line(fill(name, "out.png"), 3)
    assert f"{name}: HEIC is read by pillow-heif, which is not here; pip install 'wavefill[heif]'" in line
    with pytest.raises(ToolchainMissing, match=r"wavefill\[heif\]"):
        read_photo(Path(name))


def test_a_heic_in_a_folder_of_photos_is_skipped_with_its_reason(here, monkeypatch):
    """Training goes on without it, extra or not."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Path("phone.jpg").write_bytes(HEIC_HEADS["a phone's"] + bytes(99))
    with pytest.raises(ValueError, match=r"phone\.jpg: HEIC is read by pillow-heif"):
        photo_size(Path("phone.jpg"))
    assert photo_size(Path("photo.png")) == COFFEE.shape[1::-1]


def test_the_extra_is_declared():
    extras = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [name.split("==")[0] for name in extras["heif"]] == ["pillow-heif"]
    assert [name.split("==")[0] for name in extras["depth"]] == ["opencv-python-headless"]


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the heif extra is not installed")
def test_heic_is_read(here):
    import pillow_heif

    image = pillow_heif.from_pillow(Image.fromarray(COFFEE))
    image.save("photo.heic", quality=90)
    # Told by its content: AVIF and HEIC share their container.
    assert read.is_heic(Path("photo.heic"))
    photo = read_photo(Path("photo.heic")).pixels
    assert np.abs(photo.astype(int) - COFFEE).mean() < 8
    assert filled("photo.heic", "out.png") == []
    with Image.open("out.png") as result:
        assert np.array_equal(np.asarray(result)[KEPT], photo[KEPT])
    Path("cut.heic").write_bytes(Path("photo.heic").read_bytes()[:900])
    Path("out.png").unlink()
    assert "cut.heic" in only_line(fill("cut.heic", "out.png"), 2)


def test_avif_is_no_heic(here):
    Image.fromarray(COFFEE).save("photo.avif")
    assert not read.is_heic(Path("photo.avif"))


def test_the_limit_is_two_hundred_megapixels():
    """The header's size, for Pillow too: its own limit would refuse below ours."""
    assert MAX_PIXELS == 200_000_000
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS


@pytest.mark.parametrize("suffix", [".tif", ".tiff"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_tiff_results_keep_every_pixel(here, suffix, mode):
    photo = Image.fromarray(COFFEE).convert("RGBA")
    photo.putalpha(Image.fromarray(COFFEE[:, :, 0]))
    before = photo.convert(mode) if mode != "LA" else Image.merge("LA", (photo.convert("L"), photo.getchannel("A")))
    before.save("photo.png")
    assert filled("photo.png", f"out{suffix}") == []
    with Image.open(f"out{suffix}") as image:
        assert (image.format, image.mode) == ("TIFF", mode)
        assert np.array_equal(np.asarray(image)[KEPT], np.asarray(before)[KEPT])
        assert not np.array_equal(np.asarray(image), np.asarray(before))


# ------------------------------------------------------------------------------------------------ symbolic links


def test_an_output_link_stays_and_its_target_gets_the_result(here):
    (here / "elsewhere").mkdir()
    target = here / "elsewhere" / "result.png"
    target.write_bytes(b"previous")
    Path("out.png").symlink_to("elsewhere/result.png")
    filled("photo.png", "out.png")
    assert Path("out.png").is_symlink()
    with Image.open(target) as image:
        assert np.array_equal(np.asarray(image)[KEPT], COFFEE[KEPT])
    assert [path.name for path in target.parent.iterdir()] == ["result.png"]


def test_a_link_to_a_file_that_is_not_there_yet(here):
    Path("out.png").symlink_to("new.png")
    filled("photo.png", "out.png")
    assert Path("new.png").is_file()
    assert not Path("new.png").is_symlink()


def test_links_that_lead_to_the_input_in_a_circle_or_nowhere_are_refused(here):
    before = Path("photo.png").read_bytes()
    Path("a.png").symlink_to("photo.png")
    Path("b.png").symlink_to("c.png")
    Path("c.png").symlink_to("b.png")
    Path("d.png").symlink_to("missing/x.png")
    for name, message in (("a", "overwrite its own input"), ("b", "leads nowhere"), ("d", "there is no folder")):
        assert message in only_line(fill("photo.png", f"{name}.png"), 2)
    assert Path("photo.png").read_bytes() == before
    with pytest.raises(ValueError, match="overwrite its own input"):
        check_output(Path("a.png"), Path("photo.png"))
