"""A JPEG of a JPEG: the same tables and sampling, and the same bits wherever nothing was filled.

Where blocks cannot be taken over (a photo that was turned upright, a progressive file), the photo is encoded again with its own
tables, from its brightness and colour planes rather than from RGB: chroma is not resampled and nothing is rounded twice.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin

from models.photo.jpeg.encode import ycbcr
from models.photo.jpeg.file import JpegFile, Unsuitable, assemble, carried, header_segments, parse
from models.photo.jpeg.splice import Site, find_site, spliced_scan, touched_units
from models.photo.photo_file import Patch, PhotoFile
from models.photo.raster import Bools, Pixels, Region

_SIDEWAYS = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_FULL, _HALF_WIDTH, _HALF_BOTH = 0, 1, 2
"""Pillow's numbers of 4:4:4, 4:2:2 and 4:2:0."""


def find_splice(photo: PhotoFile, hole: Bools) -> None:
    """Find the blocks of a JPEG that a fill will change, as far as its blocks can be taken over, before the fill is there.

    Following the code of a large photo takes as much memory as the network that fills it; this way they never meet.

    Args:
        photo: the photo, after :meth:`PhotoFile.take`; ``site`` is set.
        hole: (h, w) bool over the region that was taken, not empty.
    """
    assert photo.jpeg is not None
    assert photo.patch is not None
    try:
        if photo.orientation != 1:
            raise Unsuitable("it was turned upright")
        file = parse(photo.jpeg)
        photo.site = find_site(file, touched_units(file, hole, *photo.patch.region[:2]))
    except Unsuitable as error:
        photo.site = error


def spliced_jpeg(photo: PhotoFile) -> bytes:
    """The photo's file with its fill; every block that the fill does not touch keeps its bits.

    Raises:
        Unsuitable: saying why its blocks cannot be taken over.
    """
    assert photo.jpeg is not None
    patch = photo.patch
    if patch is None or patch.hole is None:
        if photo.orientation != 1:
            raise Unsuitable("it was turned upright")
        file = parse(photo.jpeg)
        scan = file.scan
    else:
        if photo.site is None:
            find_splice(photo, patch.hole)
        if not isinstance(photo.site, Site):
            assert photo.site is not None
            raise photo.site
        file = photo.site.file
        scan = spliced_scan(photo.site, _unit_pixels(patch, file, photo.site.units))
    described = carried(file.segments, photo.metadata.exif, photo.metadata.xmp)
    return assemble(described + _tables(file.segments), file.start_of_scan, scan)


def encoded_jpeg(photo: PhotoFile, image: Image.Image) -> bytes:
    """The photo's file with its fill, encoded again with its own tables and sampling.

    Args:
        photo: the photo.
        image: all of it, upright and filled, L or RGB.

    Raises:
        Unsuitable: the file's header cannot be followed.
    """
    assert photo.jpeg is not None
    segments, _, _ = header_segments(photo.jpeg)
    again = _encoded_again(photo, image)
    new_segments, start_of_scan, at = header_segments(again)
    described = carried(segments, photo.metadata.exif, photo.metadata.xmp)
    return assemble(described + _tables(new_segments), start_of_scan, again[at:].removesuffix(b"\xff\xd9"))


def _tables(segments: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Segments that belong to the coding: all but APPn and comments."""
    return [row for row in segments if not (0xE0 <= row[0] <= 0xEF or row[0] == 0xFE)]


def _unit_pixels(patch: Patch, file: JpegFile, units: NDArray[np.int64]) -> Pixels:
    """(n, rows, columns, 3) RGB, or (n, rows, columns) grey, of MCUs; the photo's last rows and columns go on beyond it."""
    assert patch.raster.image is not None
    rows, columns = file.unit
    grid = file.grid[1]
    parts = [np.zeros((0, rows, columns, *((3,) if len(file.components) == 3 else ())), np.uint8)]
    for row in np.unique(units // grid).tolist():
        own = units[units // grid == row] % grid
        left, right = int(own.min()) * columns, (int(own.max()) + 1) * columns
        box = (left, row * rows, min(right, file.width), min((row + 1) * rows, file.height))
        strip = np.asarray(
            patch.raster.image.crop((box[0] - patch.left, box[1] - patch.top, box[2] - patch.left, box[3] - patch.top))
        )
        missing = ((0, rows - strip.shape[0]), (0, right - left - strip.shape[1]), (0, 0))[: strip.ndim]
        strip = np.pad(strip, missing, mode="edge")
        tiles = strip.reshape(rows, -1, columns, *strip.shape[2:]).swapaxes(0, 1)
        parts.append(tiles[own - left // columns])
    return np.concatenate(parts)


def _encoded_again(photo: PhotoFile, image: Image.Image) -> bytes:
    """The photo encoded with its own quantisation tables and sampling, upright."""
    assert photo.jpeg is not None
    with Image.open(io.BytesIO(photo.jpeg), formats=("JPEG",)) as source:
        assert isinstance(source, JpegImagePlugin.JpegImageFile)
        tables = dict(source.quantization)
        sampling = JpegImagePlugin.get_sampling(source)
        progressive = bool(source.info.get("progressive"))
        in_colour = source.mode == "RGB"
        if in_colour:
            source.draft("YCbCr", source.size)
        in_planes = source.mode in ("YCbCr", "L")
        planes = _turned(source, photo.orientation) if in_planes else image
    if photo.orientation in _SIDEWAYS:
        tables = {number: np.array(steps).reshape(8, 8).T.reshape(-1).tolist() for number, steps in tables.items()}
    options: dict[str, object] = {"qtables": tables, "progressive": progressive, "optimize": True}
    if in_colour:
        if sampling == _HALF_BOTH and in_planes:
            planes = _with_own_chroma(planes, photo)
        if sampling not in (_FULL, _HALF_WIDTH, _HALF_BOTH) or (sampling == _HALF_WIDTH and photo.orientation in _SIDEWAYS):
            sampling = _FULL  # turned by 90 degrees, 4:2:2 would become 4:4:0, which the encoder lacks
        options["subsampling"] = sampling
        unit = (16, 16) if sampling == _HALF_BOTH else (8, 16) if sampling == _HALF_WIDTH else (8, 8)
    else:
        unit = (8, 8)
    if photo.patch is not None and photo.patch.hole is not None and in_planes:
        _paste_fill(planes, image, photo.patch.region, photo.patch.hole, unit)
    buffer = io.BytesIO()
    planes.info = {}
    planes.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """An image turned upright."""
    image.load()
    image.getexif()[_ORIENTATION] = orientation
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _with_own_chroma(planes: Image.Image, photo: PhotoFile) -> Image.Image:
    """4:2:0 with each chroma sample repeated rather than interpolated, so that averaging gives back just that sample.

    At half size libjpeg decodes brightness from 4x4 coefficients and chroma, which has half the size already, from all of them.
    """
    assert photo.jpeg is not None
    with Image.open(io.BytesIO(photo.jpeg), formats=("JPEG",)) as source:
        wanted = -(-source.width // 2), -(-source.height // 2)
        source.draft("YCbCr", (max(1, source.width // 2), max(1, source.height // 2)))
        if source.size != wanted:  # a photo of a few pixels
            return planes
        half = _turned(source, photo.orientation)
    luma = planes.getchannel("Y")
    chroma = (half.getchannel(name).resize((2 * half.width, 2 * half.height), Image.Resampling.NEAREST) for name in ("Cb", "Cr"))
    # Turned photos of odd size have their half sample in front.
    ahead_x = planes.width % 2 if photo.orientation in (2, 3, 7, 8) else 0
    ahead_y = planes.height % 2 if photo.orientation in (3, 4, 6, 7) else 0
    box = (ahead_x, ahead_y, ahead_x + planes.width, ahead_y + planes.height)
    return Image.merge("YCbCr", (luma, *(plane.crop(box) for plane in chroma)))


def _paste_fill(planes: Image.Image, image: Image.Image, region: Region, hole: Bools, unit: tuple[int, int]) -> None:
    """Put the MCUs that the fill touches into the planes."""
    top, left = region[0] // unit[0] * unit[0], region[1] // unit[1] * unit[1]
    bottom = min(-(-region[2] // unit[0]) * unit[0], planes.height)
    right = min(-(-region[3] // unit[1]) * unit[1], planes.width)
    box = (left, top, right, bottom)
    touched = _whole_units(hole, (region[0] - top, region[1] - left), (bottom - top, right - left), unit)
    new = np.asarray(image.crop(box))
    part = np.array(planes.crop(box))
    part[touched] = ycbcr(new[touched]) if part.ndim == 3 else new[touched]
    planes.paste(Image.fromarray(part, planes.mode) if part.ndim == 2 else _from_planes(part), (left, top))


def _whole_units(hole: Bools, at: tuple[int, int], shape: tuple[int, int], unit: tuple[int, int]) -> Bools:
    """(h, w) bool: every pixel of each unit that the hole touches."""
    rows, columns = -(-shape[0] // unit[0]), -(-shape[1] // unit[1])
    padded = np.zeros((rows * unit[0], columns * unit[1]), bool)
    padded[at[0] : at[0] + hole.shape[0], at[1] : at[1] + hole.shape[1]] = hole
    any_in = padded.reshape(rows, unit[0], columns, unit[1]).any(axis=(1, 3))
    return any_in.repeat(unit[0], axis=0).repeat(unit[1], axis=1)[: shape[0], : shape[1]]


def _from_planes(part: Pixels) -> Image.Image:
    """(h, w, 3) Y, Cb, Cr as an image."""
    return Image.merge("YCbCr", [Image.fromarray(np.ascontiguousarray(part[:, :, channel])) for channel in range(3)])
