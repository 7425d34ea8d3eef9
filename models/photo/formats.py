"""Which formats are read and written, and what each can hold: tables, and the limits that are checked from a file's header."""

from dataclasses import dataclass, field

from PIL import Image

MAX_PIXELS = 200_000_000
"""Largest photo that is read: 200 megapixels, 600 MB of RGB. A small file can unpack to far more (a decompression bomb), so the
header's size is checked before anything is decoded."""

# Pillow refuses above twice its own limit (179 megapixels in all), below ours, so its limit is set to ours for the process.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

READ_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
"""Pillow's names of the formats that are tried; the rarer ones have parsers that nobody needs here.

HEIC is read where the ``heif`` extra is installed."""


@dataclass(frozen=True)
class WriteFormat:
    """What a result can be written as.

    Attributes:
        name: Pillow's name.
        options: encoder settings for a photo that comes from another format.
        longest: largest side in pixels.
        holds: which of ``exif``, ``xmp``, ``dpi``, ``text``, ``comment``, ``alpha``, ``wide`` (16 bits) the format has room for;
            every one of them holds a colour profile.
    """

    name: str
    options: dict[str, object] = field(default_factory=dict)
    longest: int = 1_000_000
    holds: frozenset[str] = frozenset()


_PNG = WriteFormat("PNG", holds=frozenset({"exif", "xmp", "dpi", "text", "alpha", "wide"}))
_JPEG = WriteFormat("JPEG", {"quality": 95, "subsampling": "4:4:4"}, 65_500, frozenset({"exif", "xmp", "dpi", "comment"}))
# exact: without it the encoder changes colours where alpha is 0.
_WEBP = WriteFormat("WEBP", {"lossless": True, "exact": True}, 16_383, frozenset({"exif", "xmp", "alpha"}))
_TIFF = WriteFormat("TIFF", {"compression": "tiff_adobe_deflate"}, holds=frozenset({"exif", "xmp", "dpi", "alpha", "wide"}))
_AVIF = WriteFormat("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 65_536, frozenset({"exif", "xmp", "alpha"}))

WRITE_FORMATS: dict[str, WriteFormat] = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".avif": _AVIF,
}
"""PNG, WebP (lossless) and TIFF keep every pixel. JPEG and AVIF are lossy; a JPEG of a JPEG keeps the blocks without hole."""


PNG_LEVELS = ((500_000, 6), (4_000_000, 3))
"""Pixels -> zlib level of a PNG up to that size; above, ``PNG_LARGE``. Of photographs of a megapixel, level 3 takes a third of
the time of level 6 and up to 11 % more bytes, level 2 a quarter and up to 17 %."""

PNG_LARGE = 2


def png_level(pixels: int) -> int:
    """How hard to try for a PNG of so many pixels: an encoder that takes longer than the network is in the way."""
    return next((level for most, level in PNG_LEVELS if pixels <= most), PNG_LARGE)


def size_text(shape: tuple[int, ...]) -> str:
    """(height, width, ...) as people say it."""
    return f"{shape[1]}x{shape[0]}"
