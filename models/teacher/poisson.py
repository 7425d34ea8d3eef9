"""Poisson blending: the gradients of a fill, the colours of its surroundings (Perez, Gangnet and Blake, 2003).

Few-step and guided samplers leave a fill lighter or darker than the photo around it; solving for the image that has the
fill's gradients and the photo's border removes exactly that. A whole image of the sampler's is shifted on both sides of the
hole's edge; a composite is not, and must be called one: see :func:`poisson_blend`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.system.errors import ToolchainMissing

Array = NDArray[Any]
Bools = NDArray[np.bool_]


def poisson_blend(fill: Array, photo: Array, hole: Bools, *, composite: bool = False) -> Array:
    """Minimise the difference of gradients to ``fill`` in the hole, with the kept pixels of ``photo`` as border (eq. 3 and 4).

    The discrete form is eq. 7: for every hole pixel p, sum over its neighbours q of (f_p - f_q) = sum of (g_p - g_q), where g is
    the fill and f_q is the photo's at kept q. Neighbours outside the image are left out, which is a border without force.

    The gradient between a hole pixel and a kept one is the fill's too, as in the paper, so the fill's own kept pixels count. In a
    composite (fill equal to photo wherever the photo is kept) that gradient is the very edge that one would be rid of: the
    composite solves eq. 7 as it stands and comes back unchanged. Samplers that replace what is known return composites; for them
    the guidance across the hole's edge is 0 (``composite``): colours go on smoothly there, and gradients inside stay the fill's.

    Args:
        fill: (H, W, C), a whole image; only the hole and the pixels beside it matter. uint8, or any float of any range.
        photo: (H, W, C) of the same type; only the kept pixels beside the hole matter.
        hole: (H, W), True where ``fill`` is wanted.
        composite: whether the fill's pixels outside the hole are the photo's, so that they say nothing of the fill's own tone.

    Returns:
        (H, W, C) of the same type, a new array; uint8 is rounded and clipped, float is not. Everything is solved in float64.
        Kept pixels are the photo's, to the bit. An empty hole gives a copy.

    Raises:
        ValueError: shapes or types do not match, the hole is the whole image, or a value that matters is not finite.
        ToolchainMissing: SciPy is not installed.
    """
    if fill.shape != photo.shape or fill.dtype != photo.dtype or photo.ndim != 3:
        raise ValueError(f"fill {fill.shape} {fill.dtype} and photo {photo.shape} {photo.dtype} must be alike, (H, W, C)")
    if hole.shape != photo.shape[:2] or hole.dtype != np.bool_:
        raise ValueError(f"hole is {hole.shape} {hole.dtype}; {photo.shape[:2]} bool is needed")
    if photo.dtype != np.uint8 and not np.issubdtype(photo.dtype, np.floating):
        raise ValueError(f"images are {photo.dtype}; uint8 and floats are allowed")
    result = photo.copy()
    if not hole.any() or photo.size == 0:
        return result
    # Any smaller part of the hole has a kept neighbour: an image is connected, so a part that nothing ends is all of it.
    if hole.all():
        raise ValueError("the hole is the whole image and touches no kept pixel: nothing says how bright it should be")
    border = _grown(hole) & ~hole
    if not (np.isfinite(fill[hole | border]).all() and np.isfinite(photo[border]).all()):
        raise ValueError("fill and photo must be finite in the hole and beside it")
    solved = _solve(fill.astype(np.float64), photo.astype(np.float64), hole, composite)
    result[hole] = np.clip(np.rint(solved), 0, 255).astype(np.uint8) if photo.dtype == np.uint8 else solved.astype(photo.dtype)
    return result


def _solve(fill: Array, photo: Array, hole: Bools, composite: bool) -> Array:
    """The hole's new values, (pixels of the hole, C) float64."""
    try:
        import scipy.sparse
        import scipy.sparse.linalg
    except ModuleNotFoundError as error:
        raise ToolchainMissing("Poisson blending needs SciPy: pip install 'wavefill[teacher]'") from error
    count = int(hole.sum())
    number = np.full(hole.shape, -1, dtype=np.int32)
    number[hole] = np.arange(count, dtype=np.int32)
    diagonal, rhs = np.zeros(count), np.zeros((count, fill.shape[2]))
    rows, columns = [], []
    for p, q in _neighbours():
        inside = hole[p]
        here, there = number[p][inside], number[q][inside]  # no pixel twice, so that += reaches every one
        diagonal[here] += 1.0
        known = there < 0
        guidance = fill[p][inside] - fill[q][inside]
        rhs[here] += np.where(known[:, None], 0.0, guidance) if composite else guidance
        rhs[here[known]] += photo[q][inside][known]
        rows.append(here[~known])
        columns.append(there[~known])
    row, column = np.concatenate([*rows, np.arange(count)]), np.concatenate([*columns, np.arange(count)])
    values = np.concatenate([np.full(len(row) - count, -1.0), diagonal])
    matrix = scipy.sparse.csc_array((values, (row, column)), shape=(count, count))
    # Direct: exact to rounding for every shape of hole, and one factor serves all colours. Seconds to factor and solve 512x512x3
    # with a quarter of it in one box / in brush strokes, one core beside a busy one, median of 3: minimum degree of A^T + A
    # 0.16 / 0.12, COLAMD (the default) 0.26 / 0.13, of A^T A 0.27 / 0.14, nested dissection 0.22 / 0.16, reverse Cuthill-McKee
    # 1.48 / 0.17. Conjugate gradients to 1e-12: aggregation multigrid 0.21 / 0.25 with errors of 4e-11 instead of 5e-14, Jacobi
    # 1.33 / 0.71, and spilu's factor as preconditioner did not converge in 20,000 steps. The matrix is symmetric and positive
    # definite, so no pivot has to be looked for.
    factor = scipy.sparse.linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return np.asarray(factor.solve(rhs))


def _neighbours() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Pairs of views (p, q): every pixel that has a neighbour on one side, and that neighbour."""
    every, first, last = slice(None), slice(0, -1), slice(1, None)
    down, right = ((first, every), (last, every)), ((every, first), (every, last))
    return [down, (down[1], down[0]), right, (right[1], right[0])]


def _grown(hole: Bools) -> Bools:
    """The hole and every pixel beside it."""
    grown = hole.copy()
    for p, q in _neighbours():
        grown[q] |= hole[p]
    return grown
