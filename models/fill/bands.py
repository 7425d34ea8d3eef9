"""Where the photo's detail begins: what is left of a picture without it."""

import numpy as np

from models.fill.arrays import Pixels
from models.fill.resample import enlarged, means

QUARTERS = 4
"""``Parameters.middle`` is in these."""


def without_detail(small: Pixels, band: int, middle: int) -> Pixels:
    """What is larger than half a cell, with less of what is smaller than a whole one.

    The network predicts some of what is smaller than its cells, in the right place. The more of it there is, the less of
    the photo's is needed on top, for what is in the wrong place costs as much as it adds. So the network's fill stays as it is,
    and what is copied is what the photo has beyond this picture: all that is smaller than half a cell, and ``middle`` quarters
    of what lies between.

    Args:
        small: (h, h, 3) uint8.
        band: side of the cells, even or 1.
        middle: 0 to 4.

    Returns:
        (g, g, 3) uint8, g the largest multiple of the band that is not above h.
    """
    side = len(small) // band * band
    small = small[:side, :side]
    cells, halves = (enlarged(means(small, factor), factor).astype(np.int32) for factor in (band, max(1, band // 2)))
    mixed = (middle * cells + (QUARTERS - middle) * halves + QUARTERS // 2) // QUARTERS
    return mixed.astype(np.uint8)
