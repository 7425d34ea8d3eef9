"""What decoders say beside their result: Python warnings, and lines that C code prints.

Both belong to the whole process and not to a thread, and photos are decoded by several threads at once.
"""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import TextIO

from PIL import Image


class PillowWarnings:
    """Context that gathers Pillow's warnings as text, for each thread its own.

    ``warnings.catch_warnings`` alone is not safe here: two threads that overlap would put back each other's filters, and leave
    the wrong ones behind. So the first thread to enter changes them, the last to leave puts them back, and a warning goes to
    the list of the thread that caused it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._own = threading.local()

    def __enter__(self) -> list[str]:
        heard: list[str] = []
        with self._lock:
            if not self._inside:
                self._state = warnings.catch_warnings()
                self._state.__enter__()
                warnings.filterwarnings("always", module="PIL")
                # The limit of models.photo.images is checked right after opening, before anything is unpacked.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                self._show = warnings.showwarning
                warnings.showwarning = self._hear
            self._inside += 1
        self._own.heard = heard
        return heard

    def __exit__(self, *_: object) -> None:
        del self._own.heard
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._state.__exit__(None, None, None)

    def _hear(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        heard: list[str] | None = getattr(self._own, "heard", None)
        if heard is None:  # of a thread that decodes nothing
            self._show(message, category, filename, lineno, file, line)
        else:
            heard.append(str(message))


pillow_warnings = PillowWarnings()
"""The one of this process; not to be nested within a thread."""

_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def without_standard_error() -> Iterator[None]:
    """Nothing reaches file descriptor 2: of a damaged file libtiff prints a line of its own before it fails.

    For the shortest possible time, because what other threads print meanwhile is lost as well.
    """
    if sys.__stderr__ is None:  # closed: nothing is printed, and descriptor 2 may be any file
        yield
        return
    with _one_at_a_time:
        saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nowhere)
