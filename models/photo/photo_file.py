"""A photo between reading and writing: what its file says, and the one part of it that is changed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.photo.jpeg.file import Unsuitable
from models.photo.jpeg.splice import Site
from models.photo.metadata import Metadata
from models.photo.raster import Bools, Pixels, Raster, Region

_ALIGNED = 64
"""Cut-outs begin and end at multiples of this, so that they hold whole JPEG units (at most 32 pixels)."""


@dataclass
class Patch:
    """The part of a photo that is changed.

    Attributes:
        raster: its pixels, a little more than the region that was asked for.
        top, left: where it lies in the photo.
        region: what was asked for, in the photo.
        grey: whether the whole photo is grey.
        hole: (h, w) bool over ``region``: what has been changed; None before that.
    """

    raster: Raster
    top: int
    left: int
    region: Region
    grey: bool
    hole: Bools | None = None

    def pixels(self) -> Pixels:
        """(h, w, 3) uint8 RGB over ``region``, a new array."""
        top, left, bottom, right = self.region
        return self.raster.rgb((top - self.top, left - self.left, bottom - self.top, right - self.left))

    def fill(self, fill: Pixels, hole: Bools) -> None:
        """Change the pixels under a hole.

        Args:
            fill: (h, w, 3) RGB over ``region``.
            hole: (h, w) bool over ``region``.
        """
        if hole.any():  # the region is mostly context: only the rows and columns of the hole are copied
            rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
            top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
            down, across = self.region[0] - self.top, self.region[1] - self.left
            at = (top + down, left + across, bottom + down, right + across)
            self.raster.fill(at, fill[top:bottom, left:right], hole[top:bottom, left:right], grey=self.grey)
        self.hole = hole


@dataclass
class PhotoFile:
    """A photo as it is shown.

    Attributes:
        path: its file.
        format: Pillow's name of the file's format.
        shape: (height, width), upright.
        raster: its pixels, upright; None after :meth:`take`.
        metadata: what is carried to the result.
        jpeg: the file's bytes where it is a JPEG of grey or RGB and is to be edited.
        orientation: EXIF orientation that has been applied, 1 for none.
        notes: what was converted, one line each.
        lost: what has no place in a result, in a few words each.
        patch: the part that is changed.
        site: where the blocks lie that change, where the photo is a JPEG and is to become one, or why they cannot be replaced.
    """

    path: Path
    format: str
    shape: tuple[int, int]
    raster: Raster | None
    metadata: Metadata = field(default_factory=Metadata)
    jpeg: bytes | None = None
    orientation: int = 1
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    patch: Patch | None = None
    site: Site | Unsuitable | None = None
    _stamp: tuple[int, int] = (0, 0)

    @property
    def pixels(self) -> Raster:
        """The raster, where it is known to be here."""
        assert self.raster is not None
        return self.raster

    def take(self, region: Region) -> None:
        """Keep the region that will be changed as ``patch``; all other pixels are let go.

        A 48-megapixel photo is 190 MB in Pillow. While a network runs nobody needs it: a JPEG is changed block by block, and
        for other formats the file is read again.
        """
        top, left, bottom, right = region
        outer = (
            top // _ALIGNED * _ALIGNED,
            left // _ALIGNED * _ALIGNED,
            min(self.shape[0], -(-bottom // _ALIGNED) * _ALIGNED),
            min(self.shape[1], -(-right // _ALIGNED) * _ALIGNED),
        )
        self.patch = Patch(self.pixels.crop(outer), outer[0], outer[1], region, self.pixels.is_grey())
        self._stamp = file_stamp(self.path)
        self.raster = None

    def check_unchanged(self) -> None:
        """Find out whether the file is still the one that was read.

        Raises:
            ValueError: it was replaced meanwhile.
        """
        if not self.path.exists() or file_stamp(self.path) != self._stamp:
            raise ValueError(f"{self.path}: was changed while it was being filled; run it again")


def file_stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is replaced: its size and time."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns
