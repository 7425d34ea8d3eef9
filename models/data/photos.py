"""Folders of photographs: finding them, decoding them once, cutting training crops."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.images import Pixels, read_photo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MINIMUM_PHOTOS = 8
"""A folder with fewer usable photos than this is refused for training: more likely a wrong path than a data set."""


def find_photos(folder: Path) -> list[Path]:
    """Every picture file below a folder, by suffix, in sorted order.

    Raises:
        ValueError: not a folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder of photos")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise ValueError(f"{folder}: no photos in it (looked for {', '.join(sorted(SUFFIXES))})")
    return found


@dataclass(frozen=True)
class PhotoCache:
    """Photos decoded once, each at its own size and at half of it, so that a crop is a slice.

    Attributes:
        full: photos, (H, W, 3) uint8, short side at least ``size``.
        half: the same photos at half their size (area average).
        skipped: one line for each file that was left out, with the reason.
    """

    full: list[Pixels]
    half: list[Pixels]
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
        full: list[Pixels] = []
        half: list[Pixels] = []
        skipped: list[str] = []
        for path, photo in tqdm(_decoded(paths), total=len(paths), desc="decoding photos", unit="photo", disable=None):
            if isinstance(photo, ValueError):
                skipped.append(str(photo))
            elif min(photo.shape[:2]) < size:
                skipped.append(f"{path}: {photo.shape[1]}x{photo.shape[0]}, the short side must be at least {size}")
            else:
                full.append(photo)
                half.append(np.asarray(Image.fromarray(photo).reduce(2)))
        for line in skipped[:5]:
            print(f"skipped {line}", file=sys.stderr)
        if skipped:
            print(f"skipped {len(skipped)} of {len(paths)} files in {folder}", file=sys.stderr)
        if len(full) < MINIMUM_PHOTOS:
            raise ValueError(f"{folder}: {len(full)} usable photos of {len(paths)}, at least {MINIMUM_PHOTOS} are needed")
        return PhotoCache(full, half, skipped)

    def crop(self, size: int, rng: np.random.Generator) -> Pixels:
        """A random square of a random photo, mirrored half of the time; (size, size, 3) uint8.

        Small crops come from the half-size copy two times in three, so that training at 128 sees what 256 will show.
        """
        index = int(rng.integers(len(self.full)))
        photo = self.full[index]
        if rng.random() < 2 / 3 and min(self.half[index].shape[:2]) >= size:
            photo = self.half[index]
        top, left = (int(rng.integers(0, side - size + 1)) for side in photo.shape[:2])
        cut = photo[top : top + size, left : left + size]
        return cut[:, ::-1] if rng.random() < 0.5 else cut


def _decoded(paths: list[Path]) -> Iterator[tuple[Path, Pixels | ValueError]]:
    def attempt(path: Path) -> tuple[Path, Pixels | ValueError]:
        try:
            return path, read_photo(path).pixels
        except ValueError as error:
            return path, error

    with ThreadPoolExecutor(max_workers=4) as pool:
        yield from pool.map(attempt, paths)
