"""Where photos are decoded: small ones on the thread that asks, large ones on as many threads as there is memory for.

Decoding takes several times what the photo takes afterwards, and the C library keeps for each thread what it once gave it. So
a thread that has decoded a large photo stays large; of those there are few.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from models.data.photo_index import Candidate, reading_threads

BYTES_PER_PIXEL = 21
"""What decoding takes at its peak: the decoder's own pixels, what EXIF turns, the conversion to RGB, the array and its copy.
Measured: 14 for JPEG, PNG and TIFF in RGB, 16 for WebP, 18 for PNG with transparency, 20 for 16-bit grey."""

SHARE = 0.125
"""Of the memory for decoded photos: what decoding small ones may take on top of it, and decoding large ones again."""

Result = TypeVar("Result")


class Decoding:
    """Takes at most twice ``SHARE`` of the budget, or once and ``BYTES_PER_PIXEL`` for each pixel of the largest photo.

    Args:
        candidates: all photos there are.
        budget_bytes: memory for decoded photos; 0: every photo is large, and one is decoded at a time.
    """

    def __init__(self, candidates: Sequence[Candidate], budget_bytes: int) -> None:
        share = SHARE * budget_bytes
        self._small = share / reading_threads()
        largest = max((_taken(candidate) for candidate in candidates), default=1)
        workers = max(1, min(reading_threads(), int(share // largest)))
        self._large = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="large-photos")

    def run(self, candidate: Candidate, decode: Callable[[], Result]) -> Result:
        """What ``decode`` returns or raises, called on the thread that suits the photo's size."""
        if _taken(candidate) <= self._small:
            return decode()
        return self._large.submit(decode).result()


def _taken(candidate: Candidate) -> int:
    return candidate.width * candidate.height * BYTES_PER_PIXEL
