"""Where the crops of a training come from: photos in memory where they fit, photos in files where they do not."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from models.data.memory import available_bytes
from models.data.photo_files import PhotoFiles
from models.data.photo_index import NOT_REDUCED, find_candidates
from models.data.photos import PhotoCache, check_enough, report
from models.photo.images import Pixels

GB = 1_000_000_000
SHARE = 0.5
"""Of the memory that is available, for decoded photos where no budget is given; the networks and the system need the rest."""


class Photos(Protocol):
    """Photos to cut training crops from. Crops are a function of (files, size, state of the generator) and nothing else."""

    @property
    def paths(self) -> list[Path]:
        """The files that crops are drawn from."""

    @property
    def skipped(self) -> list[str]:
        """One line for each file that was left out or is damaged, with the reason."""

    def __len__(self) -> int:
        """How many photos there are to draw from."""

    def crop(self, size: int, rng: np.random.Generator) -> Pixels:
        """A random (size, size, 3) uint8 square of a random photo."""

    def crops(self, size: int, rngs: Iterable[np.random.Generator]) -> list[Pixels]:
        """One crop for each generator; in parallel where that is of use."""


def open_photos(
    paths: Sequence[Path],
    size: int,
    *,
    memory_gb: float | None = None,
    limit: int | None = None,
    index: Path | None = None,
    short_side: int | None = None,
) -> Photos:
    """Open photos for training: decoded into memory where they fit into the budget, read at each access otherwise.

    The choice changes speed only: both kinds give the same crops. Unreadable and too small files are named (the first five),
    counted and left out. What was chosen is said on stderr.

    Args:
        paths: files, of ``find_photos`` or ``DATASETS``.
        size: largest crop that will be cut, in pixels.
        memory_gb: budget for decoded photos in GB of 10^9 bytes; default half of what is available now. Several processes on
            one host have to share it. While photos are decoded, a quarter of it comes on top, or an eighth and
            21 bytes for each pixel of the largest photo (250 MB for 12 megapixels; ``models.data.decoding``). The program, the
            networks and the batches are not in it.
        limit: open only the first so many files.
        index: file to remember the photos' sizes in; for millions of files, so that the next start takes seconds.
        short_side: reduce photos whose short side is longer to this, for example 256 for CelebA-HQ at 1024 pixels.

    Raises:
        ValueError: a budget or a limit that is not positive, ``short_side`` under ``size``, fewer than ``MINIMUM_PHOTOS``
            usable photos, or an index file of another kind.
        OSError: the index file cannot be written.
    """
    if memory_gb is not None and not memory_gb > 0:
        raise ValueError(f"memory for photos: {memory_gb} GB; it must be more than 0")
    if limit is not None and limit < 1:
        raise ValueError(f"limit of photos: {limit}; at least 1")
    if short_side is not None and short_side < size:
        raise ValueError(f"short side {short_side}: photos cannot be reduced below the crops of {size} pixels")
    reduced_to = NOT_REDUCED if short_side is None else short_side
    paths = list(paths[:limit])
    candidates, skipped = find_candidates(paths, size, index)
    check_enough(len(candidates), paths)

    budget = int(SHARE * available_bytes() if memory_gb is None else memory_gb * GB)
    needed = sum(candidate.decoded_bytes(reduced_to) for candidate in candidates)
    origin = "half of the memory that is available" if memory_gb is None else "as asked for"
    if needed <= budget:
        cache = PhotoCache.decode(candidates, skipped, reduced_to, budget)
        report(cache.skipped, len(paths))
        check_enough(len(cache), paths)
        _say(f"{len(cache)} photos in memory: {_gb(needed)} decoded, {_gb(budget)} allowed ({origin})")
        return cache
    report(skipped, len(paths))
    _say(
        f"{len(candidates)} photos read from their files at each access: {_gb(needed)} decoded is more than the {_gb(budget)} "
        f"allowed ({origin}); the most recently used ones stay decoded"
    )
    return PhotoFiles(candidates, skipped, budget, reduced_to)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _gb(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / 1e6:.1f} MB"
