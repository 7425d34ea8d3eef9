"""Writing a photo back, in the mode it came in, with what its file said."""

from pathlib import Path
from typing import BinaryIO

from models.photo.formats import WRITE_FORMATS, WriteFormat, png_level, size_text
from models.photo.jpeg.file import Unsuitable
from models.photo.jpeg.write import encoded_jpeg, find_splice, spliced_jpeg
from models.photo.metadata import save_options
from models.photo.photo_file import PhotoFile
from models.photo.place import atomic_file, check_output
from models.photo.raster import Bools, Raster
from models.photo.read import open_photo_file
from models.photo.tiff_write import write_tiff
from models.photo.wide import encode_png


def prepare_write(path: Path, photo: PhotoFile, hole: Bools) -> None:
    """Do what can be done of writing before the fill is there.

    Args:
        path: the file that will be written.
        photo: the photo, after :meth:`PhotoFile.take`.
        hole: (h, w) bool over the region that was taken, not empty.
    """
    if WRITE_FORMATS[path.suffix.lower()].name == "JPEG" and photo.jpeg is not None:
        find_splice(photo, hole)


def write_photo_file(path: Path, photo: PhotoFile) -> list[str]:
    """Write a photo in the format of a suffix; a previous file of that name stays until the new one is complete.

    Args:
        path: the file, with a suffix of ``WRITE_FORMATS``.
        photo: the photo, with its change.

    Returns:
        Notes: what was left out or converted, at most one line of each kind.

    Raises:
        ValueError: the suffix is not known, or the photo is too large for the format.
        OSError: the folder cannot be written or the disk is full.
    """
    check_output(path)
    target = WRITE_FORMATS[path.suffix.lower()]
    check_size(path, photo.shape, target)
    lost, notes = list(photo.lost), list[str]()
    # Encoders write straight into the file: a PNG of 48 megapixels need not stand in memory as well.
    with atomic_file(path) as file:
        _encode(file, photo, target, lost, notes)
    if lost:
        notes.insert(0, f"{path}: does not hold {_listed(lost)}")
    return notes


def check_size(path: Path, shape: tuple[int, ...], target: WriteFormat) -> None:
    """Refuse a photo that is too large for a format.

    Raises:
        ValueError: saying so.
    """
    if max(shape[:2]) > target.longest:
        name = target.name
        raise ValueError(
            f"{path}: {name} holds at most {target.longest} pixels a side, the photo is {size_text(shape)}; use .png"
        )


def _encode(file: BinaryIO, photo: PhotoFile, target: WriteFormat, lost: list[str], notes: list[str]) -> None:
    """Write the photo, and say what is lost, and what else is to be told."""
    if target.name == "JPEG" and photo.jpeg is not None and _as_jpeg(file, photo, notes):
        return
    raster = _whole(photo)
    if target.name == "TIFF":
        lost += write_tiff(file, raster, photo.metadata, target)
        return
    if raster.wide is not None and "wide" in target.holds:
        content, more = encode_png(raster.wide, photo.metadata, target)
        file.write(content)
        lost += more
        return
    image = raster.narrow()
    if raster.wide is not None:
        lost.append("16 bits a channel")
    if raster.has_alpha and "alpha" not in target.holds:
        lost.append("an alpha channel")
        image = image.convert(image.mode[:-1])
    options, more = save_options(photo.metadata, target)
    lost += more
    if target.name == "PNG":
        options["compress_level"] = png_level(image.width * image.height)
    image.save(file, target.name, **{**target.options, **options})


def _as_jpeg(file: BinaryIO, photo: PhotoFile, notes: list[str]) -> bool:
    """Write a JPEG of a JPEG; False where its header is such that only a decoder puts up with it."""
    try:
        file.write(spliced_jpeg(photo))
    except Unsuitable as error:
        try:
            file.write(encoded_jpeg(photo, _whole(photo).narrow()))
        except Unsuitable:
            return False
        notes.append(f"{photo.path}: its own tables are used, but every block is encoded again, because {error}")
    return True


def _whole(photo: PhotoFile) -> Raster:
    """All pixels of the photo with its fill; they are read again where they were let go."""
    if photo.raster is None:
        photo.check_unchanged()
        photo.raster = open_photo_file(photo.path, editing=True).pixels
    if photo.patch is not None:
        photo.raster.put(photo.patch.raster, photo.patch.top, photo.patch.left)
    return photo.raster


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
