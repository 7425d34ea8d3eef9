"""A JPEG whose blocks change only where a hole was filled: all other blocks keep their bits.

Decoding and encoding again would change almost every block a little, even with the same tables: chroma is smoothed on the way
up and down, and pixels are rounded. So the MCUs that a hole touches are encoded with the file's own quantisation and Huffman
tables, and put between the bits of the others. A DC value is coded as the difference to the block before, so the first kept
blocks after a change get a new difference.
"""

import numpy as np
from numpy.typing import NDArray

from models.photo.jpeg_encode import Bits, Codes, Ints, block_bits, dc_codes, quantised_units
from models.photo.jpeg_file import JpegFile
from models.photo.jpeg_scan import Blocks, find_blocks

_SHORT = 4096


def touched_units(file: JpegFile, hole: NDArray[np.bool_], top: int, left: int) -> Ints:
    """MCUs that a hole touches, in scan order.

    Args:
        file: the photo.
        hole: (h, w) bool.
        top, left: where it lies in the photo.
    """
    rows, columns = file.unit
    above, before = top % rows, left % columns
    height, width = -(-(above + hole.shape[0]) // rows), -(-(before + hole.shape[1]) // columns)
    padded = np.zeros((height * rows, width * columns), bool)
    padded[above : above + hole.shape[0], before : before + hole.shape[1]] = hole
    row, column = np.nonzero(padded.reshape(height, rows, width, columns).any(axis=(1, 3)))
    return (row + top // rows) * file.grid[1] + column + left // columns


def spliced_scan(file: JpegFile, units: Ints, pixels: NDArray[np.uint8]) -> bytes:
    """The entropy-coded bytes with some MCUs replaced.

    Args:
        file: the photo as it was.
        units: (n,) MCUs to replace, ascending.
        pixels: (n, rows, columns, 3) RGB or (n, rows, columns) grey: what they show now.

    Raises:
        Unsuitable: the scan cannot be followed, or its Huffman tables lack a code.
    """
    if not units.size:
        return file.scan
    blocks = find_blocks(file)
    layout = np.array(file.layout)
    levels = quantised_units(file, pixels).reshape(-1, 64)
    changed = (units[:, None] * len(layout) + np.arange(len(layout))).reshape(-1)
    difference = _new_differences(file, blocks, changed, levels[:, 0])
    new_bits: list[Bits] = [np.zeros(0, np.uint8)] * len(changed)
    for index, component in enumerate(file.components):
        own = np.flatnonzero(layout[changed % len(layout)] == index)
        tables = Codes(file.dc[component.dc]), Codes(file.ac[component.ac])
        bits, bounds = block_bits(*tables, difference[changed[own]], levels[own])
        for place, low, high in zip(own.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            new_bits[place] = bits[low:high]
    return _written(file, blocks, changed, new_bits, difference)


def _new_differences(file: JpegFile, blocks: Blocks, changed: Ints, dc: Ints) -> Ints:
    """(blocks,) DC differences after the DC values of some blocks have changed; the prediction starts anew in each interval."""
    result = blocks.difference.copy()
    replaced = np.zeros(len(result), bool)
    replaced[changed] = True
    values = np.zeros(len(result), np.int64)
    values[changed] = dc
    for index in range(len(file.components)):
        own = np.flatnonzero(blocks.component == index)
        interval = blocks.interval[own]
        begins = np.concatenate([[True], interval[1:] != interval[:-1]])
        total = np.cumsum(blocks.difference[own])
        before = np.concatenate([[0], total[:-1]])
        old = total - before[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
        new = np.where(replaced[own], values[own], old)
        result[own] = new - np.where(begins, 0, np.concatenate([[0], new[:-1]]))
    return result


def _written(file: JpegFile, blocks: Blocks, changed: Ints, new_bits: list[Bits], difference: Ints) -> bytes:
    """Old and new bits in order, interval by interval, with stuffing and restart markers."""
    recoded = np.setdiff1d(np.flatnonzero(difference != blocks.difference), changed)
    pieces: dict[int, Bits | None] = dict.fromkeys(recoded.tolist())
    pieces.update(zip(changed.tolist(), new_bits, strict=True))
    codes = [Codes(file.dc[component.dc]) for component in file.components]
    first = np.searchsorted(blocks.interval, np.arange(len(blocks.bounds)))
    touched: dict[int, list[int]] = {}
    for block in sorted(pieces):
        touched.setdefault(int(blocks.interval[block]), []).append(block)
    intervals = []
    for interval, (low, high) in enumerate(zip(blocks.bounds[:-1].tolist(), blocks.bounds[1:].tolist(), strict=True)):
        if interval not in touched:
            intervals.append(blocks.data[low:high])
            continue
        writer, at = BitWriter(), low * 8
        for block in touched[interval]:
            writer.copy(blocks.data, at, int(blocks.start[block]))
            bits = pieces[block]
            if bits is not None:
                writer.append(bits)
                following = block + 1
                # Of the interval's last block the fill bits are copied too; they are ones, as those that follow.
                at = int(blocks.start[following]) if following < first[interval + 1] else high * 8
            else:
                value, length = dc_codes(codes[int(blocks.component[block])], difference[block : block + 1])
                writer.append(((value >> np.arange(int(length[0]) - 1, -1, -1)) & 1).astype(np.uint8))
                at = int(blocks.body[block])
        writer.copy(blocks.data, at, high * 8)
        intervals.append(writer.finish())
    stuffed = [part.replace(b"\xff", b"\xff\x00") for part in intervals]
    joined = [stuffed[0]]
    for index, part in enumerate(stuffed[1:]):
        joined += [bytes((0xFF, 0xD0 + index % 8)), part]
    return b"".join(joined)


class BitWriter:
    """Puts bits together, the first bit of a byte highest."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._rest = np.zeros(0, np.uint8)
        self._loose: list[Bits] = []

    def append(self, bits: Bits) -> None:
        """Add bits, one an element."""
        self._loose.append(bits)

    def copy(self, data: bytes, start: int, stop: int) -> None:
        """Add the bits ``start`` to ``stop`` of ``data``."""
        if start == stop:
            return
        if stop - start < _SHORT:
            span = np.frombuffer(data, np.uint8, -(-stop // 8) - start // 8, start // 8)
            self._loose.append(np.unpackbits(span)[start % 8 : start % 8 + stop - start])
            return
        self._settle()
        missing = -len(self._rest) % 8
        self.copy(data, start, start + missing)
        self._settle()
        start += missing
        count, shift = (stop - start) // 8, start % 8
        codes = np.frombuffer(data, np.uint8, count + 1, start // 8)
        self._bytes += (
            ((codes[:-1] << shift) | (codes[1:] >> (8 - shift))).astype(np.uint8).tobytes() if shift else codes[:-1].tobytes()
        )
        self.copy(data, start + 8 * count, stop)

    def finish(self) -> bytes:
        """Everything, the last byte filled up with ones (T.81, F.1.2.3)."""
        self._settle()
        if len(self._rest):
            self._bytes += np.packbits(np.concatenate([self._rest, np.ones(-len(self._rest) % 8, np.uint8)])).tobytes()
        return bytes(self._bytes)

    def _settle(self) -> None:
        """Turn loose bits into bytes as far as they fill them."""
        bits = np.concatenate([self._rest, *self._loose])
        whole = len(bits) // 8 * 8
        self._bytes += np.packbits(bits[:whole]).tobytes()
        self._rest, self._loose = bits[whole:], []
