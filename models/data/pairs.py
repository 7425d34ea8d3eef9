"""A teacher's completions as training targets: random access to the shards of ``python -m models teacher generate``."""

import hashlib
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import sha256
from models.data.memory import available_bytes
from models.data.photos import find_photos
from models.data.shards import ShardIndex, decode_png, fault, sample_spans, shard_path
from models.photo.images import Pixels
from models.system.foreign import parse_json, reader, reading

GB = 1_000_000_000
SHARE = 0.25
"""Of the memory that is available, for samples as they lie in their files; the photos have half."""


@dataclass(frozen=True)
class Pair:
    """A completed photo.

    Attributes:
        photo: (S, S, 3) uint8.
        hole: (S, S) bool.
        completion: (S, S, 3) uint8, equal to the photo outside the hole.
    """

    photo: Pixels
    hole: NDArray[np.bool_]
    completion: Pixels


@dataclass
class PairShards:
    """Samples of a folder of shards; a sample is a function of the folder's content and its number.

    Attributes:
        folder: of the shards.
        index: what the shards have in common.
        sha256: of all of them, for a run's provenance.
        entries: for each sample, its shard and where in it photo, mask, completion and provenance lie: (offset, length).
    """

    folder: Path
    index: ShardIndex
    sha256: str
    entries: list[tuple[int, tuple[tuple[int, int], ...]]]
    _tars: list[bytes | Path] = field(repr=False)

    @staticmethod
    @reader
    def open(folder: Path, *, memory_gb: float | None = None) -> "PairShards":
        """Check every shard against its hash and find its samples; kept in memory, undecoded, where they fit.

        Args:
            folder: of the shards.
            memory_gb: memory for them in GB of 10^9 bytes; default a quarter of what is available.

        Raises:
            ValueError: no shards, or some are missing or broken.
        """
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder of shards")
        index = ShardIndex.read(folder)
        there = sum(1 for _ in folder.glob("shard-*.tar"))
        if there < index.shards:  # an index may ask for more shards than anybody could look for one by one
            gone = next(shard for shard in range(index.shards) if not shard_path(folder, shard).is_file())
            more = f" and {index.shards - there - 1} more" if index.shards - there > 1 else ""
            raise ValueError(f"{shard_path(folder, gone)}: missing{more}; generate again with the same command to complete them")
        faults = [(s, fault(folder, s, len(index.samples(s)))) for s in range(index.shards)]
        broken = [(shard, reason) for shard, reason in faults if reason]
        if broken:
            shard, reason = broken[0]
            more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
            raise ValueError(
                f"{shard_path(folder, shard)}: {reason}{more}; generate again with the same command to complete them"
            )
        paths = [shard_path(folder, s) for s in range(index.shards)]
        entries, digest = [], hashlib.sha256(index.to_json().encode())
        for shard, path in enumerate(paths):
            digest.update(path.with_suffix(".json").read_bytes())
            entries += [(shard, spans) for spans in _spans(path)]
        if len(entries) != index.count:
            raise ValueError(f"{folder}: {len(entries)} samples instead of {index.count}")
        needed = sum(path.stat().st_size for path in paths)
        budget = SHARE * available_bytes() if memory_gb is None else memory_gb * GB
        tars: list[bytes | Path] = [path.read_bytes() for path in paths] if needed <= budget else list(paths)
        where = "in memory" if needed <= budget else "read from their files"
        print(f"{len(entries)} completions of {index.size} pixels {where}: {needed / GB:.2f} GB", file=sys.stderr)
        return PairShards(folder, index, digest.hexdigest(), entries, tars)

    def __len__(self) -> int:
        return len(self.entries)

    def require_size(self, size: int) -> None:
        """Refuse images that cannot be had from these by halving or doubling.

        Raises:
            ValueError: another size.
        """
        own = self.index.size
        sizes = [own >> k for k in range(8, 0, -1) if own % (1 << k) == 0 and own >> k >= 16] + [own, 2 * own, 4 * own]
        if size not in sizes:
            found = ", ".join(map(str, sizes))
            raise ValueError(f"completions have {self.index.size} pixels; a run at {size} cannot use them (allowed: {found})")

    def check_apart(self, val: Path) -> None:
        """Refuse completions of photos that an evaluation will be shown.

        Args:
            val: folder of validation photos.

        Raises:
            ValueError: a sample was cut from one of them, both are named; or a sample does not say what it was cut from.
        """
        held_out = {sha256(path): path for path in find_photos(val)}
        found: dict[str, Path] = {}
        for number, (shard, spans) in enumerate(self.entries):
            with reading(shard_path(self.folder, shard)):
                facts = parse_json(_content(self._tars[shard], spans[3]))
                if not isinstance(facts, dict) or not all(type(facts.get(k)) is str for k in ("photo", "photo_sha256")):
                    raise ValueError(f"sample {number} does not name its photo, which could be one of {val}")
            if facts["photo_sha256"] in held_out:
                found[facts["photo"]] = held_out[facts["photo_sha256"]]
        if found:
            photo, same = next(iter(found.items()))
            raise ValueError(
                f"{self.folder}: completions of {len(found)} photos of {val}, first {photo} = {same}; make shards of others"
            )

    def get(self, number: int, size: int | None = None) -> Pair:
        """One sample.

        Args:
            number: from 0.
            size: bring to this: smaller by means over blocks, a block with a pixel of the hole being hole; larger by bicubic
                interpolation, which adds no detail: completions of a small teacher teach what goes where, and not how it looks.

        Raises:
            ValueError: a size that cannot be had by halving or doubling.
        """
        shard, spans = self.entries[number]
        with reading(shard_path(self.folder, shard)):
            photo, mask, completion = (_decode(self._tars[shard], span) for span in spans[:3])
            side = self.index.size
            if [one.shape for one in (photo, mask, completion)] != [(side, side, 3), (side, side), (side, side, 3)]:
                raise ValueError(f"sample {number} is not of {side}x{side} pixels, RGB, mask and RGB")
        hole: NDArray[np.bool_] = np.asarray(mask > 0)
        if size is None or size == self.index.size:
            return Pair(photo, hole, completion)
        self.require_size(size)
        if size > self.index.size:
            photo, completion = (_enlarged(one, size) for one in (photo, completion))
            hole = np.kron(hole, np.ones((size // self.index.size,) * 2, dtype=bool))
        else:
            factor = self.index.size // size
            photo, completion = (np.asarray(Image.fromarray(one).reduce(factor)) for one in (photo, completion))
            hole = np.any(hole.reshape(size, factor, size, factor), axis=(1, 3))
        return Pair(photo, hole, completion)

    def draw(self, size: int, rng: np.random.Generator) -> Pair:
        """A random sample that is not all hole at this size; a function of the generator's state."""
        while True:
            pair = self.get(int(rng.integers(len(self))), size)
            if not pair.hole.all():
                return pair


def _enlarged(image: Pixels, size: int) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _spans(path: Path) -> list[tuple[tuple[int, int], ...]]:
    with reading(path), tarfile.open(path, "r:") as tar:
        return sample_spans(tar, path.stat().st_size)


def _decode(tar: bytes | Path, span: tuple[int, int]) -> NDArray[np.uint8]:
    return decode_png(_content(tar, span))


def _content(tar: bytes | Path, span: tuple[int, int]) -> bytes:
    offset, length = span
    if isinstance(tar, bytes):
        return tar[offset : offset + length]
    with tar.open("rb") as file:
        file.seek(offset)
        return file.read(length)
