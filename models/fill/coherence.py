"""Which source each patch takes: alike, continuing its neighbours' sources, and not the same one everywhere."""

import numpy as np

from models.fill.arrays import Integers, Positions
from models.fill.match import Matches
from models.fill.parameters import Parameters

_NOWHERE = 1 << 60
"""Cost of a place without a source."""


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
    places = found.sources - found.sources.min(axis=0)
    rows, columns = (int(side) for side in places.max(axis=0) + 1)
    # Costs lie where their sources lie, so that what is near a place is a slice. Reading order is the sources' own.
    numbers = np.full((rows, columns), -1, np.intp)
    numbers[tuple(places.T)] = np.arange(len(places))
    plain = np.full((len(best), rows * columns), _NOWHERE)
    plain[:, numbers.ravel() >= 0] = distances
    standing = plain.reshape(-1, rows, columns)
    uses = np.zeros((rows, columns), np.int64)
    chosen: list[tuple[int, int]] = [(int(row), int(column)) for row, column in places[best]]
    for place in chosen:
        uses[place] += penalty
    neighbours, reach = _neighbours(found.wanted), parameters.patch - 1
    order = range(len(best))
    for sweep in range(parameters.sweeps):
        for patch in order if sweep % 2 == 0 else reversed(order):
            uses[chosen[patch]] -= penalty
            cost = standing[patch] + uses
            for other, down, right in neighbours[patch]:
                row, column = chosen[other][0] - down, chosen[other][1] - right
                cost[max(0, row - reach) : max(0, row + reach + 1), max(0, column - reach) : max(0, column + reach + 1)] += echo
                if 0 <= row < rows and 0 <= column < columns:
                    cost[row, column] -= echo + bonus
            chosen[patch] = divmod(int(cost.argmin()), columns)
            uses[chosen[patch]] += penalty
    return numbers[tuple(np.array(chosen).T)]


def _usual(found: Matches) -> int:
    """A usual distance: the median of the least ones, and a little of all."""
    nearest = np.sort(found.distances.min(axis=1))
    return int(nearest[len(nearest) // 2]) + int(found.distances.sum(dtype=np.int64) // found.distances.size) // 64 + 1


def _farness(found: Matches, usual: int, parameters: Parameters) -> Integers:
    """(Q, S) int32: what it costs that a source lies higher, lower or to the side."""
    down, across = (
        usual * weight * np.abs(found.wanted[:, None, axis] - found.sources[None, :, axis])
        for axis, weight in ((0, parameters.rows), (1, parameters.columns))
    )
    down += across
    down //= 256 * parameters.patch
    return down.astype(np.int32)


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
