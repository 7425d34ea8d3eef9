"""Whether a hole lies in one texture whose shapes the network does not know: then larger shapes, too, are the photo's."""

import numpy as np

from models.fill.arrays import Bools, Integers, Pixels
from models.fill.resample import enlarged, means

BLOCK = 4
"""Side of the blocks in cells in which energies are compared."""

ENOUGH = 8
"""Known blocks that are needed to say that they are alike."""

ALIKE = 5
"""Surroundings are one texture where nine of ten blocks have at most so many times the energy that nine of ten have at least.
Gravel and grass have 3, knitwear and lichen 3 to 4, bricks 7, most photographs 10 and more."""


def one_texture(cells: Pixels, holes: Bools, known: Bools) -> bool:
    """Compare what is smaller than two cells and larger than one, in the fill and around it.

    The network does not know a texture where its fill has less energy, in the mean, than nearly every known block. Much less
    is not asked for: what a network trained against discriminators draws there is as strong as it likes, and is not the texture.

    Args:
        cells: (h, h, 3) uint8, means over cells: the network's in the hole, the photo's outside.
        holes: (h, h) bool: cells with hole in them.
        known: (h, h) bool: cells that lie wholly in the photo and outside the hole.
    """
    side = len(cells) // BLOCK * BLOCK
    if side == 0:
        return False
    cells = cells[:side, :side]
    shapes = np.square(np.subtract(cells, enlarged(means(cells, 2), 2), dtype=np.int32)).sum(axis=2)
    energies = _blocks(shapes).sum(axis=(1, 3))
    around = np.sort(energies[_blocks(known[:side, :side]).all(axis=(1, 3))])
    inside = energies[_blocks(holes[:side, :side]).all(axis=(1, 3))]
    if len(around) < ENOUGH or not len(inside):
        return False
    low, high = (int(around[tenths * (len(around) - 1) // 10]) for tenths in (1, 9))
    return high <= ALIKE * low and low * len(inside) > int(inside.sum())


def _blocks(values: Bools | Integers) -> Bools | Integers:
    """(rows, BLOCK, columns, BLOCK)."""
    count = len(values) // BLOCK
    return values.reshape(count, BLOCK, count, BLOCK)
