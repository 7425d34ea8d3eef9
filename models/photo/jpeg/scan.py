"""Where each block of a Huffman-coded JPEG scan begins, and its DC value.

The code has no index: a block's place is known only after all blocks before it have been decoded. numpy decodes many pieces of
the scan at once, each from a guess, and relies on Huffman codes falling into step (Klein and Wiseman, 2003; for JPEG on GPUs
Weissenberger and Schmidt, 2018): where a piece was entered in another state than guessed, it is decoded again from the true one,
until every piece begins as its predecessor ended. The result is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.photo.jpeg.file import HuffmanTable, JpegFile, Unsuitable

Ints = NDArray[np.int64]
Track = NDArray[np.uint8]

_PIECES = 8192
_SHORTEST = 2048
_ROUNDS = 12
"""Rounds of guessing; after that the rest is decoded in order, symbol by symbol (flat skies repeat, and never fall into step)."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a scan, in the order of the file.

    Attributes:
        data: the scan without stuffing and restart markers, and 16 bytes more.
        words: for each byte the 32 bits that begin there.
        bounds: (restart intervals + 1,) first byte of each interval in ``data``.
        start: (blocks,) first bit of each block.
        body: (blocks,) first bit after its DC value.
        difference: (blocks,) its DC difference.
        component: (blocks,) index of its component.
        interval: (blocks,) its restart interval.
    """

    data: bytes
    words: NDArray[np.uint32]
    bounds: Ints
    start: Ints
    body: Ints
    difference: Ints
    component: NDArray[np.int8]
    interval: NDArray[np.int32]


class _Decoder:
    """One step of decoding as three look-ups: state and 16 bits -> bits used and coefficients passed -> next state.

    A state is 64 times the block's place in the MCU, plus the index of the next coefficient.
    """

    def __init__(self, file: JpegFile, words: NDArray[np.uint32]) -> None:
        self.words = words
        layout = file.layout
        states = np.arange(64 * len(layout))
        # Blocks of one component share their tables, which keeps them in the cache.
        numbers: dict[tuple[HuffmanTable, bool], int] = {}
        self.offset = np.zeros(len(states), np.int64)
        for place, index in enumerate(layout):
            component = file.components[index]
            dc = numbers.setdefault((file.dc[component.dc], True), len(numbers))
            ac = numbers.setdefault((file.ac[component.ac], False), len(numbers))
            self.offset[64 * place] = 65536 * dc
            self.offset[64 * place + 1 : 64 * place + 64] = 65536 * ac
        self.table = np.concatenate([_steps(table, dc=dc) for table, dc in numbers])
        passed = np.arange(65)
        coefficient = states[:, None] % 64 + passed
        following = (states[:, None] // 64 + 1) % len(layout) * 64
        self.next = np.where(coefficient > 63, following, states[:, None] + passed).reshape(-1)

    def run(self, position: Ints, state: Ints, end: Ints, starts: list[Ints], track: Track, *, rejoin: bool) -> tuple[Ints, Ints]:
        """Decode pieces side by side until each has reached its end, or a place where it was before.

        Args:
            position, state, end: (pieces,) where each begins and what bit it has to reach.
            starts: takes the first bit of every block that begins before its piece's end.
            track: for each byte which block began there: its place in the MCU and its bit, 0 for none.
            rejoin: stop where the track shows the same block, instead of writing the track.

        Returns:
            Position and state of each: at or just after its end, or before its end where it met its track.
        """
        position, state = position.copy(), state.copy()
        live = np.flatnonzero(position < end)
        while live.size:
            at, now, stop = position[live], state[live], end[live].copy()
            for _ in range(32):
                begins = np.flatnonzero((at < stop) & (now & 63 == 0))
                first, seen = at[begins], ((now[begins] >> 3) + (at[begins] & 7) + 1).astype(np.uint8)
                if rejoin:
                    met = track[first >> 3] == seen
                    stop[begins[met]] = 0
                    first = first[~met]
                else:
                    track[first >> 3] = seen
                starts.append(first)
                bits = (self.words[at >> 3].astype(np.int64) >> (16 - (at & 7))) & 0xFFFF
                step = self.table[self.offset[now] + bits] * (at < stop)
                at += step & 63
                now = self.next[now * 65 + (step >> 6)]
            position[live], state[live] = at, now
            live = live[at < stop]
        return position, state

    def run_in_order(self, position: int, state: int, end: int, starts: list[int]) -> tuple[int, int]:
        """The same for one piece to its end, without numpy."""
        words, offset, table, following = self.words, self.offset, self.table, self.next
        while position < end:
            if state & 63 == 0:
                starts.append(position)
            bits = (int(words[position >> 3]) >> (16 - (position & 7))) & 0xFFFF
            step = int(table[int(offset[state]) + bits])
            position += step & 63
            state = int(following[state * 65 + (step >> 6)])
        return position, state


def _steps(table: HuffmanTable, *, dc: bool) -> NDArray[np.int32]:
    """(65536,) for each 16 bits: 64 x coefficients passed + bits used by the code and the value behind it."""
    steps = np.full(65536, 64 * 64 + 16, np.int32)  # no code: only a wrong guess gets here; go on somewhere else
    for code, length, symbol in table.codes:
        run, size = symbol >> 4, symbol & 15
        passed = 1 if dc else run + 1 if size or run == 15 else 64
        first = code << (16 - length)
        steps[first : first + (1 << (16 - length))] = 64 * passed + length + size
    return steps


def find_blocks(file: JpegFile) -> Blocks:
    """Locate every block.

    Raises:
        Unsuitable: the scan does not hold the number of blocks that its header promises.
    """
    data, bounds = _unstuffed(file)
    words = _words(data)
    decoder = _Decoder(file, words)
    begin, end, first = _pieces(bounds)
    starts = _settle(decoder, begin, end, first)
    del decoder
    layout = np.array(file.layout)
    total = file.grid[0] * file.grid[1] * len(layout)
    each = file.restart * len(layout) if file.restart else total
    index = np.arange(total)
    interval = index // each
    # The bits that fill up an interval's last byte may look like more blocks.
    first_of = np.searchsorted(starts, bounds[:-1] * 8)
    place = first_of[interval] + index % each
    if len(bounds) - 1 != interval[-1] + 1 or place[-1] >= len(starts):
        raise Unsuitable("its scan is damaged")
    start = starts[place]
    if (start >= bounds[interval + 1] * 8).any():
        raise Unsuitable("its scan is damaged")
    component = layout[index % len(layout)].astype(np.int8)
    body, difference = _dc(file, words, start, component)
    return Blocks(data, words, bounds, start, body, difference, component, interval.astype(np.int32))


def _unstuffed(file: JpegFile) -> tuple[bytes, Ints]:
    """The scan's data bytes, and where each restart interval begins in them."""
    scan, parts, at = file.scan, [], 0
    if file.restart:
        codes = np.frombuffer(scan, np.uint8)
        markers = np.flatnonzero((codes[:-1] == 0xFF) & (codes[1:] >= 0xD0) & (codes[1:] <= 0xD7))
        for marker in markers.tolist():
            parts.append(scan[at:marker])
            at = marker + 2
    parts.append(scan[at:])
    plain = [part.replace(b"\xff\x00", b"\xff") for part in parts]
    return b"".join((*plain, bytes(16))), np.cumsum([0, *map(len, plain)])


def _words(data: bytes) -> NDArray[np.uint32]:
    """For each byte but the last three the 32 bits that begin there, the first bit highest."""
    codes = np.frombuffer(data, np.uint8)
    words = codes[: len(codes) - 3].astype(np.uint32)
    for offset in (1, 2, 3):
        words <<= np.uint32(8)
        words |= codes[offset : len(codes) - 3 + offset]
    return words


def _pieces(bounds: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """First bit, end, and whether it begins a restart interval, of each piece."""
    length = max(_SHORTEST, int(bounds[-1]) // _PIECES * 8)  # whole bytes: each has its own part of the track
    begins = [np.arange(low * 8, high * 8, length) for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    begin = np.concatenate(begins)
    first = np.concatenate([np.arange(len(part)) == 0 for part in begins])
    interval = np.searchsorted(bounds * 8, begin, side="right")
    return begin, np.minimum(begin + length, bounds[interval] * 8), first


def _settle(decoder: _Decoder, begin: Ints, end: Ints, first: NDArray[np.bool_]) -> Ints:
    """First bit of every block, ascending.

    A piece that was entered wrongly is decoded again from its true entry, but only until it meets the track of the guess:
    from there on both are the same.
    """
    track: Track = np.zeros(len(decoder.words), np.uint8)
    entry, state = begin.copy(), np.zeros(len(begin), np.int64)
    found: list[Ints] = [np.zeros(0, np.int64)]
    guessed_left, guessed_state = decoder.run(entry, state, end, found, track, rejoin=False)
    guessed = np.concatenate(found)
    left, left_state = guessed_left.copy(), guessed_state.copy()
    met = begin.copy()  # up to where the guess of each piece is wrong
    again = np.zeros(0, np.int64)  # the blocks before that

    def replaced(pieces: Ints, new: list[Ints]) -> Ints:
        gone = np.zeros(len(begin), bool)
        gone[pieces] = True
        return np.concatenate([again[~gone[_piece_of(again, begin)]], *new])

    for _ in range(_ROUNDS):
        wrong = _disagreeing(entry, state, left, left_state, first)
        if not wrong.size:
            break
        entry[wrong], state[wrong] = left[wrong - 1], left_state[wrong - 1]
        found = []
        at, now = decoder.run(entry[wrong], state[wrong], end[wrong], found, track, rejoin=True)
        again = replaced(wrong, found)
        joined = at < end[wrong]
        met[wrong] = np.where(joined, at, end[wrong])
        left[wrong], left_state[wrong] = np.where(joined, guessed_left[wrong], at), np.where(joined, guessed_state[wrong], now)
    else:
        late, in_order = [], list[int]()
        for piece in range(1, len(begin)):
            if not first[piece] and (entry[piece] != left[piece - 1] or state[piece] != left_state[piece - 1]):
                entry[piece], state[piece] = left[piece - 1], left_state[piece - 1]
                at_end = decoder.run_in_order(int(entry[piece]), int(state[piece]), int(end[piece]), in_order)
                left[piece], left_state[piece] = at_end
                met[piece] = end[piece]
                late.append(piece)
        again = replaced(np.array(late, np.int64), [np.array(in_order, np.int64)])
    return np.sort(np.concatenate([guessed[guessed >= met[_piece_of(guessed, begin)]], again]))


def _piece_of(position: Ints, begin: Ints) -> Ints:
    """Which piece holds each bit."""
    return np.searchsorted(begin, position, side="right") - 1


def _disagreeing(entry: Ints, state: Ints, left: Ints, left_state: Ints, first: NDArray[np.bool_]) -> Ints:
    """Pieces that are not entered as their predecessors ended."""
    wrong = ~first
    wrong[1:] &= (entry[1:] != left[:-1]) | (state[1:] != left_state[:-1])
    return np.flatnonzero(wrong)


def _dc(file: JpegFile, words: NDArray[np.uint32], start: Ints, component: NDArray[np.int8]) -> tuple[Ints, Ints]:
    """First bit after each block's DC value, and its DC difference (T.81, F.1.2.1)."""
    length, size = np.zeros(len(start), np.int64), np.zeros(len(start), np.int64)
    bits = (words[start >> 3].astype(np.int64) >> (16 - (start & 7))) & 0xFFFF
    for index, row in enumerate(file.components):
        lengths, sizes = np.zeros(65536, np.int64), np.zeros(65536, np.int64)
        for code, code_bits, symbol in file.dc[row.dc].codes:
            span = slice(code << (16 - code_bits), (code + 1) << (16 - code_bits))
            lengths[span], sizes[span] = code_bits, symbol & 15
        own = component == index
        length[own], size[own] = lengths[bits[own]], sizes[bits[own]]
    value_at = start + length
    value = (words[value_at >> 3].astype(np.int64) >> (32 - (value_at & 7) - size)) & ((1 << size) - 1)
    negative = (size > 0) & (value < (1 << np.maximum(size - 1, 0)))
    return value_at + size, np.where(negative, value - (1 << size) + 1, value)
