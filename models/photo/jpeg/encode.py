"""From pixels to the bits of JPEG blocks (ITU-T T.81), with the tables of an existing file."""

import numpy as np
from numpy.typing import NDArray

from models.photo.jpeg.file import HuffmanTable, JpegFile, Unsuitable

Ints = NDArray[np.int64]
Bits = NDArray[np.uint8]

ZIGZAG = np.array(sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8))))
"""Row-major index of each coefficient in zigzag order (T.81, figure A.6)."""

_AT_ONCE = 2048
_LARGEST_DC, _LARGEST_AC = 2047, 1023


def _dct_matrix() -> NDArray[np.float64]:
    """Orthonormal DCT-II; twice applied it is the transform of T.81, A.3.3."""
    frequency, sample = np.mgrid[:8, :8]
    matrix = np.cos((2 * sample + 1) * frequency * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


_DCT = _dct_matrix()


def ycbcr(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(..., 3) RGB to whole-numbered Y, Cb, Cr in 0..255 (JFIF 1.02)."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = (luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402)
    return np.clip(np.floor(np.stack(planes, axis=-1) + 0.5), 0, 255)


def quantised_units(file: JpegFile, pixels: NDArray[np.uint8]) -> Ints:
    """Quantised coefficients of MCUs.

    Args:
        file: whose sampling factors and quantisation tables are used.
        pixels: (units, rows, columns, 3) RGB, or (units, rows, columns) grey.

    Returns:
        (units, blocks of an MCU, 64) in zigzag order.
    """
    parts = [_quantised(file, pixels[low : low + _AT_ONCE]) for low in range(0, len(pixels), _AT_ONCE)]
    return np.concatenate(parts)


def _quantised(file: JpegFile, pixels: NDArray[np.uint8]) -> Ints:
    planes = ycbcr(pixels) if len(file.components) == 3 else pixels[..., None].astype(np.float32)
    blocks = []
    rows, columns = file.unit
    for index, component in enumerate(file.components):
        down, across = rows // (8 * component.down), columns // (8 * component.across)
        plane = planes[..., index].reshape(len(pixels), rows // down, down, columns // across, across).mean(axis=(2, 4))
        tiles = plane.reshape(len(pixels), component.down, 8, component.across, 8).swapaxes(2, 3)
        coefficients = _DCT @ (tiles - 128) @ _DCT.T
        steps = file.quantisation[component.quantisation]
        levels = np.rint(coefficients.reshape(len(pixels), -1, 64)[..., ZIGZAG] / steps).astype(np.int64)
        blocks.append(np.clip(levels, -_LARGEST_AC, _LARGEST_AC))
    return np.concatenate(blocks, axis=1)


class Codes:
    """A Huffman table for encoding: code and length of each symbol, length 0 where the table lacks it."""

    def __init__(self, table: HuffmanTable) -> None:
        self.code, self.length = np.zeros(256, np.int64), np.zeros(256, np.int64)
        for code, length, symbol in table.codes:
            self.code[symbol], self.length[symbol] = code, length


def dc_codes(codes: Codes, difference: Ints) -> tuple[Ints, Ints]:
    """(values, lengths) of DC differences (T.81, F.1.2.1).

    Raises:
        Unsuitable: the table has no code for one of them.
    """
    size = _size(difference)
    if (np.abs(difference) > _LARGEST_DC).any() or (codes.length[size] == 0).any():
        raise Unsuitable("its Huffman table has no code for a step of brightness that is needed")
    return (codes.code[size] << size) | _magnitude(difference, size), codes.length[size] + size


def block_bits(dc: Codes, ac: Codes, difference: Ints, levels: Ints) -> tuple[Bits, Ints]:
    """The bits of blocks of one component (T.81, F.1.2).

    Args:
        dc, ac: tables.
        difference: (blocks,) DC differences.
        levels: (blocks, 64) coefficients in zigzag order; the first is not used.

    Returns:
        One bit an element, and (blocks + 1,) where each block begins.

    Raises:
        Unsuitable: a table lacks a code that nothing can stand for.
    """
    parts, counts = [], [np.zeros(1, np.int64)]
    for low in range(0, len(levels), _AT_ONCE):
        some = slice(low, low + _AT_ONCE)
        bits, lengths = _some_bits(dc, ac, difference[some], _representable(ac, levels[some]))
        parts.append(bits)
        counts.append(lengths)
    return np.concatenate([np.zeros(0, np.uint8), *parts]), np.cumsum(np.concatenate(counts))


def _symbols(levels: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Block, index, zeros before, and value of each coefficient but DC that is not 0."""
    block, index = np.nonzero(levels[:, 1:])
    index = index + 1
    before = np.where(np.concatenate([[True], block[1:] != block[:-1]]), 0, np.concatenate([[0], index[:-1]]))[: len(index)]
    return block, index, index - before - 1, levels[block, index]


def _representable(ac: Codes, levels: Ints) -> Ints:
    """Coefficients for which the table has codes: those of an optimised table that lacks one shrink to the nearest it has."""
    levels = levels.copy()
    while True:
        block, index, zeros, value = _symbols(levels)
        size = _size(value)
        lacking = (ac.length[(zeros % 16 << 4) | size] == 0) | ((zeros > 15) & (ac.length[0xF0] == 0))
        if not lacking.any():
            return levels
        # One size smaller; zeros that cannot be passed over make the coefficient 0 in the end.
        smaller = np.sign(value) * ((1 << (size - 1)) - 1)
        levels[block[lacking], index[lacking]] = smaller[lacking]


def _some_bits(dc: Codes, ac: Codes, difference: Ints, levels: Ints) -> tuple[Bits, Ints]:
    """Bits, and how many each block has."""
    block, index, zeros, value = _symbols(levels)
    size = _size(value)
    symbol = (zeros % 16 << 4) | size
    codes, lengths = dc_codes(dc, difference)
    items = [(np.arange(len(levels)) * 512, codes, lengths)]
    items.append((block * 512 + index * 4 + 3, (ac.code[symbol] << size) | _magnitude(value, size), ac.length[symbol] + size))
    for long in range(1, 4):  # at most three runs of 16 zeros fit into 62
        far = zeros >= 16 * long
        run = np.full(int(far.sum()), 0xF0)
        items.append((block[far] * 512 + index[far] * 4 + long - 1, ac.code[run], ac.length[run]))
    last = np.zeros(len(levels), np.int64)
    np.maximum.at(last, block, index)
    ended = np.flatnonzero(last < 63)
    if len(ended) and ac.length[0] == 0:
        raise Unsuitable("its Huffman table has no code for the end of a block")
    items.append((ended * 512 + 511, np.full(len(ended), ac.code[0]), np.full(len(ended), ac.length[0])))
    order, code, length = (np.concatenate(column) for column in zip(*items, strict=True))
    by_place = np.argsort(order, kind="stable")
    code, length, owner = code[by_place], length[by_place], order[by_place] // 512
    item = np.repeat(np.arange(len(code)), length)
    from_right = np.repeat(np.cumsum(length), length) - np.arange(len(item)) - 1
    bits = ((code[item] >> from_right) & 1).astype(np.uint8)
    return bits, np.bincount(owner, weights=length, minlength=len(levels)).astype(np.int64)


def _size(value: Ints) -> Ints:
    """Number of bits of \\|value\\| (T.81, tables F.1 and F.2)."""
    return np.ceil(np.log2(np.abs(value) + 1.0)).astype(np.int64)


def _magnitude(value: Ints, size: Ints) -> Ints:
    """The bits behind a code: the value, or one less in ``size`` bits where it is negative."""
    return np.where(value >= 0, value, value + (1 << size) - 1)
