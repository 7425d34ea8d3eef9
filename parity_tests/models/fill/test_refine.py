"""Sources between cells against the plainest code that does the same, and what it is for: no lattice, edges that meet."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fill.refine import refined

few = settings(deadline=None, max_examples=60)


def plainly_refined(low, known, wanted, sources, cell, patch):
    """Every shift of every group, one after the other."""
    step = max(1, cell // 4)
    shifts = [(0, 0)] + [(a * step, b * step) for a in range(-2, 2) for b in range(-2, 2) if (a, b) != (0, 0)]
    groups = defaultdict(list)
    for i, (to, source) in enumerate(zip(wanted, sources, strict=True)):
        groups[tuple(source - to)].append(i)
    pixels = known.repeat(cell, axis=0).repeat(cell, axis=1)
    side, last = patch * cell, np.array(low.shape[:2]) - 1
    result = sources.copy()
    for members in groups.values():
        best = None
        for shift in shifts:
            cost = 0
            for i in members:
                corner = sources[i] + shift
                if (corner < 0).any() or (corner + side > pixels.shape).any():
                    break
                if not pixels[corner[0] : corner[0] + side, corner[1] : corner[1] + side].all():
                    break
                for r in range(cell // 2, side, cell):
                    for c in range(cell // 2, side, cell):
                        own, other = (tuple(np.minimum(at + np.array([r, c]), last)) for at in (wanted[i], corner))
                        cost += int(((low[own].astype(int) - low[other]) ** 2).sum())
            else:
                if best is None or cost < best[0]:
                    best = cost, shift
        for i in members if best else []:
            result[i] += best[1]
    return result


@given(cell=st.integers(2, 9), patch=st.integers(1, 4), seed=st.integers(0, 2**32), values=st.sampled_from([2, 256]))
@few
def test_refining_follows_the_rule(cell, patch, seed, values):
    rng = np.random.default_rng(seed)
    grid = patch + 7
    low = rng.integers(0, values, (grid * cell, grid * cell - int(rng.integers(cell)), 3)).astype(np.uint8)
    known = rng.random((grid, grid)) < 0.97
    known[:, -1] &= low.shape[1] == grid * cell
    corners = [(r, c) for r in range(8) for c in range(8) if known[r : r + patch, c : c + patch].all()]
    if not corners:
        return
    wanted = rng.integers(0, 8, (6, 2)) * cell
    sources = np.array([corners[k] for k in rng.integers(0, min(3, len(corners)), 6)]) * cell
    wanted[3:] = wanted[:3]  # some offsets come twice
    sources[3:] = sources[:3]
    assert np.array_equal(
        refined(low, known, wanted, sources, cell, patch), plainly_refined(low, known, wanted, sources, cell, patch)
    )


def test_an_edge_between_cells_is_met():
    """A step that lies one pixel farther to the right at the source than at the hole: the copy is moved by it."""
    columns = np.arange(96)
    low = np.where(columns < 18, 40, 200)[None, :, None].repeat(96, axis=0).repeat(3, axis=2).astype(np.uint8)
    low[48:] = np.where(columns < 19, 40, 200)[None, :, None]
    known = np.ones((24, 24), bool)
    found = refined(low, known, np.array([[8, 8]]), np.array([[64, 8]]), cell=4, patch=4)
    assert found.tolist()[0][1] in (8, 9)
    own = low[8:24, 8:24]
    moved = low[64:80, found[0][1] : found[0][1] + 16]
    assert np.abs(own[2::4, 2::4].astype(int) - moved[2::4, 2::4]).max() == 0
