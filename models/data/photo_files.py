"""Photos that stay in their files, for data sets that do not fit into memory; the last ones used stay decoded."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from models.data.decoding import Decoding
from models.data.photo_index import NOT_REDUCED, Candidate, reading_threads
from models.data.photos import NAMED, check_enough, crop_of, decode
from models.photo.images import Pixels


class PhotoFiles:
    """Photos decoded when a crop asks for them, with the most recently used ones kept; may be used by several threads.

    A file that turns out to be damaged is named once (the first five of them), listed in ``skipped``, and replaced by another
    draw from the same generator: crops are those of :class:`models.data.photos.PhotoCache`.

    Attributes:
        paths: the files that crops are drawn from.
        skipped: one line for each file that was left out or turned out to be damaged, with the reason.
    """

    def __init__(
        self, candidates: Sequence[Candidate], skipped: Sequence[str], budget_bytes: int, short_side: int = NOT_REDUCED
    ) -> None:
        """Nothing is decoded yet.

        Args:
            candidates: files with a readable header.
            skipped: lines on files that were left out already.
            budget_bytes: how much decoded photos may take; 0 keeps none. While photos are decoded, memory is taken on top of it:
                see :class:`models.data.decoding.Decoding`.
            short_side: as :func:`models.data.photos.decode`.
        """
        self.paths: list[Path] = [candidate.path for candidate in candidates]
        self.skipped = list(skipped)
        self._candidates = candidates
        self._budget = budget_bytes
        self._short_side = short_side
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._kept_bytes = 0
        self._damaged: set[int] = set()
        self._lock = threading.Lock()
        self._decoding = Decoding(candidates, budget_bytes)
        self._pool = ThreadPoolExecutor(max_workers=reading_threads(), thread_name_prefix="photos")

    def __len__(self) -> int:
        """How many photos there are to draw from, as far as is known."""
        return len(self._candidates) - len(self._damaged)

    @property
    def kept_bytes(self) -> int:
        """Memory that decoded photos take now."""
        return self._kept_bytes

    def crop(self, size: int, rng: np.random.Generator) -> Pixels:
        """A random (size, size, 3) uint8 square of a random photo: :func:`models.data.photos.crop_of`.

        Raises:
            ValueError: so many files turned out to be damaged that fewer than ``MINIMUM_PHOTOS`` are left, or too many in a row.
        """
        crop = crop_of(len(self._candidates), self._photo, size, rng, lambda: self.skipped[-1])
        # A copy where it is a part of a photo: a view would hold the whole photo in memory after it is no longer kept, and a
        # batch holds many.
        return np.ascontiguousarray(crop)

    def crops(self, size: int, rngs: Iterable[np.random.Generator]) -> list[Pixels]:
        """One crop for each generator, decoded on several threads; the same as :meth:`crop` on each in turn."""
        return list(self._pool.map(lambda rng: self.crop(size, rng), rngs))

    def _photo(self, index: int) -> Pixels | None:
        with self._lock:
            if index in self._damaged:
                return None
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
        # Outside the lock: this is what takes the time. Two threads may decode the same photo; they get the same.
        try:
            candidate = self._candidates[index]
            photo = self._decoding.run(candidate, lambda: decode(candidate, self._short_side))
        except ValueError as error:
            self._leave_out(index, str(error))
            return None
        with self._lock:
            self._keep(index, photo)
        return photo

    def _keep(self, index: int, photo: Pixels) -> None:
        if index in self._kept or photo.nbytes > self._budget:
            return
        self._kept[index] = photo
        self._kept_bytes += photo.nbytes
        while self._kept_bytes > self._budget:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= oldest.nbytes

    def _leave_out(self, index: int, reason: str) -> None:
        with self._lock:
            if index in self._damaged:
                return
            self._damaged.add(index)
            self.skipped.append(reason)
            if len(self._damaged) <= NAMED:
                print(f"skipped {reason}; another photo is drawn in its place", file=sys.stderr)
        check_enough(len(self), self.paths)
