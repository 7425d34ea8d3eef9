"""Folders that are made once and kept, by the hash of what they are made from."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def made_once(cache: Path, name: str, sources: Iterable[Path], make: Callable[[Path], None]) -> Path:
    """A folder, made unless that was done before from the same sources; never seen half made.

    Args:
        cache: folder that keeps results.
        name: of the result.
        sources: files that decide what is in it.
        make: fills an empty folder.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    place = cache / "built" / f"{digest[:16]}-{name}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        made = Path(scratch) / name
        made.mkdir()
        make(made)
        if not place.is_dir():  # another process may have been faster
            made.rename(place)
    return place
