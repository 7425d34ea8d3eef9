"""Which source each patch takes: alike, continuing its neighbours' sources, and not the same one everywhere."""

import numpy as np

from models.fill.arrays import Integers, Positions
from models.fill.match import Matches
from models.fill.parameters import Parameters


def chosen_sources(found: Matches, parameters: Parameters) -> Positions:
    """Choose a source for every patch of the hole.

    The nearest patch alone repeats itself over smooth areas, as tiles. So a source that continues a neighbour's (the same offset,
    as in PatchMatch, Barnes et al., 2009, section 3.2) is cheaper, and one that is used already is dearer. One that overlaps
    the continuing source without being it is dearer, too: the same detail twice, a few cells apart, is seen as a grid of dots.
    Patches choose in turns, in reading order and back, each knowing what the others have. Sources at about the same height are
    cheaper than others: where the network draws only a blur, gravel and cloud look alike.

    Args:
        found: distances of patches and sources.
        parameters: all but ``bands``, ``samples`` and those of the seam are used.

    Returns:
        (Q,) index into ``found.sources`` for each wanted patch. Of equally good ones the first.
    """
    usual = _usual(found)
    distances = found.distances + _farness(found, usual, parameters)
    best = distances.argmin(axis=1)
    bonus, penalty, echo = (usual * share // 256 for share in (parameters.coherence, parameters.reuse, parameters.echo))
    uses = np.bincount(best, minlength=len(found.sources))
    places = found.sources - found.sources.min(axis=0)
    numbers = np.full(places.max(axis=0) + 1, -1, np.intp)
    numbers[tuple(places.T)] = np.arange(len(places))
    neighbours = _neighbours(found.wanted)
    order = range(len(best))
    for sweep in range(parameters.sweeps):
        for patch in order if sweep % 2 == 0 else reversed(order):
            uses[best[patch]] -= 1
            cost = distances[patch] + penalty * uses
            for other, down, right in neighbours[patch]:
                row, column = (int(at) for at in places[best[other]] - (down, right))
                cost[_around(numbers, row, column, parameters.patch)] += echo
                cost[_around(numbers, row, column, 1)] -= echo + bonus
            best[patch] = cost.argmin()
            uses[best[patch]] += 1
    return best


def _usual(found: Matches) -> int:
    """A usual distance: the median of the least ones, and a little of all."""
    nearest = np.sort(found.distances.min(axis=1))
    return int(nearest[len(nearest) // 2]) + int(found.distances.sum(dtype=np.int64) // found.distances.size) // 64 + 1


def _farness(found: Matches, usual: int, parameters: Parameters) -> Integers:
    """(Q, S) int32: what it costs that a source lies higher, lower or to the side."""
    down, across = (np.abs(found.wanted[:, None, axis] - found.sources[None, :, axis]) for axis in (0, 1))
    cost = usual * (parameters.rows * down + parameters.columns * across) // (256 * parameters.patch)
    return cost.astype(np.int32)


def _around(numbers: Positions, row: int, column: int, reach: int) -> Positions:
    """Numbers of the sources less than ``reach`` cells from a place in both directions; the place need not be one."""
    part = numbers[max(0, row - reach + 1) : max(0, row + reach), max(0, column - reach + 1) : max(0, column + reach)]
    return part[part >= 0]


def _neighbours(wanted: Positions) -> list[list[tuple[int, int, int]]]:
    """For each patch those above, below, left and right: (index, rows down to it, columns right to it)."""
    rows, columns = (np.unique(wanted[:, axis]).tolist() for axis in (0, 1))
    index = {(int(row), int(column)): number for number, (row, column) in enumerate(wanted)}
    result = []
    for row, column in wanted.tolist():
        i, j = rows.index(row), columns.index(column)
        around = [(rows[k], column) for k in (i - 1, i + 1) if 0 <= k < len(rows)]
        around += [(row, columns[k]) for k in (j - 1, j + 1) if 0 <= k < len(columns)]
        result.append([(index[r, c], r - row, c - column) for r, c in around if (r, c) in index])
    return result
