"""What a photo's file says beside its pixels, before and after, field by field."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.photo import read
from parity_tests.support.models_command import COFFEE
from parity_tests.support.photo_cases import DPI, KEPT, TEXT, described, filled, said

SUFFIXES = (".jpg", ".png", ".webp", ".tiff")

# What each format has no room for, and what the note calls it.
LOST = {
    ".jpg": {"text": "PNG text (Title, Author)"},
    ".png": {"comment": "comment"},
    ".webp": {"text": "PNG text (Title, Author)", "comment": "comment", "dpi": "resolution (300 dpi)"},
    ".tiff": {"text": "PNG text (Title, Author)", "comment": "comment"},
    ".avif": {"text": "PNG text (Title, Author)", "comment": "comment", "dpi": "resolution (300 dpi)"},
}


def turned_away(orientation: int) -> Image.Image:
    """COFFEE as a camera stores it that says ``orientation`` (1 or 6)."""
    return Image.fromarray(np.ascontiguousarray(np.rot90(COFFEE)) if orientation == 6 else COFFEE)


def differences(before: dict[str, object], after: dict[str, object], lost: tuple[str, ...] = ()) -> list[str]:
    """Fields that are not as they were, but for those whose first word is in ``lost``."""
    expected = {name: value for name, value in before.items() if name.split()[0] not in lost}
    return [name for name in expected.keys() | after.keys() if expected.get(name) != after.get(name)]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("target", [*SUFFIXES, ".avif"])
@pytest.mark.parametrize("source", SUFFIXES)
def test_fields_survive_and_one_note_names_those_that_cannot(here, source, target, orientation):
    photo, out = f"photo{source}", f"out{target}"
    Path(photo).write_bytes(described(source, turned_away(orientation), orientation))
    before = said(Path(photo))
    # The files compared have something in them: a harness that reads nothing would find no difference.
    assert {"EXIF 0/10f", "EXIF 8769/829a", "EXIF 8825/2", "profile", "XMP"} <= set(before)
    lines = filled(photo, out)
    after = said(Path(out))
    kinds = {name.split()[0] for name in before} & set(LOST[target])
    assert differences(before, after, tuple(kinds)) == []
    notes = [line for line in lines if "does not hold" in line]
    assert len(notes) == (1 if kinds else 0), lines
    for kind in kinds:
        assert LOST[target][kind] in notes[0]
    with Image.open(out) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (COFFEE.shape[1], COFFEE.shape[0])
        if source != ".jpg" and target in (".png", ".webp", ".tiff"):
            assert np.array_equal(np.asarray(image)[KEPT], COFFEE[KEPT])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_sources_say_all_that_their_format_holds(here, suffix):
    """The reference is what was put in, not only what comes out twice."""
    Path(f"photo{suffix}").write_bytes(described(suffix, turned_away(1)))
    fields = said(Path(f"photo{suffix}"))
    assert fields["EXIF 0/13b"] == "A. Photographer"
    assert fields["EXIF 8825/2"] == (48.0, 12.0, 30.5)
    if suffix != ".webp":
        # PNG counts pixels a metre, JPEG whole pixels an inch.
        assert fields["dpi"] == pytest.approx(DPI, abs=0.1)
    if suffix == ".png":
        assert {name: fields[f"text {name}"][0] for name in TEXT} == TEXT


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("field", ["exif", "icc_profile", "xmp", "dpi", "comment", "chunks"])
def test_a_field_that_is_dropped_is_found(here, monkeypatch, suffix, field):
    """A planted error: metadata is collected without one field."""
    photo = f"photo{suffix}"
    Path(photo).write_bytes(described(suffix, turned_away(1)))
    held = {"exif": True, "icc_profile": True, "xmp": True, "dpi": suffix != ".webp"}
    held |= {"comment": suffix == ".jpg", "chunks": suffix == ".png"}
    collect = read.collect

    def forgetful(image, content):
        metadata, lost = collect(image, content)
        return replace(metadata, **{field: () if field == "chunks" else None}), lost

    monkeypatch.setattr(read, "collect", forgetful)
    # A JPEG of a JPEG copies the file's segments and would not notice, but for EXIF.
    out = "out.png" if suffix == ".jpg" else f"out{suffix}"
    filled(photo, out)
    lost = ("comment",) if suffix == ".jpg" else ()
    found = differences(said(Path(photo)), said(Path(out)), lost)
    assert bool(found) == (held[field] and field not in lost), found


def test_thumbnails_go_and_the_note_says_so(here):
    """A thumbnail still shows what was erased."""
    small = described(".jpg", Image.new("RGB", (16, 16), "red"))
    entries = ((0x0103, 3, 6), (0x0201, 4, 0), (0x0202, 4, len(small)))
    first = struct.pack("<2sHIH", b"II", 42, 8, 1) + struct.pack("<HHII", 0x0112, 3, 1, 1) + struct.pack("<I", 26)
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, kind, 1, value or 68) for tag, kind, value in entries)
    stream = first + second + bytes(4)
    assert len(stream) == 68
    Image.fromarray(COFFEE).save("photo.jpg", exif=b"Exif\0\0" + stream + small)
    assert small in Path("photo.jpg").read_bytes()
    (note,) = filled("photo.jpg", "out.jpg")
    assert "thumbnail" in note
    assert small not in Path("out.jpg").read_bytes()
