"""A JPEG file as its parts (ITU-T T.81): segments, tables, and the entropy-coded scan.

Only what :mod:`models.photo.jpeg.splice` can edit is taken: sequential Huffman coding, 8 bits, one scan, grey or YCbCr. That is
what cameras and phones write; the web's progressive files are not.
"""

import re
import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_FIRST_APP, _LAST_APP, _APP1, _APP2, _APP14, _COMMENT = 0xE0, 0xEF, 0xE1, 0xE2, 0xEE, 0xFE
_EXIF, _XMP, _MULTI_PICTURE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"
_SEQUENTIAL, _OTHER_FRAMES = (0xC0, 0xC1), (0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)

_MOST_BLOCKS = 10
"""Blocks of an MCU (T.81, B.2.3)."""


class Unsuitable(Exception):
    """A JPEG that cannot be edited block by block; the message says why, to follow "because"."""


@dataclass(frozen=True)
class HuffmanTable:
    """A Huffman table as the file holds it.

    Attributes:
        counts: how many codes there are of 1 to 16 bits.
        symbols: their symbols in order.
    """

    counts: bytes
    symbols: bytes

    @cached_property
    def codes(self) -> list[tuple[int, int, int]]:
        """(code, its bits, symbol) of each symbol (T.81, C.2)."""
        rows, code, at = [], 0, 0
        for length, count in enumerate(self.counts, start=1):
            for symbol in self.symbols[at : at + count]:
                rows.append((code, length, symbol))
                code += 1
            at += count
            code <<= 1
        return rows


@dataclass(frozen=True)
class Component:
    """One colour component: sampling factors and tables."""

    across: int
    down: int
    quantisation: int
    dc: int
    ac: int


@dataclass(frozen=True)
class JpegFile:
    """The parts of a JPEG.

    Attributes:
        segments: (marker, payload) from SOI to SOS, both excluded.
        start_of_scan: payload of SOS.
        width, height: pixels, as stored.
        components: in scan order.
        quantisation: number -> (64,) steps in zigzag order.
        dc, ac: number -> Huffman table.
        restart: MCUs between restart markers, 0 for none.
        scan: entropy-coded bytes, with stuffing and restart markers.
    """

    segments: list[tuple[int, bytes]]
    start_of_scan: bytes
    width: int
    height: int
    components: list[Component]
    quantisation: dict[int, NDArray[np.int64]]
    dc: dict[int, HuffmanTable]
    ac: dict[int, HuffmanTable]
    restart: int
    scan: bytes

    @property
    def unit(self) -> tuple[int, int]:
        """(rows, columns) of pixels in an MCU."""
        return 8 * max(c.down for c in self.components), 8 * max(c.across for c in self.components)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of MCUs."""
        return -(-self.height // self.unit[0]), -(-self.width // self.unit[1])

    @property
    def layout(self) -> list[int]:
        """Component of each block of an MCU, in the order of the scan."""
        return [i for i, c in enumerate(self.components) for _ in range(c.across * c.down)]


def header_segments(content: bytes) -> tuple[list[tuple[int, bytes]], bytes, int]:
    """(marker, payload) of every segment before the first scan, the payload of SOS, and where the scan's bytes begin.

    Raises:
        Unsuitable: the structure is broken.
    """
    segments: list[tuple[int, bytes]] = []
    at = 2
    if content[:2] != b"\xff\xd8":
        raise Unsuitable("it does not begin as a JPEG")
    while True:
        while content[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if len(content) < at + 4 or content[at] != 0xFF:
            raise Unsuitable("its header is damaged")
        marker, length = content[at + 1], struct.unpack_from(">H", content, at + 2)[0]
        payload = content[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:
            return segments, payload, at
        segments.append((marker, payload))


def parse(content: bytes) -> JpegFile:
    """Take a JPEG apart.

    Raises:
        Unsuitable: progressive, arithmetic, several scans, other colours than grey and YCbCr, or damaged.
    """
    segments, start_of_scan, at = header_segments(content)
    try:
        return _parse(content, segments, start_of_scan, at)
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise Unsuitable("its header is damaged") from error


def _parse(content: bytes, segments: list[tuple[int, bytes]], start_of_scan: bytes, at: int) -> JpegFile:
    quantisation: dict[int, NDArray[np.int64]] = {}
    tables: tuple[dict[int, HuffmanTable], dict[int, HuffmanTable]] = ({}, {})
    frame, restart, adobe = b"", 0, None
    for marker, payload in segments:
        if marker in _OTHER_FRAMES:
            raise Unsuitable("it is progressive" if marker == 0xC2 else "it is of a rare kind")
        if marker in _SEQUENTIAL:
            frame = payload
        elif marker == 0xDB:
            _read_quantisation(payload, quantisation)
        elif marker == 0xC4:
            _read_huffman(payload, tables)
        elif marker == 0xDD:
            restart = struct.unpack(">H", payload)[0]
        elif marker == _APP14 and payload[:5] == b"Adobe":
            adobe = payload[11]
    bits, height, width, count = struct.unpack_from(">BHHB", frame)
    in_frame = {frame[6 + 3 * i]: (frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15, frame[8 + 3 * i]) for i in range(count)}
    in_scan = [(start_of_scan[1 + 2 * i], start_of_scan[2 + 2 * i]) for i in range(start_of_scan[0])]
    if bits != 8 or count not in (1, 3) or adobe == 0 or bytes(in_frame) == b"RGB":
        raise Unsuitable("its colours are neither grey nor YCbCr of 8 bits")
    end = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(content, at)
    if (
        end is None
        or content[end.start() + 1] != 0xD9
        or len(in_scan) != count
        or start_of_scan[-3:] != b"\0\x3f\0"
        or not height
    ):
        raise Unsuitable("it has several scans")
    components = [Component(*in_frame[name], selector >> 4, selector & 15) for name, selector in in_scan]
    if count == 1:  # T.81, A.2.2: a scan of one component has one block an MCU, whatever its factors say
        components = [Component(1, 1, components[0].quantisation, components[0].dc, components[0].ac)]
    across, down = max(c.across for c in components), max(c.down for c in components)
    if any(across % c.across or down % c.down for c in components):
        raise Unsuitable("its sampling factors are no divisors")
    if sum(c.across * c.down for c in components) > _MOST_BLOCKS:
        raise Unsuitable("its sampling factors are too large")
    for c in components:
        quantisation[c.quantisation], tables[0][c.dc], tables[1][c.ac]  # a KeyError is a damaged header
    scan = content[at : end.start()]
    return JpegFile(segments, start_of_scan, width, height, components, quantisation, *tables, restart, scan)


def _read_quantisation(payload: bytes, tables: dict[int, NDArray[np.int64]]) -> None:
    """DQT (T.81, B.2.4.1)."""
    while payload:
        size = 2 if payload[0] >> 4 else 1
        tables[payload[0] & 15] = np.frombuffer(payload, f">u{size}", 64, 1).astype(np.int64)
        payload = payload[1 + 64 * size :]


def _read_huffman(payload: bytes, tables: tuple[dict[int, HuffmanTable], dict[int, HuffmanTable]]) -> None:
    """DHT (T.81, B.2.4.2)."""
    while payload:
        counts = payload[1:17]
        symbols = payload[17 : 17 + sum(counts)]
        if len(symbols) < sum(counts):
            raise ValueError("short table")
        tables[payload[0] >> 4][payload[0] & 15] = HuffmanTable(counts, symbols)
        payload = payload[17 + sum(counts) :]


def carried(segments: list[tuple[int, bytes]], exif: bytes | None, xmp: bytes | None) -> list[tuple[int, bytes]]:
    """What describes the photo (APPn and comments), with its EXIF and XMP replaced by the upright ones.

    The index of further photos in the file (MPF) goes, as those photos do.
    """
    kept = []
    for marker, payload in segments:
        described = _FIRST_APP <= marker <= _LAST_APP or marker == _COMMENT
        if not described or (marker == _APP2 and payload.startswith(_MULTI_PICTURE)):
            continue
        replaced = payload
        if marker == _APP1 and payload.startswith(_EXIF):
            if exif is None:
                continue
            replaced, exif = _EXIF + exif, None
        elif marker == _APP1 and payload.startswith(_XMP) and xmp is not None:
            replaced, xmp = _XMP + xmp, None
        kept.append((marker, replaced))
    return kept


def assemble(segments: list[tuple[int, bytes]], start_of_scan: bytes, scan: bytes) -> bytes:
    """A file of its parts; ``scan`` begins after SOS and may hold more scans, without EOI."""
    head = [bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload for marker, payload in segments]
    return b"".join(
        (b"\xff\xd8", *head, b"\xff\xda", struct.pack(">H", len(start_of_scan) + 2), start_of_scan, scan, b"\xff\xd9")
    )
