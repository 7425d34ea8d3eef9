"""A JPEG whose blocks change only where a hole was filled: all other blocks keep their bits.

Decoding and encoding again would change almost every block a little, even with the same tables: chroma is smoothed on the way
up and down, and pixels are rounded. So the MCUs that a hole touches are encoded with the file's own quantisation and Huffman
tables, and put between the bits of the others. A DC value is coded as the difference to the block before, so the first kept
blocks after a change get a new difference.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.photo.jpeg.encode import Bits, Codes, Ints, block_bits, dc_codes, quantised_units
from models.photo.jpeg.file import JpegFile
from models.photo.jpeg.scan import find_blocks

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


@dataclass(frozen=True)
class Site:
    """What has to be known of a scan to replace some of its blocks: all that is kept of millions of blocks.

    The blocks that are listed are those that change, and those that keep their coefficients but come first in their component
    after one that changes.

    Attributes:
        file: the photo; its ``scan`` is left out.
        units: (n,) MCUs that change, ascending.
        data: the scan without stuffing and restart markers.
        bounds: (restart intervals + 1,) first byte of each interval in ``data``.
        start: (m,) first bit of each block that is listed.
        body: (m,) first bit after its DC value.
        stop: (m,) first bit of the block behind it; of an interval's last block the interval's end.
        difference: (m,) DC difference as it was.
        value: (m,) DC value as it was.
        before: (m,) DC value that its difference is to, 0 at the beginning of an interval.
        previous: (m,) which block of the list that is, -1 for none.
        changed: (m,) bool: whether it is replaced.
        component: (m,) index of its component.
        interval: (m,) its restart interval.
    """

    file: JpegFile
    units: Ints
    data: bytes
    bounds: Ints
    start: Ints
    body: Ints
    stop: Ints
    difference: Ints
    value: Ints
    before: Ints
    previous: Ints
    changed: NDArray[np.bool_]
    component: Ints
    interval: Ints


def find_site(file: JpegFile, units: Ints) -> Site:
    """Find the blocks of some MCUs.

    Args:
        file: the photo as it is.
        units: (n,) MCUs to replace, ascending, at least one.

    Raises:
        Unsuitable: the scan cannot be followed.
    """
    blocks = find_blocks(file)
    places = len(file.layout)
    changed = np.zeros(len(blocks.start), bool)
    changed[(units[:, None] * places + np.arange(places)).reshape(-1)] = True
    listed = changed.copy()
    value, before = np.zeros(len(changed), np.int32), np.zeros(len(changed), np.int32)
    predecessor = np.full(len(changed), -1, np.int32)
    for index in range(len(file.components)):
        own = np.flatnonzero(blocks.component == index)
        interval = blocks.interval[own]
        begins = np.concatenate([[True], interval[1:] != interval[:-1]])
        total = np.cumsum(blocks.difference[own])
        earlier = np.concatenate([[0], total[:-1]])
        base = earlier[np.flatnonzero(begins)[np.cumsum(begins) - 1]]  # the prediction starts anew in each interval
        value[own], before[own] = total - base, earlier - base
        predecessor[own[1:]] = np.where(begins[1:], -1, own[:-1])
        listed[own[1:][~begins[1:] & changed[own[:-1]]]] = True
    chosen = np.flatnonzero(listed)
    ahead = predecessor[chosen]
    previous = np.where((ahead >= 0) & changed[ahead], np.searchsorted(chosen, ahead), -1)
    end = blocks.bounds[blocks.interval[chosen] + 1] * 8
    # An interval's last block takes the fill bits along; they are ones, as those that follow.
    following = np.append(blocks.start, end[-1])[chosen + 1]
    return Site(
        replace(file, scan=b""),
        units,
        blocks.data,
        blocks.bounds,
        blocks.start[chosen],
        blocks.body[chosen],
        np.where(np.append(blocks.interval, -1)[chosen + 1] == blocks.interval[chosen], following, end),
        blocks.difference[chosen],
        value[chosen].astype(np.int64),
        before[chosen].astype(np.int64),
        previous,
        changed[chosen],
        blocks.component[chosen].astype(np.int64),
        blocks.interval[chosen].astype(np.int64),
    )


def spliced_scan(site: Site, pixels: NDArray[np.uint8]) -> bytes:
    """The entropy-coded bytes with some MCUs replaced.

    Args:
        site: where they are.
        pixels: (n, rows, columns, 3) RGB or (n, rows, columns) grey: what they show now.

    Raises:
        Unsuitable: the file's Huffman tables lack a code.
    """
    file = site.file
    levels = quantised_units(file, pixels).reshape(-1, 64)
    value = site.value.copy()
    value[site.changed] = levels[:, 0]
    difference = value - np.where(site.previous >= 0, value[site.previous], site.before)
    codes = [(Codes(file.dc[component.dc]), Codes(file.ac[component.ac])) for component in file.components]
    new_bits: list[Bits | None] = [None] * len(value)
    for index, tables in enumerate(codes):
        own = site.component[site.changed] == index
        places = np.flatnonzero(site.changed)[own]
        bits, bounds = block_bits(*tables, difference[places], levels[own])
        for place, low, high in zip(places.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            new_bits[place] = bits[low:high]
    return _written(site, [dc for dc, _ in codes], new_bits, difference)


def _written(site: Site, codes: list[Codes], new_bits: list[Bits | None], difference: Ints) -> bytes:
    """Old and new bits in order, interval by interval, with stuffing and restart markers."""
    touched: dict[int, list[int]] = {}
    for place in np.flatnonzero(site.changed | (difference != site.difference)).tolist():
        touched.setdefault(int(site.interval[place]), []).append(place)
    joined: list[bytes | bytearray] = []
    for interval, (low, high) in enumerate(zip(site.bounds[:-1].tolist(), site.bounds[1:].tolist(), strict=True)):
        if interval:
            joined.append(bytes((0xFF, 0xD0 + (interval - 1) % 8)))
        if interval not in touched:
            joined.append(site.data[low:high].replace(b"\xff", b"\xff\x00"))
            continue
        writer, at = BitWriter(), low * 8
        for place in touched[interval]:
            writer.copy(site.data, at, int(site.start[place]))
            bits = new_bits[place]
            if bits is not None:
                writer.append(bits)
                at = int(site.stop[place])
            else:
                value, length = dc_codes(codes[int(site.component[place])], difference[place : place + 1])
                writer.append(((value >> np.arange(int(length[0]) - 1, -1, -1)) & 1).astype(np.uint8))
                at = int(site.body[place])
        writer.copy(site.data, at, high * 8)
        joined.append(writer.finish().replace(b"\xff", b"\xff\x00"))
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

    def finish(self) -> bytearray:
        """Everything, the last byte filled up with ones (T.81, F.1.2.3)."""
        self._settle()
        if len(self._rest):
            self._bytes += np.packbits(np.concatenate([self._rest, np.ones(-len(self._rest) % 8, np.uint8)])).tobytes()
        return self._bytes

    def _settle(self) -> None:
        """Turn loose bits into bytes as far as they fill them."""
        bits = np.concatenate([self._rest, *self._loose])
        whole = len(bits) // 8 * 8
        self._bytes += np.packbits(bits[:whole]).tobytes()
        self._rest, self._loose = bits[whole:], []
