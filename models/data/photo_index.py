"""The sizes of many photos, read from their headers and remembered in a file.

A header takes a small part of the time of decoding (docs/data.md has figures), but 1.8 million of them still take minutes, or
hours on a slow disk. The index file keeps them; an entry counts while the file's length and time of change are the same.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from models.checkpoint import write_atomically
from models.photo.images import MAX_PIXELS, READ_FORMATS, read_photo
from models.system.errors import ToolchainMissing
from models.system.quiet import pillow_warnings

FORMAT = "wavefill-photo-index-1"
NOT_REDUCED = MAX_PIXELS
"""As a ``short_side``: photos keep their size."""

_CHUNK = 256
# What opening raises on damaged files: the errors that models.photo.images meets, and Pillow's own limit.
_OPENING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    struct.error,
    Image.DecompressionBombError,
)
_Known = dict[str, tuple[int, int, int, int]]
"""Path -> length in bytes, time of change in ns, width, height."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is a photo by its header.

    Attributes:
        path: the file.
        width: pixels, before EXIF orientation.
        height: pixels, before EXIF orientation.
    """

    path: Path
    width: int
    height: int

    def reduced(self, short_side: int) -> tuple[int, int]:
        """(height, width) after a longer short side was reduced to ``short_side``."""
        short = min(self.width, self.height)
        if short <= short_side:
            return self.height, self.width
        return round(self.height * short_side / short), round(self.width * short_side / short)

    def decoded_bytes(self, short_side: int) -> int:
        """Memory that the photo takes as (height, width, 3) uint8."""
        height, width = self.reduced(short_side)
        return height * width * 3


def find_candidates(paths: Sequence[Path], size: int, index: Path | None = None) -> tuple[list[Candidate], list[str]]:
    """Sort files into photos that are large enough by their headers, and a reason for each of the others.

    Args:
        paths: files.
        size: least short side in pixels.
        index: file to remember sizes in; it is read if it is there, and written if there is anything new in it.

    Returns:
        Usable files in the order of ``paths``, and one line for each file that is not.

    Raises:
        ValueError: ``index`` is a file of another kind.
        OSError: ``index`` cannot be written.
    """
    known = read_index(index) if index is not None else {}
    usable: list[Candidate] = []
    skipped: list[str] = []
    found: _Known = {}
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]

    with (
        ThreadPoolExecutor(max_workers=reading_threads()) as pool,
        tqdm(total=len(paths), desc="reading sizes", unit="photo", disable=None) as bar,
    ):
        # A chunk and not a file at a time: a future for each of 1.8 million files would take gigabytes.
        for chunk, entries in zip(chunks, pool.map(lambda chunk: list(_entries(chunk, known)), chunks), strict=True):
            for path, entry in zip(chunk, entries, strict=True):
                if isinstance(entry, str):
                    skipped.append(entry)
                    continue
                if index is not None:
                    found[str(path)] = entry
                width, height = entry[2:]
                if min(width, height) < size:
                    skipped.append(f"{path}: {width}x{height}, the short side must be at least {size}")
                else:
                    usable.append(Candidate(path, width, height))
            bar.update(len(chunk))
    if index is not None and any(known.get(name) != entry for name, entry in found.items()):
        write_index(index, {**known, **found})
    return usable, skipped


def reading_threads() -> int:
    """How many threads read and decode: one for each core, and at least two, so that the disk and the processor overlap."""
    return min(16, max(2, os.cpu_count() or 1))


def photo_size(path: Path) -> tuple[int, int]:
    """(width, height) from a file's header, before EXIF orientation.

    Raises:
        ValueError: what :func:`models.photo.images.read_photo` would say of the file.
    """
    try:
        with pillow_warnings, Image.open(path, formats=READ_FORMATS) as image:
            width, height = image.size
    except _OPENING_ERRORS:
        width = height = 0
    if 0 < width * height <= MAX_PIXELS:
        return width, height
    # The full reader knows how to say what is wrong; should it find nothing, its word counts.
    try:
        pixels = read_photo(path).pixels
    except ToolchainMissing as error:  # one HEIC among a million photos is left out like any other that cannot be read
        raise ValueError(str(error)) from error
    return pixels.shape[1], pixels.shape[0]


def read_index(index: Path) -> _Known:
    """What an index file remembers; nothing if there is no such file yet.

    Raises:
        ValueError: it is a file of another kind.
    """
    if not index.exists():
        return {}
    try:
        first, *lines = index.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        if first != FORMAT or lines.pop() != "":
            raise ValueError(first[:40])
        known: _Known = {}
        for line in lines:
            length, changed, width, height, name = line.split("\t", 4)
            known[name] = int(length), int(changed), int(width), int(height)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{index}: not an index of photo sizes ({FORMAT}); delete it or name another file") from error
    return known


def write_index(index: Path, known: _Known) -> None:
    """Write an index file, sorted by name.

    Raises:
        OSError: it cannot be written; a previous one stays as it was.
    """
    lines = [FORMAT]
    # A name with a line break in it is read afresh each time.
    lines += ["\t".join((*map(str, known[name]), name)) for name in sorted(known) if "\n" not in name]
    write_atomically(index, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))


def _entries(paths: Sequence[Path], known: _Known) -> Iterator[tuple[int, int, int, int] | str]:
    """For each file its entry, or why it is no photo."""
    for path in paths:
        try:
            state = path.stat()
            entry = known.get(str(path))
            if entry is None or entry[:2] != (state.st_size, state.st_mtime_ns):
                entry = (state.st_size, state.st_mtime_ns, *photo_size(path))
            yield entry
        except OSError as error:
            yield f"{path}: {error.strerror}"
        except ValueError as error:
            yield str(error)
