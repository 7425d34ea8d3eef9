"""16-bit colour: Pillow reduces it to 8 when reading and cannot write it: OpenCV reads it, PNG is written here, TIFF in
:mod:`models.photo.tiff_write`."""

import io

import numpy as np
from PIL import Image

from models.photo.formats import WriteFormat
from models.photo.metadata import Metadata, save_options
from models.photo.png_chunks import read_chunks, write_wide
from models.photo.raster import Wide
from models.system.errors import ToolchainMissing


def is_wide_colour(image: Image.Image, content: bytes) -> bool:
    """Whether a file holds 16 bits a channel in more than one channel."""
    if image.format == "PNG":
        return content[24] == 16 and content[25] in (2, 4, 6)
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, ())
        return len(bits) > 1 and set(bits) == {16} and image.mode in ("RGB", "RGBA", "RGBX")
    return False


def read_wide_colour(image: Image.Image, content: bytes) -> Wide:
    """(H, W, 2 to 4) of a PNG or TIFF for which :func:`is_wide_colour` holds, as stored.

    Raises:
        ToolchainMissing: OpenCV is not here.
        ValueError: OpenCV cannot read the file.
    """
    try:
        import cv2
    except ImportError as error:
        raise ToolchainMissing("16-bit colour is read by OpenCV, which is not here; pip install 'wavefill[depth]'") from error
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or sorted(values.shape[:2]) != sorted(image.size):
        raise ValueError("its 16-bit colours cannot be read; save it as a PNG or TIFF of RGB")
    if image.format == "PNG" and content[25] == 4:  # grey and alpha
        return np.ascontiguousarray(values[:, :, [0, -1]])
    order = [2, 1, 0, 3][: values.shape[2]]
    return np.ascontiguousarray(values[:, :, order])


def encode_png(values: Wide, metadata: Metadata, target: WriteFormat) -> tuple[bytes, list[str]]:
    """A 16-bit PNG with metadata, and what of it is lost."""
    options, lost = save_options(metadata, target)
    # Pillow writes the descriptive chunks of a file of one pixel; they go before the real pixels.
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG", **options)
    described = [row for row in read_chunks(buffer.getvalue()) if row[0] not in (b"IHDR", b"IEND")]
    return write_wide(values, described), lost
