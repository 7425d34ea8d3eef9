"""Folders of photographs: finding them, cutting training crops, and keeping them decoded in memory."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.data.decoding import Decoding
from models.data.photo_index import NOT_REDUCED, Candidate, find_candidates, reading_threads
from models.photo.images import Pixels, read_photo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MINIMUM_PHOTOS = 8
"""A folder with fewer usable photos than this is refused for training: more likely a wrong path than a data set."""

NAMED = 5
"""So many of the files that are left out are named one by one; the rest are counted."""

MAX_REDRAWS = 100
"""So many damaged photos in a row are drawn before a crop is given up: the disk is gone, or next to nothing is readable."""


def find_photos(folder: Path) -> list[Path]:
    """Every image file below a folder, by suffix, in sorted order.

    Raises:
        ValueError: not a folder, or no image in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder of photos")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise ValueError(f"{folder}: no photos in it (looked for {', '.join(sorted(SUFFIXES))})")
    return found


def cut(photo: Pixels, size: int, rng: np.random.Generator) -> Pixels:
    """A random square of a photo or of its half-size copy, mirrored half of the time.

    Small crops come from the half-size copy (means of 2x2 pixels) two times in three, so that training at 128 sees what 256
    will show. Only the part of the copy that is asked for is computed: that costs tens of microseconds, and keeping all copies
    would cost a quarter more memory.

    Args:
        photo: (H, W, 3) uint8, short side at least ``size``.
        size: height and width of the crop.
        rng: source of randomness; the crop is a function of it and of the photo.

    Returns:
        (size, size, 3) uint8; may be a view of ``photo``.
    """
    height, width = photo.shape[:2]
    # Pillow's reduce keeps a last odd row or column, hence the rounding up.
    halved = rng.random() < 2 / 3 and (min(height, width) + 1) // 2 >= size
    if halved:
        height, width = (height + 1) // 2, (width + 1) // 2
    top, left = (int(rng.integers(0, side - size + 1)) for side in (height, width))
    if halved:
        region = photo[2 * top : 2 * (top + size), 2 * left : 2 * (left + size)]
        crop = np.asarray(Image.fromarray(region).reduce(2))
    else:
        crop = photo[top : top + size, left : left + size]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def crop_of(
    count: int, photo: Callable[[int], Pixels | None], size: int, rng: np.random.Generator, damaged: Callable[[], str]
) -> Pixels:
    """A crop of a random photo; one that turns out to be damaged is replaced by another draw from the same generator.

    So a crop is a function of (files, size, state of the generator), however the photos are kept.

    Args:
        count: number of photos.
        photo: index -> (H, W, 3) uint8, or None for a damaged file.
        size: height and width of the crop.
        rng: source of randomness.
        damaged: says in a line why photos could not be read.

    Raises:
        ValueError: ``MAX_REDRAWS`` damaged photos in a row.
    """
    for _ in range(MAX_REDRAWS):
        pixels = photo(int(rng.integers(count)))
        if pixels is not None:
            return cut(pixels, size, rng)
    raise ValueError(f"{MAX_REDRAWS} photos in a row could not be read, for example {damaged()}")


def decode(candidate: Candidate, short_side: int = NOT_REDUCED) -> Pixels:
    """A photo as training sees it, read-only because crops are views of it.

    Args:
        candidate: the file and its size.
        short_side: a longer short side is reduced to this (Lanczos), the other side in proportion.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: the file is damaged, or another one than when its size was read.
    """
    pixels = read_photo(candidate.path).pixels
    if sorted(pixels.shape[:2]) != sorted((candidate.height, candidate.width)):
        raise ValueError(
            f"{candidate.path}: is {pixels.shape[1]}x{pixels.shape[0]} and was {candidate.width}x{candidate.height} by its header"
        )
    if min(pixels.shape[:2]) > short_side:
        height, width = candidate.reduced(short_side)
        if (pixels.shape[0] > pixels.shape[1]) != (height > width):  # EXIF turned it
            height, width = width, height
        pixels = np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    pixels.flags.writeable = False
    return pixels


def report(skipped: Sequence[str], total: int) -> None:
    """Say on stderr which files were left out: the first ``NAMED`` by name and reason, all of them as a number."""
    for line in skipped[:NAMED]:
        print(f"skipped {line}", file=sys.stderr)
    if skipped:
        print(f"skipped {len(skipped)} of {total} files", file=sys.stderr)


def check_enough(usable: int, paths: Sequence[Path]) -> None:
    """Refuse a data set of fewer than ``MINIMUM_PHOTOS`` photos.

    Raises:
        ValueError: names the folder that the files have in common.
    """
    if usable < MINIMUM_PHOTOS:
        where = os.path.commonpath([path.parent for path in paths]) if paths else "no files"
        raise ValueError(f"{where}: {usable} usable photos of {len(paths)}, at least {MINIMUM_PHOTOS} are needed")


@dataclass(frozen=True)
class PhotoCache:
    """Photos decoded once and kept, so that a crop is hardly more than a copy.

    Attributes:
        paths: the files that crops are drawn from.
        decoded: their photos, (H, W, 3) uint8; None where the file's header is fine and the rest is damaged. Such a file keeps
            its place, so that the same draws give the same crops as with :class:`models.data.photo_files.PhotoFiles`, which
            cannot know of it beforehand.
        skipped: one line for each file that was left out or is damaged, with the reason.
    """

    paths: list[Path]
    decoded: list[Pixels | None]
    skipped: list[str]

    @staticmethod
    def read(folder: Path, size: int, *, limit: int | None = None) -> "PhotoCache":
        """Decode a folder, with progress on stderr; unreadable and too small files are counted, named and skipped.

        Args:
            folder: folder of photos, searched recursively.
            size: largest crop that will be cut, in pixels.
            limit: read only the first so many files.

        Raises:
            ValueError: fewer than ``MINIMUM_PHOTOS`` photos are usable.
        """
        paths = find_photos(folder)[:limit]
        candidates, skipped = find_candidates(paths, size)
        cache = PhotoCache.decode(candidates, skipped)
        report(cache.skipped, len(paths))
        check_enough(len(cache.full), paths)
        return cache

    @staticmethod
    def decode(
        candidates: Sequence[Candidate], skipped: Sequence[str], short_side: int = NOT_REDUCED, budget_bytes: int | None = None
    ) -> "PhotoCache":
        """Decode files on several threads, with progress on stderr.

        Args:
            candidates: files with a readable header.
            skipped: lines on files that were left out already.
            short_side: as :func:`decode`.
            budget_bytes: memory for decoded photos, which decides on how many threads large ones are decoded; default what they
                take.
        """
        decoded: list[Pixels | None] = []
        damaged: list[str] = []
        results = _decoded(candidates, short_side, budget_bytes)
        for photo in tqdm(results, total=len(candidates), desc="decoding photos", unit="photo", disable=None):
            if isinstance(photo, ValueError):
                damaged.append(str(photo))
                decoded.append(None)
            else:
                decoded.append(photo)
        return PhotoCache([candidate.path for candidate in candidates], decoded, [*skipped, *damaged])

    @property
    def full(self) -> list[Pixels]:
        """The photos that could be decoded."""
        return [photo for photo in self.decoded if photo is not None]

    def __len__(self) -> int:
        """How many photos there are to draw from."""
        return len(self.full)

    def crop(self, size: int, rng: np.random.Generator) -> Pixels:
        """A random (size, size, 3) uint8 square of a random photo: :func:`crop_of`."""
        return crop_of(len(self.decoded), self.decoded.__getitem__, size, rng, lambda: self.skipped[-1])

    def crops(self, size: int, rngs: Iterable[np.random.Generator]) -> list[Pixels]:
        """One crop for each generator."""
        return [self.crop(size, rng) for rng in rngs]


def _decoded(candidates: Sequence[Candidate], short_side: int, budget_bytes: int | None) -> Iterator[Pixels | ValueError]:
    needed = sum(candidate.decoded_bytes(short_side) for candidate in candidates)
    decoding = Decoding(candidates, needed if budget_bytes is None else budget_bytes)

    def attempt(candidate: Candidate) -> Pixels | ValueError:
        try:
            return decoding.run(candidate, lambda: decode(candidate, short_side))
        except ValueError as error:
            return error

    with ThreadPoolExecutor(max_workers=reading_threads()) as pool:
        yield from pool.map(attempt, candidates)


def names_sha256(folder: Path, paths: Sequence[Path]) -> str:
    """Hash of the file names and sizes, enough to tell data sets apart without reading them twice."""
    lines = [f"{path.relative_to(folder)} {path.stat().st_size}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
