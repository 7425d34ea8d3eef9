"""The fade of copied detail: at the hole's border the network's own fill, a few pixels inside all of the detail."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels
from models.fill.holes import Box
from models.fill.tone import touching


def depths(hole: Bools, box: Box, most: int) -> Integers:
    """How deep in the hole each pixel of a box lies.

    Args:
        hole: (H, W) bool: everything that is not known.
        box: what is wanted.
        most: where counting stops, at least 1.

    Returns:
        (box height, box width) int32: the chessboard distance to the nearest known pixel, 1 at the border; ``most`` from there on
        inwards, and where no known pixel is so near. 0 outside of the hole.
    """
    reach = most - 1
    around = Box(max(0, box.top - reach), max(0, box.left - reach), box.bottom + reach, box.right + reach)
    inner = box.within(around).slices
    deep = hole[around.slices]
    depth = np.ones(deep.shape, np.int32)
    for _ in range(reach):
        deep = ~touching(~deep)
        depth += deep
    return np.where(hole[box.slices], depth[inner], 0).astype(np.int32)


def faded(detailed: Pixels, plain: Pixels, share: Integers, most: int) -> Pixels:
    """Plain at the border, detailed inside.

    Args:
        detailed: (..., 3) uint8, the fill with detail.
        plain: (..., 3) uint8, the fill without.
        share: (...) int32 from 0 to ``most``: how much there is of the detail.
        most: what all of it is called, at least 1.

    Returns:
        (..., 3) uint8, rounded half up.
    """
    share = share[..., None]
    mixed = (detailed * share + plain * (most - share) + most // 2) // most
    return mixed.astype(np.uint8)
