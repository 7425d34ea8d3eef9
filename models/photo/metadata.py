"""What a photo's file says beside its pixels: EXIF, colour profile, XMP, resolution, PNG text; and how each format takes it.

EXIF is carried as the bytes it is, so that maker notes stay readable; only its orientation becomes 1, because the pixels have
been turned, and its thumbnail goes, because it would still show what was erased.
"""

import re
import struct
from dataclasses import dataclass

from PIL import Image, PngImagePlugin

from models.photo.formats import WriteFormat
from models.photo.png_chunks import read_chunks

_ORIENTATION, _THUMBNAIL_OFFSET, _THUMBNAIL_BYTES = 0x0112, 0x0201, 0x0202
_JPEG_SEGMENT = 65_533
_XMP_KEY = b"XML:com.adobe.xmp\0"

# Tags of a TIFF that say how its pixels are stored, or that are carried elsewhere (resolution, XMP, ICC, EXIF's own structure).
_STRUCTURAL = frozenset(
    (*range(254, 260), *range(262, 267), 273, 274, *range(277, 285), *range(290, 294), 296, 301, *range(317, 326))
)
_STRUCTURAL |= {330, 332, 333, 334, 336, *range(338, 343), 347, *range(512, 533), 700, 34665, 34675, 34853, 40965}
_SUB_DIRECTORIES = (34665, 34853)

_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_PNG_COLOUR = (b"cHRM", b"gAMA", b"sRGB", b"cICP")


@dataclass(frozen=True)
class Metadata:
    """What is carried from a photo to the result.

    Attributes:
        exif: a TIFF stream, orientation 1, without thumbnail.
        icc_profile: colour profile of the pixels as they are now.
        xmp: an XMP packet.
        dpi: resolution across and down.
        comment: a JPEG's or GIF's comment.
        chunks: text and colour chunks of a PNG, as they are.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def collect(image: Image.Image, content: bytes | None) -> tuple[Metadata, list[str]]:
    """The metadata of an opened and loaded photo, and what of it is lost already.

    Args:
        image: before it is turned or converted.
        content: the file, of a PNG only.
    """
    lost: list[str] = []
    info = image.info
    exif = _tiff_tags(image) if image.format == "TIFF" else info.get("exif")
    if exif:
        exif, thumbnail = upright_exif(exif)
        if exif is None:
            lost.append("its damaged EXIF")
        elif thumbnail:
            lost.append("the thumbnail in its EXIF, which shows the photo before")
    xmp = info.get("xmp")
    comment = info.get("comment")
    return (
        Metadata(
            exif=exif or None,
            icc_profile=info.get("icc_profile") or None,
            xmp=_upright_xmp(xmp.encode() if isinstance(xmp, str) else xmp) if xmp else None,
            dpi=_resolution(info.get("dpi")) if _has_resolution(image) else None,
            comment=comment.encode() if isinstance(comment, str) else comment or None,
            chunks=_png_chunks(content) if content is not None else (),
        ),
        lost,
    )


def upright_exif(exif: bytes) -> tuple[bytes | None, bool]:
    """EXIF with orientation 1 and without its thumbnail, and whether it had one; None where it is damaged."""
    stream = bytearray(exif.removeprefix(b"Exif\0\0"))
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(stream[:2])]
        (first,) = struct.unpack_from(f"{order}I", stream, 4)
        (count,) = struct.unpack_from(f"{order}H", stream, first)
        for entry in range(first + 2, first + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}HH", stream, entry) == (_ORIENTATION, 3):
                struct.pack_into(f"{order}H", stream, entry + 8, 1)
        link = first + 2 + 12 * count
        if link + 4 > len(stream):  # some writers leave the link out
            return bytes(stream), False
        (second,) = struct.unpack_from(f"{order}I", stream, link)
        thumbnail = _blank_thumbnail(stream, order, second) if second else False
        struct.pack_into(f"{order}I", stream, link, 0)
    except (KeyError, struct.error):
        return None, False
    return bytes(stream), thumbnail


def _blank_thumbnail(stream: bytearray, order: str, directory: int) -> bool:
    """Fill the thumbnail's bytes with zeros, so that no tool finds it."""
    if directory + 2 > len(stream):
        return False
    (count,) = struct.unpack_from(f"{order}H", stream, directory)
    place = {}
    for entry in range(directory + 2, min(directory + 2 + 12 * count, len(stream) - 11), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHII", stream, entry)
        place[tag] = value
    offset, size = place.get(_THUMBNAIL_OFFSET, 0), place.get(_THUMBNAIL_BYTES, 0)
    end = min(offset + size, len(stream))
    stream[offset:end] = bytes(max(0, end - offset))
    return end > offset > 0


def _upright_xmp(xmp: bytes) -> bytes:
    """XMP whose orientation is 1; its length stays, as some packets are edited in place."""
    xmp = re.sub(rb'(tiff:Orientation\s*=\s*["\'])[2-8](["\'])', rb"\g<1>1\g<2>", xmp)
    return re.sub(rb"(<tiff:Orientation>)[2-8](</tiff:Orientation>)", rb"\g<1>1\g<2>", xmp)


def _tiff_tags(image: Image.Image) -> bytes | None:
    """A TIFF's descriptive tags as an EXIF stream."""
    own, result = image.getexif(), Image.Exif()
    for tag, value in own.items():
        if tag not in _STRUCTURAL:
            result[tag] = value
    for tag in _SUB_DIRECTORIES:
        if directory := own.get_ifd(tag):
            result.get_ifd(tag).update(directory)
    return bytes(result.tobytes()) if len(result) or any(result.get_ifd(tag) for tag in _SUB_DIRECTORIES) else None


def _has_resolution(image: Image.Image) -> bool:
    """Whether the file gives its resolution: of a JPEG with EXIF that does not, Pillow says 72, of a TIFF 1."""
    return image.format not in ("JPEG", "MPO", "TIFF") or bool(image.info.get("jfif_unit")) or 0x011A in image.getexif()


def _resolution(dpi: object) -> tuple[float, float] | None:
    """Dots per inch, where a file gives two sensible numbers."""
    try:
        across, down = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def _png_chunks(content: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Text and colour chunks; XMP is carried apart, because other formats take it too."""
    chunks = read_chunks(content)
    return tuple((k, d) for k, d in chunks if k in _PNG_COLOUR or (k in _PNG_TEXT and not d.startswith(_XMP_KEY)))


def save_options(metadata: Metadata, target: WriteFormat) -> tuple[dict[str, object], list[str]]:
    """Pillow's arguments for ``save`` that put the metadata into a format, and what does not fit."""
    options: dict[str, object] = {}
    lost: list[str] = []
    if metadata.icc_profile:
        options["icc_profile"] = metadata.icc_profile
    texts = [data.split(b"\0", 1)[0].decode("latin-1") for kind, data in metadata.chunks if kind in _PNG_TEXT]
    if texts and "text" not in target.holds:
        lost.append(f"PNG text ({', '.join(dict.fromkeys(texts))})")
    limit = _JPEG_SEGMENT if target.name == "JPEG" else 1 << 31
    for name, value, said in (("exif", metadata.exif, "EXIF"), ("xmp", metadata.xmp, "XMP")):
        if value is None:
            continue
        if len(value) + 40 > limit:
            lost.append(f"{said} of {len(value)} bytes")
        elif name == "exif":
            # WebP and PNG take the bare stream, JPEG and AVIF the one with its name.
            options[name] = b"Exif\0\0" + value if target.name == "JPEG" else value
        elif target.name != "PNG":
            options[name] = value
    if metadata.dpi and "dpi" in target.holds:
        options["dpi"] = metadata.dpi
    elif metadata.dpi:
        lost.append(f"resolution ({round(metadata.dpi[0], 2):g} dpi)")
    if metadata.comment and "comment" in target.holds and len(metadata.comment) < limit:
        options["comment"] = metadata.comment
    elif metadata.comment:
        lost.append("comment")
    if target.name == "PNG":
        options["pnginfo"] = _png_info(metadata)
    if target.name == "TIFF":
        _into_tiff(options, metadata)
    return options, lost


def _png_info(metadata: Metadata) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for kind, data in metadata.chunks:
        info.add(kind, data)
    if metadata.xmp:
        info.add(b"iTXt", _XMP_KEY + b"\0\0\0\0" + metadata.xmp)
    return info


def _into_tiff(options: dict[str, object], metadata: Metadata) -> None:
    """A TIFF holds EXIF and XMP as its own tags."""
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    own = Image.Exif()
    for tag, value in exif.items():
        if tag not in _STRUCTURAL:
            own[tag] = value
    for tag in _SUB_DIRECTORIES:
        if directory := exif.get_ifd(tag):
            own.get_ifd(tag).update(directory)  # before the tag is set, or Pillow looks for it in a file
            own[tag] = directory
    if options.pop("xmp", None):
        own[700] = metadata.xmp
    options["exif"] = own
