"""Where the holes of a mask are, and what a network has to see to fill them. Needs no torch."""

from dataclasses import dataclass

import numpy as np

from models.conventions import MASK_THRESHOLD
from models.fill.arrays import Bools, Pixels

CONTEXT = 2
"""Side of a window as a multiple of its hole's longer side: the hole covers at most about a quarter of what the network sees."""

THICK = 4
"""A hole is thick where it covers a whole square of a cell's side divided by this (32 pixels of a network of 256)."""


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

    def intersection(self, other: "Box") -> "Box | None":
        """What both have; None: nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, left, bottom, right) if top < bottom and left < right else None

    def moved(self, down: int, right: int) -> "Box":
        """The same rectangle elsewhere."""
        return Box(self.top + down, self.left + right, self.bottom + down, self.right + right)

    def within(self, window: "Box") -> "Box":
        """The same rectangle in the coordinates of a window that holds it."""
        return Box(self.top - window.top, self.left - window.left, self.bottom - window.top, self.right - window.left)


def region_of_interest(mask: Pixels, size: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what ``windows`` looks at: filling the cut-out gives the same as filling the photo.

    Args:
        mask: (H, W) uint8, >= 128: fill; not empty.
        size: the network's size.
    """
    cell = max(1, size // 2)
    rows, columns = (np.flatnonzero(mask.max(axis=axis) >= MASK_THRESHOLD) for axis in (1, 0))
    # The grid of hole_groups begins at the corner of what it is given.
    top, left = (int(found[0]) // cell * cell for found in (rows, columns))
    hole = mask[top : rows[-1] + 1, left : columns[-1] + 1] >= MASK_THRESHOLD
    groups = (Box(g.top + top, g.left + left, g.bottom + top, g.right + left) for g in hole_groups(hole, cell))
    windows = [context_window(group, mask.shape, size) for group in groups]
    first, before = min(w.top for w in windows) // cell * cell, min(w.left for w in windows) // cell * cell
    return first, before, max(w.bottom for w in windows), max(w.right for w in windows)


def hole_groups(hole: Bools, cell: int) -> list[Box]:
    """Bounding boxes of groups of holes, in reading order; holes nearer than about ``cell`` pixels are one group.

    Connected components (8 neighbours) of a coarse grid: far-apart holes get windows of their own at a finer scale, and a mask
    of scattered dots does not cost one window a dot. A component that is longer than a cell but nowhere thick (a wire, text, a
    scratch, dust) is cut along the grid: each part has known pixels on both sides, and is filled at the photo's own scale
    instead of in one window that shrinks it to nothing. Boxes may overlap.

    Args:
        hole: (H, W) bool.
        cell: side of a cell of the grid in pixels.
    """
    height, width = hole.shape
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), bool)
    padded[:height, :width] = hole
    squares = padded.reshape(rows, cell, columns, cell)
    thick = _thick(squares, cell)
    waiting = set(map(tuple, np.argwhere(squares.any(axis=(1, 3))).tolist()))
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
        box = _tight_box(hole, component, cell)
        if max(box.height, box.width) > cell and not any(thick[place] for place in component):
            boxes += [_tight_box(hole, [place], cell) for place in sorted(component)]
        else:
            boxes.append(box)
    return boxes


def _thick(squares: Bools, cell: int) -> Bools:
    """(rows, columns) bool: cells in which one of the squares of a finer grid is all hole."""
    side = max(1, cell // THICK)
    count = cell // side
    rows, _, columns, _ = squares.shape
    finer = squares[:, : count * side, :, : count * side].reshape(rows, count, side, columns, count, side)
    squares_of_hole = np.asarray(finer.all(axis=(2, 5)))
    return np.asarray(squares_of_hole.any(axis=(1, 3)))


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
        size: the network's size. A window's side is a multiple of it: small holes are filled at full resolution, and large ones
            scaled by a whole factor.
    """
    side = size * -(-CONTEXT * max(group.height, group.width) // size)
    top, bottom = _span(group.top, group.bottom, side, shape[0])
    left, right = _span(group.left, group.right, side, shape[1])
    return Box(top, left, bottom, right)


def _span(start: int, stop: int, side: int, length: int) -> tuple[int, int]:
    """``side`` pixels centred on start..stop, moved inside 0..length."""
    first = min(max(0, (start + stop - side) // 2), max(0, length - side))
    return first, min(length, first + side)
