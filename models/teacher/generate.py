"""Completions of many photos, shard by shard: any of them can be made again alone, on any machine."""

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.checkpoint import sha256, write_atomically
from models.data.masks import sample_mask
from models.data.photo_index import find_candidates
from models.data.photos import MAX_REDRAWS, cut, decode
from models.data.shards import (
    Sample,
    ShardIndex,
    clear_leftovers,
    fault,
    pack,
    part_path,
    read_part,
    reserved,
    settle_index,
    shards_with_leftovers,
    write_shard,
)
from models.photo.images import Pixels

Completer = Callable[[Pixels, NDArray[np.bool_], Sequence[int]], Pixels]
"""(photos (N, S, S, 3) uint8, holes (N, S, S) bool, seeds) -> completions; a sample may not depend on the others of its batch
but for rounding, and kept pixels are the photo's."""


class Source:
    """Squares of a folder's photos with holes, each a function of its seed.

    Args:
        folder: of the photos.
        paths: files in it.
        size: side of the squares.
        short_side: larger photos are reduced to this first.

    Raises:
        ValueError: no photo is large enough.
    """

    def __init__(self, folder: Path, paths: Sequence[Path], size: int, short_side: int) -> None:
        self.folder, self.size, self.short_side = folder, size, short_side
        self.candidates, skipped = find_candidates(list(paths), size)
        if not self.candidates:
            reason = f", for example {skipped[0]}" if skipped else ""
            raise ValueError(f"{folder}: no photo of at least {size} pixels{reason}")
        self._digests: dict[Path, str] = {}

    def draw(self, seed: int) -> tuple[Pixels, NDArray[np.bool_], dict[str, Any]]:
        """Photo (S, S, 3) uint8, hole (S, S) bool, and where they are from.

        Raises:
            ValueError: many photos in a row could not be read.
        """
        rng = np.random.default_rng(seed)
        for _ in range(MAX_REDRAWS):
            candidate = self.candidates[int(rng.integers(len(self.candidates)))]
            try:
                photo = decode(candidate, self.short_side)
            except ValueError as error:
                reason = str(error)
                continue
            crop = np.ascontiguousarray(cut(photo, self.size, rng))
            family, hole = sample_mask(self.size, rng)
            name = candidate.path.relative_to(self.folder).as_posix()
            return crop, hole, {"photo": name, "photo_sha256": self._digest(candidate.path), "mask": family}
        raise ValueError(f"{MAX_REDRAWS} photos in a row could not be read, for example {reason}")

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = sha256(path)
        return self._digests[path]


def sample_seed(seed: int, index: int) -> int:
    """Seed of one sample, 63 bits: a hash, so that samples of neighbouring indices and generations have nothing in common."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:8], "big") >> 1


@dataclass
class Made:
    """What a call of :func:`generate` did.

    Attributes:
        made: shards written.
        found: shards that were whole already.
        remade: those of ``made`` that were there, and broken.
    """

    made: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    remade: list[int] = field(default_factory=list)


def make_shard(
    folder: Path,
    index: ShardIndex,
    shard: int,
    seed: int,
    source: Source,
    completer: Completer,
    batch: int,
    done: Callable[[int], object],
) -> list[Sample]:
    """The samples of one shard. Batches begin at its first sample, so they are the same whoever makes it.

    Each is kept in a hidden file when it is finished: a shard may take an hour, and a stop costs one batch.

    Args:
        folder: of the shards.
        index: how many samples and which.
        shard: its number.
        seed: of the generation.
        source: photos and holes.
        completer: fills the holes.
        batch: images of one call.
        done: told how many samples were finished.
    """
    samples: list[Sample] = []
    indices = index.samples(shard)
    for first in range(0, len(indices), batch):
        part = indices[first : first + batch]
        kept = part_path(folder, shard, first // batch)
        if (before := read_part(kept, part)) is not None:
            samples += before
            done(len(part))
            continue
        seeds = [sample_seed(seed, i) for i in part]
        drawn = [source.draw(one) for one in seeds]
        photos, holes = np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn])
        completions = completer(photos, holes, seeds)
        for i, one, (photo, hole, provenance), completion in zip(part, seeds, drawn, completions, strict=True):
            samples.append(Sample(i, photo, hole, completion, {**provenance, "seed": one, **index.settings}))
        if len(part) < len(indices):
            write_atomically(kept, pack(samples[-len(part) :]))
        done(len(part))
    return samples


def generate(
    folder: Path,
    index: ShardIndex,
    seed: int,
    source: Source,
    completer: Completer,
    *,
    batch: int = 16,
    rank: int = 0,
    world: int = 1,
    only: Sequence[int] | None = None,
    max_minutes: float = float("inf"),
) -> Made:
    """Make every shard of this process that is not there and whole; shard s belongs to rank s modulo world.

    Args:
        folder: of the shards.
        index: what to make.
        seed: of the generation.
        source: photos and holes.
        completer: fills the holes.
        batch: images of one call.
        rank: this process, from 0.
        world: number of processes.
        only: shards to look at; default all.
        max_minutes: begin no further shard after so long.

    Returns:
        What was done.

    Raises:
        ValueError: the folder holds other shards, or another process makes one of these.
        OSError: the disk is full; whole shards stay.
    """
    settle_index(folder, index)
    left = shards_with_leftovers(folder)
    mine = [s for s in (range(index.shards) if only is None else only) if s % world == rank]
    made, began = Made(), time.monotonic()
    total = sum(len(index.samples(shard)) for shard in mine)
    pause = 1.0 if sys.stderr.isatty() else 30.0
    with tqdm(total=total, desc="generating", unit="sample", mininterval=pause, disable=rank != 0, smoothing=0.05) as bar:
        for shard in mine:
            count = len(index.samples(shard))
            reason = fault(folder, shard, count)
            if reason is None:
                made.found.append(shard)
                if shard in left:
                    clear_leftovers(folder, shard)
                # What is there already says nothing about the speed.
                bar.total = (bar.total or 0) - count
                bar.refresh()
                continue
            if time.monotonic() - began > 60 * max_minutes:
                break
            with reserved(folder, shard):
                if reason != "missing":
                    print(f"shard {shard}: {reason}; making it again", file=sys.stderr)
                    made.remade.append(shard)
                write_shard(folder, shard, make_shard(folder, index, shard, seed, source, completer, batch, bar.update))
            made.made.append(shard)
    return made
