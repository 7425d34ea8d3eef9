"""Photos from files: what is read, what is refused, and what a viewer would show.

EXIF orientation is applied and palettes are expanded. Whatever is converted is told in ``notes``, one line each.
"""

import logging
import struct
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from models.photo.formats import MAX_PIXELS, READ_FORMATS, size_text
from models.photo.metadata import Metadata, collect
from models.photo.photo_file import PhotoFile
from models.photo.raster import Raster
from models.photo.wide import is_wide_colour, read_wide_colour
from models.system.errors import ToolchainMissing
from models.system.quiet import pillow_warnings, without_standard_error

# What Pillow's decoders raise on damaged files, found by feeding them changed bytes (TypeError and LookupError: TIFF;
# RuntimeError: AVIF and HEIC).
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, RuntimeError, struct.error)

# Some of them log as well, and Python prints what no handler takes; one line is said of a bad file, and it is ours.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")
_TURNED = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
"""What a viewer does for each EXIF orientation (EXIF 2.32, table 6)."""


def open_photo_file(path: Path, *, editing: bool = False) -> PhotoFile:
    """Read a photo of any common kind, in the mode it came in.

    Args:
        path: the file.
        editing: keep what is needed to write the photo again: metadata, 16-bit colour, a JPEG's own bytes. Without it 16-bit
            colour is reduced to 8, and nothing but pixels and colour profile is kept.

    Raises:
        ValueError: missing, no photo, truncated or damaged, a kind that is not read, or more than ``MAX_PIXELS``.
        ToolchainMissing: HEIC or 16-bit colour, whose extra is not installed.
    """
    notes: list[str] = []
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: not a file")
    formats: tuple[str, ...] = READ_FORMATS
    if is_heic(path):
        register_heic(path)
        formats = ("HEIF",)
    with pillow_warnings as warned:
        try:
            with Image.open(path, formats=formats) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _TooLargeError(f"{path}: {size_text((image.height, image.width))}; {_limit()}")
                frames = getattr(image, "n_frames", 1)
                if frames > 1 and image.format != "MPO":
                    notes.append(f"{path}: the first of its {frames} frames is used")
                with without_standard_error() if image.format == "TIFF" else nullcontext():
                    image.load()
                photo = _photo_file(path, image, editing, notes)
                if frames > 1 and image.format == "MPO":
                    photo.lost.append(f"{frames - 1} more images in the file (depth, gain map or preview)")
        except _TooLargeError as error:
            raise ValueError(str(error)) from None
        except Image.DecompressionBombError:
            raise ValueError(f"{path}: {_limit()}") from None
        except ToolchainMissing as error:
            raise ToolchainMissing(f"{path}: {error}") from error
        except _RefusedError as error:
            raise ValueError(f"{path}: {error}") from error
        except _DECODING_ERRORS as error:
            raise ValueError(_why(path, error)) from error
    photo.notes = notes + sorted({f"{path}: {text}" for text in warned})
    return photo


class _TooLargeError(Exception):
    """More than ``MAX_PIXELS``; kept apart from the errors of damaged files."""


class _RefusedError(Exception):
    """A whole file of a kind that is not read."""


def is_heic(path: Path) -> bool:
    """Whether a file says of itself that it is HEIC; a broken name or suffix does not matter."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:  # said better by whoever opens it next
        return False
    if head[4:8] != b"ftyp":
        return False
    return head[8:12] in _HEIC_BRANDS or (head[8:12] in (b"mif1", b"msf1") and any(brand in head[16:] for brand in _HEIC_BRANDS))


def register_heic(path: Path) -> None:
    """Teach Pillow to read HEIC.

    Raises:
        ToolchainMissing: the extra is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise ToolchainMissing(f"{path}: HEIC is read by pillow-heif, which is not here; pip install 'wavefill[heif]'") from error
    pillow_heif.register_heif_opener(thumbnails=False)


def _limit() -> str:
    return f"photos of more than {MAX_PIXELS // 1_000_000} megapixels are not read"


def _why(path: Path, error: Exception) -> str:
    """One line on why a file could not be decoded."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{path}: {error.strerror}"
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return f"{path}: empty file"
    if isinstance(error, UnidentifiedImageError):
        return f"{path}: not an image that is read here ({', '.join(READ_FORMATS)}, HEIC)"
    return f"{path}: truncated or damaged image ({error})"


def _photo_file(path: Path, image: Image.Image, editing: bool, notes: list[str]) -> PhotoFile:
    """What was decoded, upright and in one of the modes of :class:`PhotoFile`."""
    kind = image.format or ""
    metadata, content = Metadata(icc_profile=image.info.get("icc_profile") or None), b""
    lost: list[str] = []
    if editing:
        content = path.read_bytes() if kind in ("JPEG", "MPO", "PNG", "TIFF") else b""
        metadata, lost = collect(image, content if kind == "PNG" else None)
        if (depth := _deep(image, path)) > 8:
            lost.append(f"{depth} bits a channel (8 are read)")
    orientation = int(image.getexif().get(0x0112, 1))
    if orientation not in _TURNED:
        orientation = 1
    wide = _wide(image, content, editing, notes, path)
    jpeg = content if editing and kind in ("JPEG", "MPO") and image.mode in ("L", "RGB") else None
    if wide is not None:
        turned = orientation if wide.shape[1::-1] == image.size else 1  # OpenCV turns some TIFFs itself
        raster = Raster(wide=np.ascontiguousarray(_TURNED[turned](wide)) if turned > 1 else wide)
    else:
        ImageOps.exif_transpose(image, in_place=True)
        plain, replaced = _plain(image, path, notes)
        raster = Raster(plain)
        if replaced:  # the profile describes another colour space
            if metadata.icc_profile and editing:
                lost.append(f"the colour profile, which is for {image.mode}")
            metadata = replace(metadata, icc_profile=None)
    return PhotoFile(path, kind, raster.shape, raster, metadata, jpeg, orientation, lost=lost)


def _wide(image: Image.Image, content: bytes, editing: bool, notes: list[str], path: Path) -> NDArray[np.uint16] | None:
    """16-bit values as stored, None of an 8-bit image.

    Raises:
        ValueError: values that do not fit into 16 bits.
    """
    if image.mode.startswith("I"):
        values = np.asarray(image)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise _RefusedError(f"grey values {low}..{high}; 0..65535 (16 bits) is the most that is read")
        grey = np.array(values, np.uint16)
        clear = image.info.get("transparency")  # a PNG may name one grey value that is transparent
        if not isinstance(clear, int):
            return grey[:, :, None]
        return np.dstack([grey, np.where(grey == clear, np.uint16(0), np.uint16(65535))])
    if editing and is_wide_colour(image, content):
        return read_wide_colour(image, content)
    return None


def _plain(image: Image.Image, path: Path, notes: list[str]) -> tuple[Image.Image, bool]:
    """An image of 8 bits as L, LA, RGB or RGBA, and whether its colour space was left."""
    mode = image.mode
    if mode == "F":
        raise _RefusedError("floating-point images are not read; save it with 8 or 16 bits")
    if mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        notes.append(f"{path}: {mode} converted to RGB without its colour profile")
        return image.convert("RGB"), True
    target = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "P": "RGB"}.get(mode, mode)
    if image.has_transparency_data and not target.endswith("A"):
        target += "A"
    if target not in ("L", "LA", "RGB", "RGBA"):
        raise _RefusedError(f"images of mode {mode} are not read; save it as grey or RGB")
    if target == "LA":
        converted = image.convert("RGBA").convert("LA") if mode != "LA" else image
    elif target != mode:
        converted = image.convert(target)
    else:
        # A TIFF would take its old tags along; everything else is used as it is, because a copy costs 4 bytes a pixel.
        converted = image.copy() if image.format == "TIFF" else image
    converted.info = {}
    return converted, False


def _deep(image: Image.Image, path: Path) -> int:
    """Bits a channel of AVIF and HEIC, which are decoded to 8; 8 of other formats."""
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    if image.format == "AVIF":
        with path.open("rb") as file:
            head = file.read(1 << 16)
        at = head.find(b"av1C")
        # AV1 in ISOBMFF, 2.3.3: the third byte holds tier, high_bitdepth and twelve_bit.
        flags = head[at + 6] if 0 <= at < len(head) - 6 else 0
        return 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8
    return 8
