"""Masks as people have them: which channel of a file holds the mask, and what of it is the hole.

The order is fixed: the file is decoded and turned as its EXIF orientation says, one channel is chosen (``MASK_SOURCES``), scaled
to the photo where that is asked for, reversed where it is inverted, thresholded, grown, and checked. docs/masks.md has the table
of what is taken, what is told and what is refused; every row of it is a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.conventions import MASK_THRESHOLD
from models.photo.mask_grow import MOST_GROWTH, grow
from models.photo.raster import Raster, Wide
from models.photo.read import open_photo_file

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

MASK_SOURCES: dict[str, str] = {
    "auto": "decided by the file, which is refused where it could mean both",
    "colour": "white is filled, black and transparent are kept",
    "alpha": "transparent is filled, opaque is kept",
}
"""Which channel holds the mask, and what it says."""

GREY_SPREAD = 32
"""Levels between the channels of a pixel that still is grey: lossy formats and colour profiles move them a little apart."""

_HALF = 128
"""A pixel is seen where its alpha is at least this: fainter ones have colours that nobody chose."""

_SAY_WHICH = "--mask-from alpha fills what is transparent, --mask-from colour fills what is white"


@dataclass(frozen=True)
class MaskOptions:
    """How a mask file is meant.

    Attributes:
        source: key of ``MASK_SOURCES``.
        fit: scale a mask of another size and the same proportions to the photo.
        invert: black is filled, white is kept (from alpha: opaque is filled).
        threshold: 1 to 255, the least value that is hole.
        grow: pixels of the photo to grow the hole by, 0 to ``MOST_GROWTH``.
        allow_empty: take a mask without a hole.

    Raises:
        ValueError: an option is out of range; named as on the command line.
    """

    source: str = "auto"
    fit: bool = False
    invert: bool = False
    threshold: int = MASK_THRESHOLD
    grow: int = 0
    allow_empty: bool = False

    def __post_init__(self) -> None:
        if self.source not in MASK_SOURCES:
            raise ValueError(f"--mask-from: {self.source!r} given, allowed: {', '.join(MASK_SOURCES)}")
        if not 1 <= self.threshold <= 255:
            raise ValueError(f"--threshold: {self.threshold} given, 1 to 255 are allowed")
        if not 0 <= self.grow <= MOST_GROWTH:
            raise ValueError(f"--grow: {self.grow} given, 0 to {MOST_GROWTH} pixels are allowed")


AS_IT_IS = MaskOptions()


@dataclass(frozen=True)
class Mask:
    """A mask that has been read.

    Attributes:
        values: (H, W) uint8, 255 in the hole and 0 elsewhere.
        notes: what a user may not expect, one line each.
    """

    values: Pixels
    notes: tuple[str, ...] = ()


def read_mask(path: Path, size: tuple[int, int] | None = None, options: MaskOptions = AS_IT_IS) -> Mask:
    """Read a mask.

    Args:
        path: the file.
        size: (height, width) of the photo as shown, that is after its EXIF orientation; None accepts any.
        options: how it is meant.

    Raises:
        ValueError: as ``images.read_photo``; coloured, or of unclear meaning; of another size than the photo; without a hole,
            or nothing but hole.
    """
    photo = open_photo_file(path)
    notes = list(photo.notes)
    if size is not None:
        _check_size(path, photo.shape, size, options.fit)
    values = _values(path, photo.pixels, options, notes)
    del photo
    if size is not None and values.shape != size:
        notes.append(f"{path}: scaled from {_shown(values.shape)} to the photo's {_shown(size)}")
        # Area average down, nearest neighbour up.
        values = np.asarray(Image.fromarray(values).resize((size[1], size[0]), Image.Resampling.BOX))
    hole = (values <= 255 - options.threshold) if options.invert else (values >= options.threshold)
    if not options.allow_empty and not hole.any():
        raise ValueError(f"{path}: the mask is empty: {_why_empty(options, values)}")
    del values
    if options.grow:
        hole = grow(hole, options.grow)
    if hole.all():
        why = f" after growing by {options.grow} pixels" if options.grow else ""
        raise ValueError(f"{path}: the mask is full{why}: it keeps no pixel of the photo to continue from")
    return Mask(hole.view(np.uint8) * np.uint8(255), tuple(notes))


def _values(path: Path, raster: Raster, options: MaskOptions, notes: list[str]) -> Pixels:
    """(H, W) uint8 of the channel that holds the mask, high where it says fill."""
    planes, alpha = _planes(path, raster, notes)
    source = options.source
    if source == "alpha" and alpha is None:
        raise ValueError(f"{path}: --mask-from alpha: the mask has no alpha channel")
    if source == "auto":
        source = _which(path, planes, alpha, notes)
    if source == "alpha" and alpha is not None:
        return np.uint8(255) - alpha
    if alpha is not None and int(alpha.min()) < 255:
        planes = [_on_black(plane, alpha) for plane in planes]
    # Where black is filled, value v fills as 255 - v.
    return _grey(path, planes, 256 - options.threshold if options.invert else options.threshold)


def _planes(path: Path, raster: Raster, notes: list[str]) -> tuple[list[Pixels], Pixels | None]:
    """One or three (H, W) uint8 planes of colour, and alpha where the file has any.

    Plane by plane, because arithmetic across the last axis of an (H, W, 3) array is tens of times slower.
    """
    if raster.image is None:
        assert raster.wide is not None
        return _sixteen_bits(path, raster.wide, notes)
    bands = raster.image.getbands()
    parts = raster.image.split() if len(bands) > 1 else (raster.image,)  # of a single band, split() makes a copy
    planes = {band: np.asarray(plane) for band, plane in zip(bands, parts, strict=True)}
    alpha = planes.pop("A", None)
    return _zero_one(path, list(planes.values()), notes), alpha


def _sixteen_bits(path: Path, wide: Wide, notes: list[str]) -> tuple[list[Pixels], Pixels | None]:
    """Values of 16 bits as 8: the high byte, and 1 for what is dark but not black."""
    planes = [wide[:, :, channel] for channel in range(wide.shape[2])]
    alpha = (planes.pop() >> 8).astype(np.uint8) if len(planes) in (2, 4) else None
    if max(int(plane.max()) for plane in planes) <= 1:
        return _zero_one(path, [plane.astype(np.uint8) for plane in planes], notes), alpha
    notes.append(f"{path}: 16 bits reduced to 8")
    return [np.maximum(plane >> 8, plane > 0).astype(np.uint8) for plane in planes], alpha


def _zero_one(path: Path, planes: list[Pixels], notes: list[str]) -> list[Pixels]:
    """Programs write masks of booleans as 0 and 1: then 1 is white."""
    if max(int(plane.max()) for plane in planes) != 1:
        return planes
    notes.append(f"{path}: its only values are 0 and 1; 1 counts as white")
    return [plane * np.uint8(255) for plane in planes]


def _which(path: Path, planes: Sequence[Pixels], alpha: Pixels | None, notes: list[str]) -> str:
    """Whether colour or alpha holds the mask.

    Alpha can only where some pixel is less than half opaque. Then what is seen, the pixels that are at least half opaque,
    decides, because white is filled and black is kept: nothing but black leaves the filling to what is transparent, and so does
    a photo, the photo with an erased hole. White, alone or beside black, and strokes of one colour could mean both.
    """
    least = 255 if alpha is None else int(alpha.min())
    if alpha is None or least >= _HALF:
        if least < 255:
            notes.append(f"{path}: no part of the mask is more than half transparent; it is read as it looks on black")
        return "colour"
    seen = alpha >= _HALF
    if not seen.any():
        raise ValueError(f"{path}: the mask is transparent everywhere; paint the hole white on black")
    low, high = _extremes(planes)
    bright = low >= _HALF
    if not (seen & (high >= _HALF)).any():
        notes.append(f"{path}: black, with transparent parts: what is transparent is filled")
        return "alpha"
    if (seen & (high >= _HALF) & ~bright & _coloured(low, high)).any() and not _one_colour(planes, seen):
        notes.append(f"{path}: an image with transparent parts: what is transparent is filled")
        return "alpha"
    raise ValueError(f"{path}: the mask is not clear, it has light and transparent parts; say which: {_SAY_WHICH}")


def _extremes(planes: Sequence[Pixels]) -> tuple[Pixels, Pixels]:
    """Least and greatest channel of every pixel."""
    low = high = planes[0]
    for plane in planes[1:]:
        low, high = np.minimum(low, plane), np.maximum(high, plane)
    return low, high


def _coloured(low: Pixels, high: Pixels) -> Bools:
    """Where a pixel is no grey."""
    return high - low > GREY_SPREAD


def _one_colour(planes: Sequence[Pixels], seen: Bools) -> bool:
    """Whether all that is seen was painted with one brush: each channel spans no more than ``GREY_SPREAD`` levels."""
    spans = (int(plane.max(where=seen, initial=0)) - int(plane.min(where=seen, initial=255)) for plane in planes)
    return max(spans) <= GREY_SPREAD


def _on_black(plane: Pixels, alpha: Pixels) -> Pixels:
    """The plane as it looks on a black ground, rounded."""
    product = plane.astype(np.uint16)
    product *= alpha
    product += 127
    product //= 255
    return product.astype(np.uint8)


def _grey(path: Path, planes: Sequence[Pixels], cut: int) -> Pixels:
    """One plane from three that agree on which side of ``cut`` a pixel is, or are grey.

    Raises:
        ValueError: coloured.
    """
    if all(np.array_equal(planes[0], plane) for plane in planes[1:]):
        return planes[0]
    low, high = _extremes(planes)
    if ((high >= cut) & (low < cut) & _coloured(low, high)).any():
        raise ValueError(f"{path}: the mask is coloured; paint the hole white and leave the rest black")
    return low


def _check_size(path: Path, mask: tuple[int, int], photo: tuple[int, int], fit: bool) -> None:
    """Refuse a mask that does not lie over the photo; both (height, width)."""
    if mask == photo or (fit and same_proportions(mask, photo)):
        return
    if same_proportions(mask, photo):
        advice = "--fit-mask scales it"
    elif same_proportions(mask[::-1], photo):
        advice = "it is turned by 90 degrees: make it from the photo as viewers show it, EXIF orientation applied"
    else:
        advice = "it has other proportions and cannot be scaled; make it in the photo's size"
    raise ValueError(f"{path}: the mask is {_shown(mask)} but the photo, as shown, is {_shown(photo)} (width x height); {advice}")


def same_proportions(mask: tuple[int, int], photo: tuple[int, int]) -> bool:
    """Whether one size is the other one scaled, with each side rounded up or down to whole pixels.

    There is a scale at which both sides of the larger photo come to less than one pixel from those of the smaller one.
    """
    small, large = sorted((mask, photo), key=lambda size: size[0] * size[1])
    return (small[0] - 1) * large[1] < (small[1] + 1) * large[0] and (small[1] - 1) * large[0] < (small[0] + 1) * large[1]


def _why_empty(options: MaskOptions, values: Pixels) -> str:
    """What a mask without a hole holds, and what may have been meant."""
    least, most = int(values.min()), int(values.max())
    if options.source == "alpha":
        what, found = ("opaque", 255 - least) if options.invert else ("transparent", most)
        return f"no pixel is {what} enough: of 255, {options.threshold} is needed and {found} is the most"
    if options.invert:
        return f"with --invert, {255 - options.threshold} and less is filled, and its darkest value is {least}"
    advice = "--threshold takes less" if most else "--invert fills black"
    return f"{options.threshold} and more is filled, and its brightest value is {most}; {advice}"


def _shown(shape: tuple[int, ...]) -> str:
    """(height, width) as people say it."""
    return f"{shape[1]}x{shape[0]}"
