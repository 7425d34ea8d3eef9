"""PNG as chunks: reading them, and writing 16-bit colour, which Pillow does not."""

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}
_AT_ONCE = 1 << 22


def read_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """(type, data) of every chunk but IDAT, as far as the file is whole."""
    chunks, at = [], len(SIGNATURE)
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind != b"IDAT":
            chunks.append((kind, content[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_wide(values: NDArray[np.uint16], described: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A 16-bit PNG.

    Args:
        values: (H, W, C) with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels.
        described: chunks that go before the pixels.
    """
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[channels], 0, 0, 0)
    packer, packed = zlib.compressobj(6), []
    rows = max(1, _AT_ONCE // (2 * width * channels))
    above = np.zeros((1, width * channels * 2), np.uint8)
    for low in range(0, height, rows):
        part = values[low : low + rows].astype(">u2").reshape(-1, width * channels).view(np.uint8)
        # Filter 2 (up): differences to the row above, byte by byte.
        lines = np.empty((len(part), part.shape[1] + 1), np.uint8)
        lines[:, 0] = 2
        lines[:, 1:] = part - np.concatenate([above, part[:-1]])
        above = part[-1:]
        packed.append(packer.compress(lines.tobytes()))
    packed.append(packer.flush())
    body = [chunk(b"IDAT", data) for data in packed if data]
    return b"".join((SIGNATURE, chunk(b"IHDR", header), *(chunk(*row) for row in described), *body, chunk(b"IEND", b"")))
