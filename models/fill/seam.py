"""The seam: no step at the hole's border that the photo does not have."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels
from models.fill.membrane import SIXTEENTH, spread
from models.fill.parameters import Parameters
from models.fill.tone import box_counts, box_sums, rounded, touching

STRIP = 2
"""Height of the strips in which it is done, in blocks."""


def without_step(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    """Correct a fill at full resolution so that it meets the photo, fading inwards over a few pixels.

    Args:
        pixels: (H, W, 3) uint8, the photo with the fill in the hole; with a pixel of the photo around the hole where it has one.
        hole: (H, W) bool: what has been filled.
        known: (H, W) bool: the photo's. What is neither is not looked at.
        parameters: ``seam_levels`` and ``seam_limit`` are used.

    Returns:
        (H, W, 3) uint8, changed in the hole only.
    """
    result = pixels.copy()
    # What a pixel becomes depends on rows up to 2^(levels + 1) away, and on how they fall into blocks of 2^levels: strips that
    # begin at a multiple and see so much more to both sides give the same as the whole, in a fraction of its memory.
    block = 2**parameters.seam_levels
    for top in range(0, len(pixels), STRIP * block):
        bottom = top + STRIP * block
        seen = slice(max(0, top - 4 * block), bottom + 4 * block)
        met = _met(pixels[seen], hole[seen], known[seen], parameters)
        result[top:bottom] = met[top - seen.start :][: STRIP * block]
    return result


def _met(pixels: Pixels, hole: Bools, known: Bools, parameters: Parameters) -> Pixels:
    border = hole & touching(known)
    outside = rounded(SIXTEENTH * box_sums(pixels, known, 1), box_counts(known, 1))
    inside = rounded(SIXTEENTH * box_sums(pixels, hole, 1), box_counts(hole, 1))
    limit = SIXTEENTH * parameters.seam_limit
    correction: Integers = spread((outside - inside).clip(-limit, limit), border, parameters.seam_levels)
    met = (SIXTEENTH * pixels.astype(np.int32) + correction + SIXTEENTH // 2) // SIXTEENTH
    return np.where(hole[:, :, None], met.clip(0, 255), pixels).astype(np.uint8)
