"""Pixels in the mode they came in: grey or RGB, with or without alpha, 8 or 16 bits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Wide = NDArray[np.uint16]
Bools = NDArray[np.bool_]
Region = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, the ends not included."""

_ROWS = 256


@dataclass
class Raster:
    """Either a Pillow image, because that is what decoders and encoders take without a copy, or 16-bit values.

    Attributes:
        image: L, LA, RGB or RGBA.
        wide: (H, W, 1 to 4) uint16: grey, grey and alpha, RGB, RGBA.
    """

    image: Image.Image | None = None
    wide: Wide | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.image.height, self.image.width) if self.image is not None else self._values.shape[:2]

    @property
    def channels(self) -> int:
        """1 to 4."""
        return len(self.image.getbands()) if self.image is not None else self._values.shape[2]

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)

    @property
    def colours(self) -> int:
        """Channels without alpha."""
        return 1 if self.channels < 3 else 3

    @property
    def _values(self) -> Wide:
        assert self.wide is not None
        return self.wide

    def array(self, region: Region | None = None) -> NDArray[Any]:
        """(h, w, channels) of a region, a new array or a view."""
        top, left, bottom, right = region or (0, 0, *self.shape)
        if self.image is None:
            return self._values[top:bottom, left:right]
        part = np.asarray(self.image if region is None else self.image.crop((left, top, right, bottom)))
        return part[:, :, None] if part.ndim == 2 else part

    def rgb(self, region: Region | None = None) -> Pixels:
        """(h, w, 3) uint8 of a region, without alpha; a new array."""
        if self.image is not None and self.image.mode == "RGB" and region is None:
            return np.array(self.image)  # one copy, not two
        part = self.array(region)
        narrow = part if self.image is not None else narrowed(part)
        return np.repeat(narrow[:, :, :1], 3, axis=2) if self.colours == 1 else np.array(narrow[:, :, :3])

    def is_grey(self) -> bool:
        """Whether all colours are equal everywhere."""
        height, width = self.shape
        if self.colours == 1:
            return True
        for low in range(0, height, _ROWS):
            part = self.array((low, 0, min(height, low + _ROWS), width))
            if not equal_colours(part):
                return False
        return True

    def crop(self, region: Region) -> "Raster":
        """A region as a raster of its own."""
        top, left, bottom, right = region
        if self.image is None:
            return Raster(wide=self._values[top:bottom, left:right].copy())
        return Raster(self.image.crop((left, top, right, bottom)))

    def put(self, part: "Raster", top: int, left: int) -> None:
        """Replace a region by a raster of the same mode."""
        if self.image is not None:
            assert part.image is not None
            self.image.paste(part.image, (left, top))
        else:
            height, width = part.shape
            self._values[top : top + height, left : left + width] = part._values

    def fill(self, at: Region, fill: Pixels, hole: Bools, *, grey: bool) -> None:
        """Change pixels, but not their alpha.

        Args:
            at: where ``fill`` and ``hole`` lie.
            fill: (h, w, 3) RGB; 16-bit pixels become 257 times that, so that 255 becomes 65535.
            hole: (h, w) bool: the pixels to change.
            grey: make the fill grey.
        """
        new = fill[hole]
        if grey or self.colours == 1:
            new = np.repeat(luma(new)[:, None], 3, axis=1)
        new = new[:, : self.colours]
        if self.image is None:
            self.array(at)[hole, : self.colours] = new.astype(np.uint16) * 257
            return
        part = np.array(self.array(at))
        part[hole, : self.colours] = new
        self.image.paste(Image.fromarray(part[:, :, 0] if part.shape[2] == 1 else part), (at[1], at[0]))

    def narrow(self) -> Image.Image:
        """As an 8-bit image; the image itself where it is one."""
        if self.image is not None:
            return self.image
        result: Pixels = np.empty(self._values.shape, np.uint8)
        for low in range(0, len(result), _ROWS):
            result[low : low + _ROWS] = narrowed(self._values[low : low + _ROWS])
        return Image.fromarray(result[:, :, 0] if result.shape[2] == 1 else result)


def equal_colours(rgb: Pixels | Wide) -> bool:
    """Whether (..., 3 or more) pixels, red, green and blue first, are grey everywhere."""
    return np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2])


def luma(rgb: Pixels) -> Pixels:
    """(..., 3) RGB to (...) grey (ITU-R BT.601)."""
    return ((rgb.astype(np.uint32) @ np.array((299, 587, 114), np.uint32) + 500) // 1000).astype(np.uint8)


def narrowed(values: Wide) -> Pixels:
    """16 bits to the nearest 8; the inverse of x257."""
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
