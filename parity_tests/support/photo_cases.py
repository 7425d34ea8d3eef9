"""Photos with everything a file may say, and ``inpaint`` run on them in this process."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from models.__main__ import main
from models.system.errors import run_main
from parity_tests.support.models_command import COFFEE, SMALL

HEIGHT, WIDTH = COFFEE.shape[:2]
HOLE = np.s_[20:50, 30:80]
"""The hole of the folder's ``mask.png``."""

KEPT = np.ones((HEIGHT, WIDTH), bool)
KEPT[HOLE] = False


def fill(photo: str, out: str, *, mask: str = "mask.png", network: tuple[str, ...] = SMALL) -> tuple[int, str, list[str]]:
    """``wavefill inpaint``: exit code, stdout, and the lines on stderr."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            code = run_main(main, ["inpaint", photo, mask, out, *network])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
    return code, stdout.getvalue(), stderr.getvalue().splitlines()


def filled(photo: str, out: str) -> list[str]:
    """Fill a photo, which has to succeed, and return the lines on stderr."""
    code, stdout, lines = fill(photo, out)
    assert (code, stdout) == (0, f"{out}\n"), lines
    return lines


def profile(name: str = "sRGB") -> bytes:
    """A colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns'
    b':rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
TEXT = {"Title": "Cup of coffee", "Author": "Zo\u00eb"}
COMMENT = b"a comment"
DPI = (300.0, 240.0)


def exif(orientation: int) -> Image.Exif:
    """EXIF of a camera, with the directories of the exposure and of the place."""
    tags = Image.Exif()
    tags.update({0x010F: "Maker", 0x0110: "Model 7", 0x0131: "Firmware 1.2", 0x013B: "A. Photographer", 0x8298: "(c) 2026"})
    tags.update({0x0132: "2026:11:26 10:00:00", 0x0112: orientation})
    tags.get_ifd(0x8769).update({0x829A: 0.004, 0x829D: 2.8, 0x8827: 200, 0x9003: "2026:11:26 09:59:58", 0xA405: 35})
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.5), 3: "E", 4: (16.0, 22.0, 1.25)})
    return tags


def described(suffix: str, image: Image.Image, orientation: int = 1) -> bytes:
    """A file that says all that its format can hold.

    Args:
        suffix: .jpg, .png, .webp, .tiff or .avif.
        image: its pixels, as stored.
        orientation: EXIF orientation.
    """
    tags = exif(orientation)
    options: dict[str, object] = {"exif": tags, "icc_profile": profile()}
    if suffix == ".tiff":
        tags[700] = XMP
        for directory in (0x8769, 0x8825):  # without this Pillow leaves them out of a TIFF
            tags[directory] = dict(tags.get_ifd(directory))
    elif suffix != ".png":
        options["xmp"] = XMP
    if suffix in (".jpg", ".png", ".tiff"):
        options["dpi"] = DPI
    if suffix == ".jpg":
        options.update(comment=COMMENT, quality=90)
    if suffix == ".webp":
        options["lossless"] = True
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", TEXT["Title"], zip=True)
        info.add_itxt("Author", TEXT["Author"], "de", "Autor")
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = info
    buffer = io.BytesIO()
    image.save(buffer, suffix[1:].replace("jpg", "jpeg"), **options)
    return buffer.getvalue()


def said(path: Path) -> dict[str, object]:
    """What a file says beside its pixels, field by field, as Pillow reads it; a field that is missing is not in the result."""
    with Image.open(path) as image:
        image.load()
        tags, info = image.getexif(), dict(image.info)
        fields: dict[str, object] = {}
        for directory, values in ((0, tags), (0x8769, tags.get_ifd(0x8769)), (0x8825, tags.get_ifd(0x8825))):
            for tag, value in values.items():
                if tag in DESCRIPTIVE or directory:
                    fields[f"EXIF {directory:x}/{tag:x}"] = _plain(value)
        if info.get("icc_profile"):
            fields["profile"] = info["icc_profile"]
        packet = info.get("xmp") or (tags.get(700) if image.format == "TIFF" else None)
        if packet:
            fields["XMP"] = packet.encode() if isinstance(packet, str) else packet
        # Of a JPEG whose EXIF gives no resolution Pillow says 72, of such a TIFF 1.
        if info.get("dpi") and (image.format not in ("JPEG", "TIFF") or info.get("jfif_unit") or 0x011A in tags):
            fields["dpi"] = tuple(round(float(value), 1) for value in info["dpi"])
        if info.get("comment"):
            fields["comment"] = info["comment"]
        for name, value in getattr(image, "text", {}).items():
            if name != "XML:com.adobe.xmp":
                fields[f"text {name}"] = (str(value), getattr(value, "lang", None), getattr(value, "tkey", None))
    return fields


DESCRIPTIVE = (0x010F, 0x0110, 0x0131, 0x013B, 0x8298, 0x0132)
"""Tags of the first directory that describe the photo; the others say how a TIFF stores it, or are resolution and orientation."""


def _plain(value: object) -> object:
    """Fractions as numbers that compare."""
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    return value if isinstance(value, (str, bytes, int)) else round(float(value), 6)  # type: ignore[arg-type]
