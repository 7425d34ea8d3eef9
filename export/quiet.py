"""What toolkits and runtimes say that no user of ours can act on."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def quiet_torch_export() -> Iterator[None]:
    """Silence what torch says of itself: copying an exported program, its own pytree code uses a class it has deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the toolkits and the runtime print (from C++ too) off standard error; attached to an exception if one comes.

    They announce oneDNN, missing CUDA libraries, operation counts and the XNNPACK delegate at every import, conversion or load.
    """
    with tempfile.TemporaryFile() as printed, quiet_torch_export():
        try:
            with _standard_error_to(printed):
                yield
        except BaseException as error:
            printed.seek(0)
            lines = printed.read().decode(errors="replace").strip().splitlines()
            if lines:
                error.add_note("the toolkit printed:\n" + "\n".join(lines[-20:]))
            raise


@contextlib.contextmanager
def _standard_error_to(file: IO[bytes]) -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
