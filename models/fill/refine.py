"""Sources between cells: copies that are all whole cells apart repeat with the cells, as a lattice, and edges do not meet."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels, Positions

_STEPS = (-2, -1, 0, 1)
"""Shifts that are tried, in quarters of a cell."""


def refined(low: Pixels, known: Bools, wanted: Positions, sources: Positions, cell: int, patch: int) -> Positions:
    """Shift sources by parts of a cell to where the low band fits best.

    Patches with one offset are one piece of the photo and are shifted together. A shift is allowed where every cell that the
    shifted sources touch is known. The low bands are compared in the middle of each cell; the least sum of squared differences
    wins, of equal ones no shift, then the first in reading order.

    Args:
        low: (H, W, 3) uint8, the low band.
        known: (h, w) bool: cells that lie wholly in the photo and outside the hole.
        wanted: (Q, 2) corners in pixels of the patches to fill, whole cells from the window's corner.
        sources: (Q, 2) corners in pixels of the patches that they are copied from, likewise.
        cell: side of a cell in pixels.
        patch: side of a patch in cells.

    Returns:
        (Q, 2) corners in pixels.
    """
    shifts = np.array([(0, 0), *((a, b) for a in _STEPS for b in _STEPS if a or b)]) * max(1, cell // 4)
    shifted = sources[:, None] + shifts
    gaps = _samples(low, wanted, cell, patch)[:, None] - _samples(low, shifted, cell, patch)
    costs = np.square(gaps, dtype=np.int64).sum(axis=(2, 3, 4))
    offsets, group = np.unique(sources - wanted, axis=0, return_inverse=True)
    totals, forbidden = np.zeros((len(offsets), len(shifts)), np.int64), np.zeros((len(offsets), len(shifts)), bool)
    np.add.at(totals, group.ravel(), costs)
    np.logical_or.at(forbidden, group.ravel(), ~_allowed(known, shifted, cell, patch))
    totals[forbidden] = np.iinfo(np.int64).max
    return sources + shifts[totals.argmin(axis=1)[group.ravel()]]


def _samples(low: Pixels, corners: Positions, cell: int, patch: int) -> Integers:
    """(..., patch, patch, 3) int32: the low band in the middle of each cell of the patches with these corners (..., 2)."""
    middles = corners[..., None] + (cell * np.arange(patch) + cell // 2)
    rows, columns = (middles[..., axis, :].clip(0, low.shape[axis] - 1) for axis in (0, 1))
    return low[rows[..., :, None], columns[..., None, :]].astype(np.int32)


def _allowed(known: Bools, corners: Positions, cell: int, patch: int) -> Bools:
    """Whether every cell that a patch with its corner at a pixel (..., 2) touches is known."""
    table = np.pad((~known).cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
    first, end = corners // cell, (corners + patch * cell - 1) // cell + 1
    inside = ((first >= 0) & (end <= known.shape)).all(axis=-1)
    (top, left), (bottom, right) = (np.moveaxis(at.clip(0, known.shape), -1, 0) for at in (first, end))
    unknown = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return np.asarray(inside & (unknown == 0))
