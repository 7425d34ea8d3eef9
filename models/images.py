"""Photos as files: what is read, what is refused, and results that appear whole or not at all.

A photo is read as a viewer would show it: EXIF orientation applied, palettes and greys expanded, 16 bits reduced to 8, alpha
dropped. Whatever was dropped on the way is told in ``notes``, one line each.
"""

import io
import logging
import os
import struct
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from models.checkpoint import write_atomically
from models.quiet import pillow_warnings, without_standard_error

Pixels = NDArray[np.uint8]

MAX_PIXELS = 100_000_000
"""Largest photo that is read: 100 megapixels, 300 MB in memory. A small file can unpack to far more (a decompression bomb)."""

READ_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""Pillow's names of the formats that are tried; the rarer ones have parsers that nobody needs here."""

WRITE_FORMATS: dict[str, tuple[str, dict[str, object], int]] = {
    # suffix   format  options                                 longest side
    ".png": ("PNG", {}, 1_000_000),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": "4:4:4"}, 65_500),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": "4:4:4"}, 65_500),
    ".webp": ("WEBP", {"lossless": True}, 16_383),
}
"""What a result can be written as. PNG and WebP (lossless) keep every pixel; a JPEG is lossy everywhere, as JPEGs are."""

# What Pillow's decoders raise on damaged files, found by feeding them changed bytes (TypeError and LookupError: TIFF).
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, struct.error)

# Some of them log as well, and Python prints what no handler takes; one line is said of a bad file, and it is ours.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_PHONE_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")


@dataclass(frozen=True)
class Photo:
    """A photo as it is shown.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        notes: what was dropped or converted, one line each.
        icc_profile: the file's colour profile where it still describes ``pixels``.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()
    icc_profile: bytes | None = None


def read_photo(path: Path) -> Photo:
    """Read a photo of any common kind.

    Raises:
        ValueError: missing, no picture, truncated or damaged, a kind that is not read, or more than ``MAX_PIXELS``.
    """
    notes: list[str] = []
    image = _decode(path, notes)
    profile = image.info.get("icc_profile")
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        notes.append(f"{path}: {image.mode} converted to RGB without its colour profile")
    if image.mode not in ("RGB", "RGBA", "P"):
        profile = None  # it describes another colour space than RGB
    if image.has_transparency_data:
        notes.append(f"{path}: its alpha channel is dropped")
    pixels = _rgb(image, path, notes)
    return Photo(pixels, tuple(notes), profile)


def check_output(path: Path, *inputs: Path) -> None:
    """Find out before any work whether a result can be written here.

    Args:
        path: the file to write.
        inputs: files that must not be overwritten by it.

    Raises:
        ValueError: no suffix of ``WRITE_FORMATS``, one of ``inputs``, or as :func:`check_place`.
    """
    if path.suffix.lower() not in WRITE_FORMATS:
        raise ValueError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use one of {', '.join(WRITE_FORMATS)}")
    check_place(path)
    if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
        raise ValueError(f"{path}: would overwrite its own input; choose another name")


def check_place(path: Path) -> None:
    """Find out before any work whether a file can be put here.

    Raises:
        ValueError: it is a folder, its folder does not exist, or cannot be written.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ValueError(f"{path}: there is no folder {path.parent}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{path}: the folder {path.parent} cannot be written")


def write_photo(path: Path, pixels: Pixels, icc_profile: bytes | None = None) -> None:
    """Write a result in the format of its suffix; a previous file of that name stays until the new one is complete.

    Args:
        path: the file, with a suffix of ``WRITE_FORMATS``.
        pixels: (H, W, 3) uint8 RGB.
        icc_profile: colour profile to put into the file.

    Raises:
        ValueError: the suffix is not known, or the picture is too large for the format.
        OSError: the folder cannot be written or the disk is full.
    """
    check_output(path)
    name, options, longest = WRITE_FORMATS[path.suffix.lower()]
    if max(pixels.shape[:2]) > longest:
        raise ValueError(f"{path}: {name} holds at most {longest} pixels a side, the picture is {_size(pixels.shape)}; use .png")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, icc_profile=icc_profile, **options)
    write_atomically(path, buffer.getvalue())


def _decode(path: Path, notes: list[str]) -> Image.Image:
    """Open, check, unpack and turn a file; Pillow's own warnings become notes."""
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: not a file")
    with pillow_warnings as warned:
        try:
            with Image.open(path, formats=READ_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _TooLargeError(f"{path}: {_size((image.height, image.width))}; {_limit()}")
                frames = getattr(image, "n_frames", 1)
                if frames > 1 and image.format != "MPO":
                    notes.append(f"{path}: the first of its {frames} frames is used")
                with without_standard_error() if image.format == "TIFF" else nullcontext():
                    image.load()
                shown = ImageOps.exif_transpose(image)
        except _TooLargeError as error:
            raise ValueError(str(error)) from None
        except Image.DecompressionBombError:
            raise ValueError(f"{path}: {_limit()}") from None
        except _DECODING_ERRORS as error:
            raise ValueError(_why(path, error)) from error
    notes.extend(sorted({f"{path}: {text}" for text in warned}))
    return shown


class _TooLargeError(Exception):
    """More than ``MAX_PIXELS``; kept apart from the errors of damaged files."""


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
    if head[4:8] == b"ftyp" and head[8:12] in _PHONE_BRANDS:
        return f"{path}: HEIC and AVIF are not read; save it as JPEG or PNG first"
    if isinstance(error, UnidentifiedImageError):
        return f"{path}: not a picture that is read here ({', '.join(READ_FORMATS)})"
    return f"{path}: truncated or damaged picture ({error})"


def _rgb(image: Image.Image, path: Path, notes: list[str]) -> Pixels:
    """(H, W, 3) uint8 of a decoded picture of any mode."""
    if image.mode == "F":
        raise ValueError(f"{path}: floating-point pictures are not read; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise ValueError(f"{path}: grey values {wide.min()}..{wide.max()}; 0..65535 (16 bits) is the most that is read")
        notes.append(f"{path}: 16 bits reduced to 8")
        grey = ((wide * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    # A palette with transparent entries goes through RGBA, or Pillow would paint them in the wrong colour.
    opaque = image.convert("RGBA") if image.has_transparency_data else image
    try:
        return np.array(opaque.convert("RGB"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _size(shape: tuple[int, ...]) -> str:
    """(height, width, ...) as people say it."""
    return f"{shape[1]}x{shape[0]}"
