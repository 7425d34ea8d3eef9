"""Filling a photo of any size with a network of one size.

The holes are taken in groups. For each group a window around it, with as much context as hole, is scaled to the network's
size, filled, scaled back, and only its hole pixels are pasted into the photo: what was known stays bit for bit. A finer method
for large holes (coarse to fine, tiles) is future work; here a hole wider than the network's size is filled at its resolution.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.conventions import MASK_THRESHOLD
from models.generator import Generator, fold
from models.images import Pixels
from models.inpainter import Uint8Shell

Bools = NDArray[np.bool_]

CONTEXT = 2.0
"""Side of a window as a multiple of its hole's longer side: the hole covers at most about a quarter of what the network sees."""


class Run(Protocol):
    """A network of one size on uint8 arrays: a checkpoint's (:func:`torch_run`) or an artefact's (``export.load``)."""

    def __call__(self, *, image: Pixels, mask: Pixels) -> Pixels:
        """(size, size, 3) and (size, size) uint8 in, (size, size, 3) uint8 out."""
        ...


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an (H, W, ...) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, window: "Box") -> "Box":
        """The same rectangle in the coordinates of a window that holds it."""
        return Box(self.top - window.top, self.left - window.left, self.bottom - window.top, self.right - window.left)


def torch_run(generator: Generator, size: int) -> Run:
    """The deployed form of a trained network in eager PyTorch.

    Raises:
        ValueError: the size is no multiple of ``generator.spec.multiple``.
    """
    shell = Uint8Shell(fold(generator, size, size))

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        with torch.inference_mode():
            result = shell(torch.tensor(image)[None], torch.tensor(mask)[None, :, :, None])["result"]
        return result[0].numpy()

    return run


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
    hole = mask >= MASK_THRESHOLD
    if hole.all():
        raise ValueError("the mask is full: it keeps no pixel of the photo to continue from")
    result = photo.copy()
    unknown = hole.copy()
    for group in progress(hole_groups(hole, max(1, size // 2))):
        paste = unknown[group.slices].copy()
        if paste.any():
            window = context_window(group, photo.shape[:2], size)
            filled = fill_window(result[window.slices], unknown[window.slices], run, size)
            result[group.slices][paste] = filled[group.within(window).slices][paste]
            unknown[group.slices] = False  # known to the groups after it, so that neighbours agree
    return result


def region_of_interest(mask: Pixels, size: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of all that :func:`inpaint` looks at: filling the cut-out gives the same as filling the photo.

    Args:
        mask: (H, W) uint8, >= 128: fill; not empty.
        size: the network's size.
    """
    hole = mask >= MASK_THRESHOLD
    cell = max(1, size // 2)
    windows = [context_window(group, hole.shape, size) for group in hole_groups(hole, cell)]
    # The grid of hole_groups begins at the cut-out's corner.
    top, left = (min(values) // cell * cell for values in zip(*((w.top, w.left) for w in windows), strict=True))
    return top, left, max(w.bottom for w in windows), max(w.right for w in windows)


def check_pair(photo: Pixels, mask: Pixels) -> None:
    """Check shapes and dtypes of a photo and its mask.

    Raises:
        ValueError: saying what was got.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ValueError(f"photo: uint8 (H, W, 3) is needed, got {photo.dtype} {photo.shape}")
    if mask.dtype != np.uint8 or mask.shape != photo.shape[:2]:
        raise ValueError(f"mask: uint8 {photo.shape[:2]} is needed, got {mask.dtype} {mask.shape}")


def hole_groups(hole: Bools, cell: int) -> list[Box]:
    """Bounding boxes of groups of holes, in reading order; holes nearer than about ``cell`` pixels are one group.

    Connected components (8 neighbours) of a coarse grid: far-apart holes get windows of their own at a finer scale, and a mask
    of scattered dots does not cost one window a dot. Boxes may overlap.

    Args:
        hole: (H, W) bool.
        cell: side of a cell of the grid in pixels.
    """
    height, width = hole.shape
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[:height, :width] = hole
    waiting = set(map(tuple, np.argwhere(padded.reshape(rows, cell, columns, cell).any(axis=(1, 3))).tolist()))
    boxes = []
    for start in sorted(waiting):
        if start not in waiting:
            continue
        waiting.remove(start)
        component, frontier = [start], [start]
        while frontier:
            row, column = frontier.pop()
            near = {(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            component += near
            frontier += near
        boxes.append(_tight_box(hole, component, cell))
    return boxes


def _tight_box(hole: Bools, component: list[tuple[int, ...]], cell: int) -> Box:
    """Smallest box around the hole's pixels in the cells of a component (and whatever else lies between them)."""
    cells = np.array(component)
    (top, left), (bottom, right) = cells.min(axis=0) * cell, (cells.max(axis=0) + 1) * cell
    part = hole[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return Box(int(top + rows[0]), int(left + columns[0]), int(top + rows[-1]) + 1, int(left + columns[-1]) + 1)


def context_window(group: Box, shape: tuple[int, ...], size: int) -> Box:
    """A square around a hole with context on all sides, moved inside the photo and cut where the photo is smaller.

    Args:
        group: bounding box of the hole.
        shape: (H, W) of the photo.
        size: the network's size; a window is no smaller, so that small holes are filled at full resolution.
    """
    side = max(size, round(CONTEXT * max(group.height, group.width)))
    top, bottom = _span(group.top, group.bottom, side, shape[0])
    left, right = _span(group.left, group.right, side, shape[1])
    return Box(top, left, bottom, right)


def _span(start: int, stop: int, side: int, length: int) -> tuple[int, int]:
    """``side`` pixels centred on start..stop, moved inside 0..length."""
    first = min(max(0, (start + stop - side) // 2), max(0, length - side))
    return first, min(length, first + side)


def fill_window(photo: Pixels, hole: Bools, run: Run, size: int) -> Pixels:
    """Fill one window: scale it to the network's size, run, scale back.

    The picture keeps its proportions: its longer side becomes ``size``, and what is missing to a square is mirrored.

    Args:
        photo: (h, w, 3) uint8.
        hole: (h, w) bool, not all true.
        run: the network.
        size: its size.

    Returns:
        (h, w, 3) uint8; only its hole pixels are meant to be used.
    """
    height, width = hole.shape
    scale = size / max(height, width)
    scaled = max(1, round(height * scale)), max(1, round(width * scale))
    small, small_hole = scale_known(photo, hole, scaled)
    if not small_hole.any():  # thinner than a pixel of the network: its scaled neighbourhood is the fill
        return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    margins = ((0, size - scaled[0]), (0, size - scaled[1]))
    square = np.pad(small, (*margins, (0, 0)), mode="symmetric")
    square_mask = np.pad(small_hole, margins, mode="symmetric").astype(np.uint8) * np.uint8(255)
    filled = run(image=square, mask=square_mask)[: scaled[0], : scaled[1]]
    if scaled == (height, width):
        return filled
    return np.asarray(Image.fromarray(np.ascontiguousarray(filled)).resize((width, height), Image.Resampling.BICUBIC))


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
    known = (~hole).astype(np.float32)

    def resized(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(plane).resize((shape[1], shape[0]), method))

    certainty = resized(known)
    # Scattered dots may leave no pixel half known; then the best known ones have to serve.
    small_hole = certainty < min(0.5, float(certainty.max()))
    divisor = np.where(small_hole, np.float32(1), certainty)
    planes = [resized(known * photo[:, :, channel]) / divisor for channel in range(3)]
    small = np.clip(np.stack(planes, axis=2) + 0.5, 0, 255).astype(np.uint8)
    return np.where(small_hole[:, :, None], np.uint8(0), small), small_hole
