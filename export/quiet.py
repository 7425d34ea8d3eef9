"""The one warning that every conversion meets."""

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_torch_export() -> Iterator[None]:
    """Silence what torch says of itself: copying an exported program, its own pytree code uses a class it has deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
        yield
