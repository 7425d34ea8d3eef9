"""The fill of one window: structure and tone from the network, detail from the photo itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.fill.arrays import Bools, Pixels
from models.fill.blend import detail
from models.fill.coherence import chosen_sources
from models.fill.holes import Box
from models.fill.match import matches
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.resample import enlarged, known_means, means, whole
from models.fill.seam import without_step
from models.fill.tone import with_tone_of_the_border

_ROWS = 64

Network = Callable[[Pixels, Bools], Pixels]
"""(size, size, 3) uint8, 0 in the hole, and (size, size) bool in; (size, size, 3) uint8 out."""


@dataclass(frozen=True)
class Scaled:
    """A window as the network sees it.

    Attributes:
        factor: side of a network's pixel in the window's pixels.
        picture: (size, size, 3) uint8: means over blocks, 0 in the hole; what is missing to a square is mirrored.
        hole: (size, size) bool.
        shape: rows and columns of ``picture`` that are not mirrored.
    """

    factor: int
    picture: Pixels
    hole: Bools
    shape: tuple[int, int]


def scaled(photo: Pixels, hole: Bools, size: int) -> Scaled:
    """Scale a window down by the smallest whole factor at which it fits the network.

    Args:
        photo: (H, W, 3) uint8; what stands under the hole does not matter.
        hole: (H, W) bool, not all true.
        size: the network's.
    """
    factor = -(-max(hole.shape) // size)
    # A mirrored pixel under the hole is hole again: nothing leaks.
    small, small_hole = known_means(whole(photo, factor), whole(hole, factor), factor)
    margins = [(0, size - side) for side in small_hole.shape]
    picture = np.pad(small, [*margins, (0, 0)], mode="symmetric")
    return Scaled(factor, picture, np.pad(small_hole, margins, mode="symmetric"), small_hole.shape)


def fill_window(
    photo: Pixels, hole: Bools, run: Network, size: int, parameters: Parameters | None = DEFAULTS, wanted: Box | None = None
) -> Pixels:
    """Fill one window.

    Args:
        photo: (H, W, 3) uint8; what stands under the hole does not matter.
        hole: (H, W) bool, neither empty nor all true.
        run: the network.
        size: its size.
        parameters: None: the network's fill, scaled up, without detail from the photo and without its tone.
        wanted: the part to fill, with hole in it; default the bounding box of all holes.

    Returns:
        (h, w, 3) uint8: the part. Only its hole pixels are meant to be used.
    """
    window = scaled(photo, hole, size)
    box = wanted or bounding_box(hole)
    if window.hole.any():
        answer = run(window.picture, window.hole)
        small = np.where(window.hole[:, :, None], answer, window.picture)
    else:  # the hole is thinner than half a pixel of the network: its surroundings are the fill
        small = window.picture
    if parameters is None:
        return enlarged(small, window.factor, *box.slices)
    if window.hole.any():
        small = with_tone_of_the_border(small, window.hole)
    filled = _with_detail(photo, hole, box, small, window, parameters)
    around = Box(max(0, box.top - 1), max(0, box.left - 1), min(len(hole), box.bottom + 1), min(hole.shape[1], box.right + 1))
    pixels = photo[around.slices].copy()
    inner = box.within(around).slices
    pixels[inner] = np.where(hole[box.slices][:, :, None], filled, pixels[inner])
    del filled  # of a large photo this is as much as the next step takes
    part = np.zeros(pixels.shape[:2], bool)
    part[inner] = hole[box.slices]
    return without_step(pixels, part, ~hole[around.slices], parameters)[inner]


def bounding_box(hole: Bools) -> Box:
    """The smallest box around everything set; at least one must be."""
    rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _with_detail(photo: Pixels, hole: Bools, box: Box, small: Pixels, window: Scaled, parameters: Parameters) -> Pixels:
    """Low band of the fill plus the photo's detail, in the hole's box; the fill scaled up where the photo has no source."""
    band = parameters.band
    grid = [side // band for side in window.hole.shape]
    if min(grid) == 0:
        return enlarged(small, window.factor, *box.slices)
    cell = band * window.factor
    cells = means(small[: grid[0] * band, : grid[1] * band], band)
    holes, rows, columns = _hole_cells(hole, cell, grid), *(np.arange(side) * cell for side in grid)
    wanted_rows, wanted_columns = (
        (rows > box.top - cell) & (rows < box.bottom),
        (columns > box.left - cell) & (columns < box.right),
    )
    inside = np.logical_and.outer(rows + cell <= hole.shape[0], columns + cell <= hole.shape[1])
    found = matches(cells, holes & np.logical_and.outer(wanted_rows, wanted_columns), inside & ~holes, parameters)
    if found is None:
        return enlarged(small, window.factor, *box.slices)
    best = chosen_sources(found, parameters)
    low = enlarged(cells, cell, slice(0, hole.shape[0]), slice(0, hole.shape[1]))
    wanted, copied = found.wanted * cell, found.sources[best] * cell
    # A network whose size is no multiple of a cell has a margin that no patch covers: there the fill is only scaled up.
    covers = low.shape[0] >= box.bottom and low.shape[1] >= box.right
    filled = np.empty((box.height, box.width, 3), np.uint8) if covers else enlarged(small, window.factor, *box.slices)
    for top in range(box.top, min(box.bottom, len(low)), _ROWS):  # sums of the whole hole would take eight times its pixels
        strip = Box(top, box.left, min(top + _ROWS, box.bottom, len(low)), min(box.right, low.shape[1]))
        added = detail(photo, low, strip, wanted, copied, parameters.patch * cell)
        filled[strip.within(box).slices] = (low[strip.slices] + added).clip(0, 255)
    return filled


def _hole_cells(hole: Bools, cell: int, grid: list[int]) -> Bools:
    """(rows, columns) bool: cells with hole in them. Row by row of cells: a copy of the window would be as large as the photo."""
    result = np.zeros(grid, bool)
    for row in range(min(grid[0], -(-len(hole) // cell))):
        line = np.zeros(grid[1] * cell, bool)
        part = hole[row * cell : (row + 1) * cell, : len(line)]
        line[: part.shape[1]] = part.any(axis=0)
        result[row] = line.reshape(grid[1], cell).any(axis=1)
    return result
