"""TIFF of 8 and 16 bits a channel: Pillow writes neither 16-bit colour nor, compressed, the directories of EXIF."""

import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, TiffTags

from models.photo.formats import WriteFormat
from models.photo.metadata import Metadata, save_options
from models.photo.raster import Raster

_STRIP = 1 << 20
_FIRST = 8
_DEFLATE, _HORIZONTAL, _INCH, _STRAIGHT_ALPHA = 8, 2, 2, 2


def write_tiff(file: BinaryIO, raster: Raster, metadata: Metadata, target: WriteFormat) -> list[str]:
    """Write a TIFF (deflate, horizontal predictor) strip by strip.

    Args:
        file: empty, seekable.
        raster: the pixels.
        metadata: what goes with them.
        target: TIFF's row of the table of formats.

    Returns:
        What of the metadata is lost.
    """
    options, lost = save_options(metadata, target)
    (height, width), channels = raster.shape, raster.channels
    bits = 8 if raster.image is not None else 16
    rows = max(1, _STRIP // (bits // 8 * width * channels))
    count = -(-height // rows)
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    exif = options["exif"]
    assert isinstance(exif, Image.Exif)
    for tag in exif:
        directory[tag] = exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
    directory[256], directory[257], directory[259], directory[284], directory[317] = width, height, _DEFLATE, 1, _HORIZONTAL
    directory[258], directory[277] = (bits,) * channels, channels
    directory[262] = 2 if raster.colours == 3 else 1
    if raster.has_alpha:
        directory[338] = _STRAIGHT_ALPHA
    directory[278] = rows
    if metadata.icc_profile:
        directory[34675] = metadata.icc_profile
    if metadata.dpi:
        directory[282], directory[283], directory[296] = *metadata.dpi, _INCH
    # Pillow counts the strips' places from the end of the directory; its length does not depend on their values.
    directory[273], directory[279] = (0,) * count, (0,) * count
    length = len(directory.tobytes(_FIRST))
    file.write(struct.pack("<2sHI", b"II", 42, _FIRST) + bytes(length))
    sizes, offsets = [], [0]
    for low in range(0, height, rows):
        strip = zlib.compress(_differences(raster.array((low, 0, min(height, low + rows), width))))
        file.write(strip)
        sizes.append(len(strip))
        offsets.append(offsets[-1] + len(strip))
    directory[273], directory[279] = tuple(offsets[:-1]), tuple(sizes)
    file.seek(_FIRST)
    file.write(directory.tobytes(_FIRST))
    return lost


def _differences(rows: NDArray[Any]) -> bytes:
    """Differences to the pixel on the left (TIFF 6.0, section 14), the low byte first."""
    result = rows.astype(np.dtype(rows.dtype).newbyteorder("<"))
    result[:, 1:] -= rows[:, :-1]
    return result.tobytes()
