"""Photos and masks as plain arrays, for whatever needs pixels only; :mod:`models.photo` does the reading and writing."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.conventions import MASK_THRESHOLD
from models.photo.formats import MAX_PIXELS as MAX_PIXELS
from models.photo.formats import READ_FORMATS as READ_FORMATS
from models.photo.formats import WRITE_FORMATS as WRITE_FORMATS
from models.photo.formats import size_text
from models.photo.place import check_output as check_output
from models.photo.place import check_place as check_place
from models.photo.place import write_atomically
from models.photo.raster import Pixels as Pixels
from models.photo.read import open_picture
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


@dataclass(frozen=True)
class Mask:
    """A mask as a file holds it.

    Attributes:
        values: (H, W) uint8; the threshold of ``models.conventions`` has not been applied.
        notes: what a user may not expect, one line each.
    """

    values: Pixels
    notes: tuple[str, ...] = ()


def read_photo(path: Path) -> Photo:
    """Read a photo of any common kind as 8-bit RGB.

    Raises:
        ValueError: missing, no picture, truncated or damaged, a kind that is not read, or more than ``MAX_PIXELS``.
        ToolchainMissing: HEIC, whose extra is not installed.
    """
    picture = open_picture(path)
    notes, raster = list(picture.notes), picture.pixels
    if raster.has_alpha:
        notes.append(f"{path}: its alpha channel is dropped")
    if raster.wide is not None:
        notes.append(f"{path}: 16 bits reduced to 8")
    # A grey file's profile describes another colour space than RGB.
    return Photo(raster.rgb(), tuple(notes), picture.metadata.icc_profile if raster.colours == 3 else None)


def read_mask(path: Path, size: tuple[int, int] | None = None) -> Mask:
    """Read a mask: white (>= 128) is the hole, black is kept, transparent is kept.

    A colour file serves where its three channels agree on which side of the threshold a pixel is.

    Args:
        path: the file.
        size: (height, width) of the photo as shown, that is after its EXIF orientation; None accepts any.

    Raises:
        ValueError: as :func:`read_photo`; of another size than the photo; coloured where grey is needed.
    """
    picture = open_picture(path)
    notes, raster = list(picture.notes), picture.pixels
    if size is not None and picture.shape != size:
        raise ValueError(
            f"{path}: the mask is {size_text(picture.shape)} but the photo, as shown, is {size_text(size)} (width x height)"
        )
    if raster.image is not None and raster.image.mode == "L":
        values = np.array(raster.image)  # a mask of 48 megapixels need not become RGB
    else:
        pixels = raster.rgb()
        values = pixels.min(axis=2)
        if bool(((pixels.max(axis=2) >= MASK_THRESHOLD) & (values < MASK_THRESHOLD)).any()):
            raise ValueError(f"{path}: the mask is coloured; paint the hole white and leave the rest black")
    if raster.wide is not None:
        notes.append(f"{path}: 16 bits reduced to 8")
    if raster.has_alpha:
        alpha = np.asarray(raster.narrow().getchannel("A"))
        if bool((alpha < 255).any()):
            notes.append(f"{path}: transparent parts of the mask are kept")
            values = np.where(alpha >= MASK_THRESHOLD, values, np.uint8(0))
    if 0 < values.max() < MASK_THRESHOLD:
        notes.append(f"{path}: the brightest value is {values.max()}, but the hole begins at {MASK_THRESHOLD}; is it a 0/1 mask?")
    return Mask(np.ascontiguousarray(values), tuple(notes))


def write_photo(path: Path, pixels: Pixels, icc_profile: bytes | None = None) -> None:
    """Write pixels in the format of a suffix; a previous file of that name stays until the new one is complete.

    Args:
        path: the file, with a suffix of ``WRITE_FORMATS``.
        pixels: (H, W, 3) uint8 RGB.
        icc_profile: colour profile to put into the file.

    Raises:
        ValueError: the suffix is not known, or the picture is too large for the format.
        OSError: the folder cannot be written or the disk is full.
    """
    check_output(path)
    target = WRITE_FORMATS[path.suffix.lower()]
    check_size(path, pixels.shape, target)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, target.name, icc_profile=icc_profile, **target.options)
    write_atomically(path, buffer.getvalue())
