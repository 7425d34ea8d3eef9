"""Which known patch looks most like what the network drew, patch by patch of the hole."""

from dataclasses import dataclass

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels, Positions
from models.fill.parameters import Parameters

MEAN_WEIGHT = 2
"""The mean colour of a patch counts this many times as much as the same difference in one of its samples."""


@dataclass(frozen=True)
class Matches:
    """All patches of the hole against all known patches.

    Attributes:
        wanted: (Q, 2) corners, row and column in cells, of the patches that touch the hole, in reading order.
        sources: (S, 2) corners of the known patches, in reading order.
        distances: (Q, S) int32, sums of squared differences of the descriptors.
    """

    wanted: Positions
    sources: Positions
    distances: Integers


def matches(cells: Pixels, reached: Bools, known: Bools, parameters: Parameters) -> Matches | None:
    """Compare the patches that touch the hole with the known ones.

    A patch is described by its means in ``samples`` x ``samples`` parts without the mean of the whole, cut to a signed byte, and
    by that mean: shape counts for more than colour.

    Args:
        cells: (h, w, 3) uint8, means over cells: the network's in the hole, the photo's outside.
        reached: (h, w) bool: cells with hole in them.
        known: (h, w) bool: cells that lie wholly in the photo and outside the hole.
        parameters: ``patch``, ``samples`` and ``crowd`` are used.

    Returns:
        None where no patch is known, or too few for the patches to fill, or the image is smaller than one.
    """
    patch = parameters.patch
    if min(reached.shape) < patch:
        return None
    wanted = _corners(_any(reached, patch), [_steps(side, patch) for side in reached.shape])
    sources = _corners(~_any(~known, patch), [np.arange(side - patch + 1) for side in known.shape])
    if not len(wanted) or not len(sources) or len(wanted) > parameters.crowd * len(sources):
        return None
    described = _descriptors(cells, parameters)
    rows, columns = (described[tuple(corners.T)].astype(np.float32) for corners in (wanted, sources))
    # Sums of whole numbers below 2^24 are exact in float32 whatever their order: the fastest product of integers that numpy has.
    square = [np.einsum("nd,nd->n", values, values).astype(np.int32) for values in (rows, columns)]
    distances = (rows @ columns.T).astype(np.int32)
    distances *= -2
    distances += square[0][:, None]
    distances += square[1]
    return Matches(wanted, sources, distances)


def _steps(side: int, patch: int) -> Positions:
    """Corners of patches that overlap by half, the last one moved inwards where it would leave the image."""
    return np.unique(np.append(np.arange(0, side - patch + 1, max(1, patch // 2)), side - patch))


def _corners(allowed: Bools, steps: list[Positions]) -> Positions:
    rows, columns = (axis.ravel() for axis in np.meshgrid(*steps, indexing="ij"))
    chosen = allowed[rows, columns]
    return np.stack([rows[chosen], columns[chosen]], axis=1)


def _any(cells: Bools, patch: int) -> Bools:
    """(h - patch + 1, w - patch + 1): whether one of the patch's cells is set."""
    views = np.lib.stride_tricks.sliding_window_view(cells, (patch, patch))
    return np.asarray(views.any(axis=(2, 3)))


def _descriptors(cells: Pixels, parameters: Parameters) -> Integers:
    """(h - patch + 1, w - patch + 1, 3 samples^2 + 3) int32 for the patch at each corner."""
    patch, samples = parameters.patch, parameters.samples
    part = patch // samples
    height, width = (side - patch + 1 for side in cells.shape[:2])
    table = np.pad(cells.astype(np.int32).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))

    def sums(side: int) -> Integers:
        return table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]

    area = part * part
    sample = (2 * sums(part) + area) // (2 * area)
    parts = [sample[part * i : part * i + height, part * j : part * j + width] for i in range(samples) for j in range(samples)]
    area = patch * patch
    mean = (2 * sums(patch) + area) // (2 * area)
    shape = [(value - mean).clip(-127, 127) for value in parts]
    return np.concatenate([*shape, MEAN_WEIGHT * mean], axis=2)
