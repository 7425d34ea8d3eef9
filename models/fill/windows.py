"""Filling a photo of any size with a network of one size.

The holes are taken in groups. For each group a window around it, with as much context as hole, is scaled to the network's
size, filled, scaled back, and only its hole pixels are pasted into the photo: what was known stays bit for bit. A finer method
for large holes (coarse to fine, tiles) is future work; here a hole wider than the network's size is filled at its resolution.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.conventions import MASK_THRESHOLD
from models.fill.holes import Bools as Bools
from models.fill.holes import Box as Box
from models.fill.holes import context_window as context_window
from models.fill.holes import hole_groups as hole_groups
from models.photo.images import Pixels

_ROWS = 256


class Run(Protocol):
    """A network of one size on uint8 arrays: a checkpoint's (``models.runner``) or an artefact's (``export.load``)."""

    def __call__(self, *, image: Pixels, mask: Pixels) -> Pixels:
        """(size, size, 3) and (size, size) uint8 in, (size, size, 3) uint8 out."""
        ...


def inpaint(photo: Pixels, mask: Pixels, run: Run, size: int, progress: Callable[[list[Box]], Iterable[Box]] = iter) -> Pixels:
    """Fill the hole of a photo of any size.

    Args:
        photo: (H, W, 3) uint8; not changed, and its pixels under the hole do not matter.
        mask: (H, W) uint8, >= 128: fill; not changed.
        run: a network.
        size: height and width that ``run`` takes.
        progress: wraps the list of holes that are filled one after the other, as ``tqdm`` does.

    Returns:
        (H, W, 3) uint8, a new array, equal to ``photo`` wherever the mask says keep. An empty mask gives a copy.

    Raises:
        ValueError: wrong shapes or dtypes, or a mask that keeps nothing.
    """
    check_pair(photo, mask)
    unknown = mask >= MASK_THRESHOLD
    if unknown.all():
        raise ValueError("the mask is full: it keeps no pixel of the photo to continue from")
    result = photo.copy()
    del photo  # a caller that keeps no reference gets its memory back: of a large hole that is as much as the network takes
    for group in progress(hole_groups(unknown, max(1, size // 2))):
        paste = unknown[group.slices].copy()
        if paste.any():
            window = context_window(group, result.shape[:2], size)
            filled = fill_window(result[window.slices], unknown[window.slices], run, size, group.within(window))
            result[group.slices][paste] = filled[paste]
            unknown[group.slices] = False  # known to the groups after it, so that neighbours agree
    return result


def check_pair(photo: Pixels, mask: Pixels) -> None:
    """Check shapes and dtypes of a photo and its mask.

    Raises:
        ValueError: saying what was got.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ValueError(f"photo: uint8 (H, W, 3) is needed, got {photo.dtype} {photo.shape}")
    if mask.dtype != np.uint8 or mask.shape != photo.shape[:2]:
        raise ValueError(f"mask: uint8 {photo.shape[:2]} is needed, got {mask.dtype} {mask.shape}")


def fill_window(photo: Pixels, hole: Bools, run: Run, size: int, wanted: Box | None = None) -> Pixels:
    """Fill one window: scale it to the network's size, run, scale back.

    The picture keeps its proportions: its longer side becomes ``size``, and what is missing to a square is mirrored.

    Args:
        photo: (h, w, 3) uint8.
        hole: (h, w) bool, not all true.
        run: the network.
        size: its size.
        wanted: the part to return; default all.

    Returns:
        (h, w, 3) uint8 of the part; only its hole pixels are meant to be used.
    """
    height, width = hole.shape
    scale = size / max(height, width)
    scaled = max(1, round(height * scale)), max(1, round(width * scale))
    small, small_hole = scale_known(photo, hole, scaled)
    if not small_hole.any():  # thinner than a pixel of the network: its scaled neighbourhood is the fill
        return _enlarged(small, (height, width), wanted)
    margins = ((0, size - scaled[0]), (0, size - scaled[1]))
    square = np.pad(small, (*margins, (0, 0)), mode="symmetric")
    square_mask = np.pad(small_hole, margins, mode="symmetric").astype(np.uint8) * np.uint8(255)
    filled = run(image=square, mask=square_mask)[: scaled[0], : scaled[1]]
    return _enlarged(filled, (height, width), wanted)


def _enlarged(picture: Pixels, shape: tuple[int, int], wanted: Box | None) -> Pixels:
    """A picture scaled to a shape, and a part of it cut out.

    Pillow scales rows first and columns then, with whole numbers in between: columns that nobody wants can be left out in
    the second step, and every pixel is the same as if all were scaled. A window has four times the pixels of its hole.
    """
    box = wanted or Box(0, 0, *shape)
    if picture.shape[:2] == shape:
        return picture[box.slices]
    rows = Image.fromarray(np.ascontiguousarray(picture)).resize((shape[1], picture.shape[0]), Image.Resampling.BICUBIC)
    part = rows.crop((box.left, 0, box.right, rows.height)).resize((box.width, shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(part.crop((0, box.top, box.width, box.bottom)))


def scale_known(photo: Pixels, hole: Bools, shape: tuple[int, int]) -> tuple[Pixels, Bools]:
    """Scale a picture so that nothing under the hole leaks out of it.

    Normalised convolution (Knutsson and Westin, 1993): filter the known pixels and the certainty (1 known, 0 hole)
    alike and divide. A scaled pixel is hole where less than half of it is known.

    Args:
        photo: (h, w, 3) uint8.
        hole: (h, w) bool, not all true.
        shape: (h', w') to scale to; area average down, bicubic up.

    Returns:
        (h', w', 3) uint8, 0 under the hole, and (h', w') bool.
    """
    if shape == hole.shape:
        return np.where(hole[:, :, None], np.uint8(0), photo), hole
    down = shape[0] < hole.shape[0] or shape[1] < hole.shape[1]
    method = Image.Resampling.BOX if down else Image.Resampling.BICUBIC

    def resized(channel: int | None) -> NDArray[np.float32]:
        # Pillow scales rows first, each by itself: taken in strips, the window never stands in memory as floating point.
        strips = []
        for low in range(0, hole.shape[0], _ROWS):
            strip = (~hole[low : low + _ROWS]).astype(np.float32)
            if channel is not None:
                strip *= photo[low : low + _ROWS, :, channel]
            strips.append(np.asarray(Image.fromarray(strip).resize((shape[1], len(strip)), method)))
        return np.asarray(Image.fromarray(np.concatenate(strips)).resize((shape[1], shape[0]), method))

    certainty = resized(None)
    # Scattered dots may leave no pixel half known; then the best known ones have to serve.
    small_hole = certainty < min(0.5, float(certainty.max()))
    divisor = np.where(small_hole, np.float32(1), certainty)
    planes = [resized(channel) / divisor for channel in range(3)]
    small = np.clip(np.stack(planes, axis=2) + 0.5, 0, 255).astype(np.uint8)
    return np.where(small_hole[:, :, None], np.uint8(0), small), small_hole
