"""Photos as plain arrays, for whatever needs pixels only; :mod:`models.photo` does the reading and writing."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from models.photo.formats import MAX_PIXELS as MAX_PIXELS
from models.photo.formats import READ_FORMATS as READ_FORMATS
from models.photo.formats import WRITE_FORMATS as WRITE_FORMATS
from models.photo.place import check_output as check_output
from models.photo.place import check_place as check_place
from models.photo.place import write_atomically
from models.photo.raster import Pixels as Pixels
from models.photo.read import open_photo_file
from models.photo.write import check_size


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
    """Read a photo of any common kind as 8-bit RGB.

    Raises:
        ValueError: missing, no photo, truncated or damaged, a kind that is not read, or more than ``MAX_PIXELS``.
        ToolchainMissing: HEIC, whose extra is not installed.
    """
    photo = open_photo_file(path)
    notes, raster = list(photo.notes), photo.pixels
    if raster.has_alpha:
        notes.append(f"{path}: its alpha channel is dropped")
    if raster.wide is not None:
        notes.append(f"{path}: 16 bits reduced to 8")
    # A grey file's profile describes another colour space than RGB.
    return Photo(raster.rgb(), tuple(notes), photo.metadata.icc_profile if raster.colours == 3 else None)


def write_photo(path: Path, pixels: Pixels, icc_profile: bytes | None = None) -> None:
    """Write pixels in the format of a suffix; a previous file of that name stays until the new one is complete.

    Args:
        path: the file, with a suffix of ``WRITE_FORMATS``.
        pixels: (H, W, 3) uint8 RGB.
        icc_profile: colour profile to put into the file.

    Raises:
        ValueError: the suffix is not known, or the photo is too large for the format.
        OSError: the folder cannot be written or the disk is full.
    """
    check_output(path)
    target = WRITE_FORMATS[path.suffix.lower()]
    check_size(path, pixels.shape, target)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, target.name, icc_profile=icc_profile, **target.options)
    write_atomically(path, buffer.getvalue())
