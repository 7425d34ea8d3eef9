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
        parameters: all but ``band``, ``samples`` and those of the seam are used.

    Returns:
        (Q,) index into ``found.sources`` for each wanted patch. Of equally good ones the first.
    """
    usual = _usual(found)
    bonus, penalty, echo = (usual * share // 256 for share in (parameters.coherence, parameters.reuse, parameters.echo))
    places = found.sources - found.sources.min(axis=0)
    rows, columns = (int(side) for side in places.max(axis=0) + 1)
    # Costs lie where their sources lie, so that what is near a place is a slice. Reading order is the sources' own.
    numbers = places[:, 0] * columns + places[:, 1]
    costs = _standing(found, usual, parameters, (rows, columns), highest=4 * echo + penalty * len(found.wanted))
    best = costs.argmin(axis=1)
    uses = np.zeros(rows * columns, costs.dtype)
    np.add.at(uses, best, penalty)
    standing, cost = list(costs), np.empty_like(uses)
    grid = cost.reshape(rows, columns)
    chosen: list[tuple[int, int]] = [divmod(place, columns) for place in best.tolist()]
    neighbours, before, after = _neighbours(found.wanted), parameters.patch - 1, parameters.patch
    # A patch would choose the same again unless a neighbour moved since, or its own source got dearer, or another one cheaper.
    moves: list[tuple[int, int]] = []
    asked, least = [-1] * len(chosen), [0] * len(chosen)
    order = range(len(chosen))
    for sweep in range(parameters.sweeps):
        for patch in order if sweep % 2 == 0 else reversed(order):
            row, column = chosen[patch]
            own = row * columns + column
            uses[own] -= penalty
            since = asked[patch]
            asked[patch] = len(moves)
            if since >= 0 and all(
                taken != own and standing[patch][left] + uses[left] - 4 * bonus > least[patch] for left, taken in moves[since:]
            ):
                uses[own] += penalty
                continue
            np.add(standing[patch], uses, out=cost)
            for other, down, right in neighbours[patch]:
                row, column = chosen[other]
                row, column = row - down, column - right
                top, left = row - before, column - before
                grid[top if top > 0 else 0 : max(0, row + after), left if left > 0 else 0 : max(0, column + after)] += echo
                if 0 <= row < rows and 0 <= column < columns:
                    grid[row, column] -= echo + bonus
            place = int(cost.argmin())
            uses[place] += penalty
            least[patch] = int(cost[place])
            if place != own:
                chosen[patch] = divmod(place, columns)
                moves.append((own, place))
                for other, _, _ in neighbours[patch]:
                    asked[other] = -1
    found_at = np.empty(rows * columns, np.intp)
    found_at[numbers] = np.arange(len(numbers))
    return found_at[[row * columns + column for row, column in chosen]]


def _standing(found: Matches, usual: int, parameters: Parameters, sides: tuple[int, int], highest: int) -> Integers:
    """What each source costs each patch, whatever the others choose: its distance, and that it lies higher, lower or to the side.

    Args:
        found: patches and sources.
        usual: a usual distance.
        parameters: ``rows``, ``columns`` and ``patch`` are used.
        sides: of the smallest rectangle that holds all sources.
        highest: what others' choices can add.

    Returns:
        (Q, rows * columns of that rectangle) int32, or int64 where that has no room; no source is so dear as a place without one.
    """
    corner = found.sources.min(axis=0)
    far = [
        usual * weight * np.abs(found.wanted[:, None, axis] - corner[axis] - np.arange(sides[axis]))
        for axis, weight in ((0, parameters.rows), (1, parameters.columns))
    ]
    farthest = int(far[0].max()) + int(far[1].max())
    wide = max(farthest, int(found.distances.max()) + farthest // (256 * parameters.patch) + highest) >= 1 << 30
    kind, nowhere = (np.int64, 1 << 62) if wide else (np.int32, 1 << 30)
    down, across = (values.astype(kind) for values in far)
    costs = np.full((len(found.wanted), *sides), nowhere, kind)
    places = found.sources - corner
    costs[:, places[:, 0], places[:, 1]] = found.distances
    costs += (down[:, :, None] + across[:, None, :]) // (256 * parameters.patch)
    return costs.reshape(len(costs), -1)


def _usual(found: Matches) -> int:
    """A usual distance: the median of the least ones, and a little of all."""
    nearest = np.sort(found.distances.min(axis=1))
    return int(nearest[len(nearest) // 2]) + int(found.distances.sum(dtype=np.int64) // found.distances.size) // 64 + 1


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
