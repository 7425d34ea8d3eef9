"""The fill of one window: structure and tone from the network, detail from the photo itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.fill.arrays import Bools, Pixels
from models.fill.bands import QUARTERS, without_detail
from models.fill.blend import detail
from models.fill.coherence import chosen_sources
from models.fill.colour import with_less_colour_of_its_own
from models.fill.fade import depths, faded
from models.fill.holes import Box
from models.fill.match import matches
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.refine import refined
from models.fill.resample import enlarged, known_means, means, whole
from models.fill.seam import without_step
from models.fill.texture import one_texture
from models.fill.tone import REACH, with_tone_of_the_border, with_tone_of_what_it_touches

_ROWS = 64

Network = Callable[[Pixels, Bools], Pixels]
"""(size, size, 3) uint8, 0 in the hole, and (size, size) bool in; (size, size, 3) uint8 out."""


@dataclass(frozen=True)
class Scaled:
    """A window as the network sees it.

    Attributes:
        factor: side of a network's pixel in the window's pixels.
        image: (size, size, 3) uint8: means over blocks, 0 in the hole; what is missing to a square is mirrored.
        hole: (size, size) bool.
    """

    factor: int
    image: Pixels
    hole: Bools


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
    image = np.pad(small, [*margins, (0, 0)], mode="symmetric")
    return Scaled(factor, image, np.pad(small_hole, margins, mode="symmetric"))


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
    # A hole thinner than half a pixel of the network is none to it: its surroundings are the fill.
    asked = bool(window.hole.any())
    small = np.where(window.hole[:, :, None], run(window.image, window.hole), window.image) if asked else window.image
    if parameters is None:
        return enlarged(small, window.factor, *box.slices)
    if asked and window.factor == 1 and _is_shallow(hole, box, parameters.shallow):
        depth = depths(hole, box, REACH + 1)
        rows, columns = np.nonzero((depth > 0) & (depth <= REACH))
        return with_tone_of_what_it_touches(small, window.hole, (rows + box.top, columns + box.left))[box.slices]
    plain = small
    if asked:
        plain = with_tone_of_the_border(small, window.hole, parameters.tone_variance)
        plain = with_less_colour_of_its_own(plain, window.hole, parameters.colour)
    filled = _with_detail(photo, hole, box, plain, window, parameters)
    _fade_in(filled, hole, box, plain, window.factor, parameters.fade)
    around = Box(max(0, box.top - 1), max(0, box.left - 1), min(len(hole), box.bottom + 1), min(hole.shape[1], box.right + 1))
    pixels = photo[around.slices].copy()
    inner = box.within(around).slices
    pixels[inner] = np.where(hole[box.slices][:, :, None], filled, pixels[inner])
    del filled  # of a large photo this is as much as the next step takes
    part = np.zeros(pixels.shape[:2], bool)
    part[inner] = hole[box.slices]
    return without_step(pixels, part, ~hole[around.slices], parameters)[inner]


def _is_shallow(hole: Bools, box: Box, most: int) -> bool:
    return most > 0 and not (depths(hole, box, most + 1) > most).any()


def bounding_box(hole: Bools) -> Box:
    """The smallest box around everything set; at least one must be."""
    rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _with_detail(photo: Pixels, hole: Bools, box: Box, small: Pixels, window: Scaled, parameters: Parameters) -> Pixels:
    """The hole's box at the photo's resolution, with what is smaller than cells copied from the photo."""
    found = _transferred(photo, hole, box, small, window.factor, parameters)
    if found is not None and found[0] == box:
        return found[1]
    # Without a source, and in the margin that no cell covers where a network's size is no multiple of one, it is scaled up.
    filled = enlarged(small, window.factor, *box.slices)
    if found is not None:
        filled[found[0].within(box).slices] = found[1]
    return filled


def _fade_in(filled: Pixels, hole: Bools, box: Box, plain: Pixels, factor: int, fade: int) -> None:
    """Let the detail of a box begin at the hole's border, in place: what was copied does not continue what lies there."""
    for top in range(box.top, box.bottom, _ROWS):
        strip = Box(top, box.left, min(top + _ROWS, box.bottom), box.right)
        share = 2 * depths(hole, strip, (fade + 1) // 2)
        at = np.nonzero((share > 0) & (share < fade))
        if len(at[0]):
            part = filled[strip.within(box).slices]
            part[at] = faded(part[at], enlarged(plain, factor, *strip.slices)[at], share[at], fade)


def _transferred(
    photo: Pixels, hole: Bools, box: Box, small: Pixels, factor: int, parameters: Parameters
) -> tuple[Box, Pixels] | None:
    """A fill plus detail of the photo.

    Args:
        photo: (H, W, 3) uint8: where detail comes from.
        hole: (H, W) bool: where it does not come from.
        box: what is wanted.
        small: (size, size, 3) uint8, the fill so far; its means over cells say which places of the photo are like it.
        factor: side of its pixels in pixels of ``photo``.
        parameters: of the fill.

    Returns:
        The part of the box that cells cover, and its pixels; None: there is no source.
    """
    grid, cell = len(small) // parameters.band, parameters.band * factor
    if grid == 0:
        return None
    cells = means(small[: grid * parameters.band, : grid * parameters.band], parameters.band)
    holes, corners = _hole_cells(hole, cell, grid), np.arange(grid) * cell
    rows, columns = (corners > box.top - cell) & (corners < box.bottom), (corners > box.left - cell) & (corners < box.right)
    known = ~holes & np.logical_and.outer(corners + cell <= hole.shape[0], corners + cell <= hole.shape[1])
    if parameters.coarse > 1 and one_texture(cells, holes, known):
        larger = replace(parameters, band=parameters.band * parameters.coarse, middle=QUARTERS, coarse=1)
        copied_larger = _transferred(photo, hole, box, small, factor, larger)
        if copied_larger is not None:
            return copied_larger
    found = matches(cells, holes & np.logical_and.outer(rows, columns), known, parameters)
    part = box.intersection(Box(0, 0, grid * cell, grid * cell))
    if found is None or part is None:
        return None
    low = enlarged(cells, cell, slice(0, hole.shape[0]), slice(0, hole.shape[1]))
    wanted = found.wanted * cell
    copied = refined(low, known, wanted, found.sources[chosen_sources(found, parameters)] * cell, cell, parameters.patch)
    del low  # of a large photo it is as much as the next one
    base = enlarged(
        without_detail(small, parameters.band, parameters.middle), factor, slice(0, hole.shape[0]), slice(0, hole.shape[1])
    )
    filled = np.empty((part.height, part.width, 3), np.uint8)
    for top in range(part.top, part.bottom, _ROWS):  # sums of the whole hole would take eight times its pixels
        strip = Box(top, part.left, min(top + _ROWS, part.bottom), part.right)
        added = detail(photo, base, strip, wanted, copied, parameters.patch * cell)
        scaled_up = enlarged(small, factor, *strip.slices)
        filled[strip.within(part).slices] = (scaled_up + added).clip(0, 255)
    return part, filled


def _hole_cells(hole: Bools, cell: int, grid: int) -> Bools:
    """(grid, grid) bool: cells with hole in them. Row by row of cells: a copy of the window would be as large as the photo."""
    result = np.zeros((grid, grid), bool)
    for row in range(min(grid, -(-len(hole) // cell))):
        line = np.zeros(grid * cell, bool)
        part = hole[row * cell : (row + 1) * cell, : len(line)]
        line[: part.shape[1]] = part.any(axis=0)
        result[row] = line.reshape(grid, cell).any(axis=1)
    return result
