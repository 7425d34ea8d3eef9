"""Batches prepared one ahead, in a thread, while the networks run."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def made_ahead(make: Callable[[int], Made], first: int, end: int) -> Iterator[Made]:
    """``make(step)`` for the steps from ``first`` to before ``end``, each begun when the one before it is taken."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(make, first)
        for step in range(first, end):
            made = following.result()
            if step + 1 < end:
                following = pool.submit(make, step + 1)
            yield made
