"""Shards of completions: WebDataset tar files whose bytes are a function of their samples, each beside a file with its hash.

A sample is four files with one key: ``000000017.photo.png``, ``.mask.png`` (white is the hole), ``.completion.png``, ``.json``.
``index.json`` says what all shards of a folder have in common. Every shard is written under another name and renamed, and its
``shard-000000.json`` follows: a shard without one, or with another hash, is not there.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import sha256, write_atomically
from models.photo.images import Pixels
from models.system.foreign import parse_json, read_json

FORMAT = "wavefill-shards-1"
PARTS = ("photo.png", "mask.png", "completion.png", "json")
"""Files of a sample, in this order."""

MAX_SIDE = 4096
"""Largest images of a shard, in pixels; no teacher that anybody trained makes larger ones."""


@dataclass(frozen=True)
class Sample:
    """One line of a shard.

    Attributes:
        index: of the sample in the whole generation, from 0.
        photo: (S, S, 3) uint8.
        hole: (S, S) bool, True where the completion was made up.
        completion: (S, S, 3) uint8, equal to the photo outside the hole.
        provenance: how it came about; JSON.
    """

    index: int
    photo: Pixels
    hole: NDArray[np.bool_]
    completion: Pixels
    provenance: dict[str, Any]


@dataclass(frozen=True)
class ShardIndex:
    """What the shards of a folder have in common.

    Attributes:
        count: samples of the whole generation.
        per_shard: samples of each shard; the last one may have fewer.
        size: side of the images in pixels.
        settings: everything else that decides their content, by name; JSON.
    """

    count: int
    per_shard: int
    size: int
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        for name in ("count", "per_shard", "size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.replace('_', '-')} is {getattr(self, name)}; at least 1 is needed")
        if self.size > MAX_SIDE:
            raise ValueError(f"size is {self.size}; at most {MAX_SIDE} pixels are allowed")

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.count // self.per_shard)

    def samples(self, shard: int) -> range:
        """Indices of a shard's samples."""
        return range(shard * self.per_shard, min(self.count, (shard + 1) * self.per_shard))

    def to_json(self) -> str:
        """One object with sorted keys."""
        values = {"format": FORMAT, "count": self.count, "per_shard": self.per_shard, "size": self.size}
        return json.dumps({**values, "settings": self.settings}, indent=1, sort_keys=True)

    @staticmethod
    def read(folder: Path) -> "ShardIndex":
        """Index of a folder.

        Raises:
            ValueError: there is none, or of another format.
        """
        file = folder / "index.json"
        if not file.is_file():
            raise ValueError(f"{folder}: no index.json; shards are made by python -m models teacher generate")
        try:
            raw = read_json(file)
            if raw["format"] != FORMAT:
                raise ValueError(f"format is {raw['format']!r}, not {FORMAT!r}")
            count, per_shard, size = (_whole(raw, name) for name in ("count", "per_shard", "size"))
            return ShardIndex(count, per_shard, size, dict(raw["settings"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file}: not an index of shards: {error}") from error


def _whole(values: dict[str, Any], name: str) -> int:
    if type(values[name]) is not int:
        raise ValueError(f"{name} is {str(values[name])[:40]!r}; a whole number is needed")
    return int(values[name])


def shard_path(folder: Path, shard: int) -> Path:
    """Final name of a shard."""
    return folder / f"shard-{shard:06d}.tar"


def settle_index(folder: Path, index: ShardIndex) -> None:
    """Write the index of a new folder, or compare it with what is there.

    Raises:
        ValueError: the folder holds shards made in another way; the first difference is named.
        OSError: the folder cannot be written.
    """
    if not (folder / "index.json").exists():
        if folder.is_dir() and any(folder.glob("shard-*.tar")):
            raise ValueError(f"{folder}: holds shards without an index.json; choose another folder")
        write_atomically(folder / "index.json", f"{index.to_json()}\n".encode())
        return
    there, asked = (_flat(one) for one in (ShardIndex.read(folder), index))
    for name in sorted(there.keys() | asked.keys()):
        if there.get(name) != asked.get(name):
            was, now = there.get(name, "not set"), asked.get(name, "not set")
            raise ValueError(f"{folder}: holds shards made with {name} {was}, not {now}; choose another folder")


def _flat(index: ShardIndex) -> dict[str, Any]:
    return {"count": index.count, "per-shard": index.per_shard, "size": index.size, **index.settings}


def pack(samples: Sequence[Sample]) -> bytes:
    """The tar file of a shard; equal samples give equal bytes, on every machine with the same zlib."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            text = json.dumps({"index": sample.index, **sample.provenance}, sort_keys=True)
            mask = np.where(sample.hole, np.uint8(255), np.uint8(0))
            contents = (_png(sample.photo), _png(mask), _png(sample.completion), text.encode())
            for part, content in zip(PARTS, contents, strict=True):
                entry = tarfile.TarInfo(f"{sample.index:09d}.{part}")  # its time, owner and mode are constants
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unpack(content: bytes) -> list[Sample]:
    """Inverse of :func:`pack`.

    Raises:
        ValueError: cut or altered.
    """
    samples = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for spans in sample_spans(tar, len(content)):
                photo, mask, completion, text = (content[offset : offset + length] for offset, length in spans)
                provenance = parse_json(text)
                index = _whole(provenance, "index")
                del provenance["index"]
                images = [decode_png(one) for one in (photo, mask, completion)]
                samples.append(Sample(index, images[0], images[1] > 0, images[2], provenance))
    except Exception as error:  # whatever tar, zlib and the decoder of PNG raise: see models.system.foreign
        raise ValueError(f"not a shard: {type(error).__name__}: {error}") from error
    return samples


def sample_spans(tar: tarfile.TarFile, length: int) -> list[tuple[tuple[int, int], ...]]:
    """Where the files of each sample lie in a shard: (offset, length) in the order of ``PARTS``.

    Args:
        tar: opened without compression.
        length: of the whole file in bytes.

    Raises:
        ValueError: not made of samples, or a file reaches beyond the end.
    """
    spans = []
    members = tar.getmembers()
    for first in range(0, len(members), len(PARTS)):
        parts = members[first : first + len(PARTS)]
        if [m.name.partition(".")[2] for m in parts] != list(PARTS):
            raise ValueError(f"sample {parts[0].name!r} is not made of {', '.join(PARTS)}")
        for m in parts:
            # Sparse files and links say how much is to be made, and not how much is there.
            if not m.isreg() or m.issparse() or m.offset_data + m.size > length:
                raise ValueError(f"{m.name!r} is no plain file, or reaches beyond the end")
        spans.append(tuple((m.offset_data, m.size) for m in parts))
    return spans


def decode_png(content: bytes) -> NDArray[np.uint8]:
    """Pixels of an image of a shard: (S, S) or (S, S, 3) uint8.

    Raises:
        ValueError: not a PNG of 8 bits, grey or RGB, of at most ``MAX_SIDE`` pixels a side.
        Exception: what Pillow raises on damaged ones.
    """
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        if max(image.size) > MAX_SIDE or image.mode not in ("L", "RGB"):
            raise ValueError(f"an image of {image.width}x{image.height}, mode {image.mode}")
        return np.asarray(image)


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


def write_shard(folder: Path, shard: int, samples: Sequence[Sample]) -> None:
    """Write a shard and then its hash.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left under the shard's name.
    """
    path, content = shard_path(folder, shard), pack(samples)
    # An old hash beside a new shard would call it broken, which is safe; the other way round is not possible.
    write_atomically(path, content)
    description = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "samples": len(samples)}
    write_atomically(path.with_suffix(".json"), f"{json.dumps(description, indent=1, sort_keys=True)}\n".encode())


def fault(folder: Path, shard: int, samples: int) -> str | None:
    """Why a shard has to be made (again), or None for a whole one.

    Args:
        folder: of the shards.
        shard: its number.
        samples: how many it should have.
    """
    path = shard_path(folder, shard)
    if not path.is_file():
        return "missing"
    try:
        description = read_json(path.with_suffix(".json"))
        wanted = description["sha256"], _whole(description, "bytes"), _whole(description, "samples")
    except (OSError, KeyError, TypeError, ValueError):
        return "its hash is missing"
    if wanted[2] != samples:
        return f"{wanted[2]} samples instead of {samples}"
    if path.stat().st_size != wanted[1]:
        return f"{path.stat().st_size} bytes instead of {wanted[1]}"
    return None if sha256(path) == wanted[0] else "other bytes than its hash says"


def part_path(folder: Path, shard: int, part: int) -> Path:
    """Where a finished batch of an unfinished shard waits."""
    return folder / f".{shard_path(folder, shard).stem}.part-{part:05d}.tar"


def read_part(path: Path, indices: range) -> list[Sample] | None:
    """A batch that an earlier process finished, or None where it has to be made."""
    try:
        samples = unpack(path.read_bytes())
    except (OSError, ValueError):
        return None
    return samples if [sample.index for sample in samples] == list(indices) else None


@contextlib.contextmanager
def reserved(folder: Path, shard: int) -> Iterator[None]:
    """Hold a shard for this process, and clear away what a killed one left half written; its finished batches stay until the
    shard is whole.

    Raises:
        ValueError: another process makes this shard.
    """
    path = shard_path(folder, shard)
    lock_file = folder / f".{path.stem}.lock"
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{path}: another process is making this shard; start each with a rank of its own") from error
        for left in folder.glob(f".{path.stem}.*"):
            if left != lock_file and not left.name.startswith(f".{path.stem}.part-"):
                left.unlink(missing_ok=True)
        try:
            yield
            for part in folder.glob(f".{path.stem}.part-*"):
                part.unlink(missing_ok=True)
        finally:
            lock_file.unlink(missing_ok=True)


def clear_leftovers(folder: Path, shard: int) -> None:
    """Delete what a process left that was killed after it had finished a shard: batches, its lock; nothing of a living one."""
    # Another process that holds it is about to clear it away itself.
    with contextlib.suppress(ValueError), reserved(folder, shard):
        pass


def shards_with_leftovers(folder: Path) -> set[int]:
    """Numbers of the shards that have hidden files beside them."""
    names = (path.name for path in folder.glob(".shard-*"))
    return {int(found[1]) for found in map(re.compile(r"\.shard-(\d{6,})\.").match, names) if found}
