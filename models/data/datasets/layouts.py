"""What the published data sets' folders have in common: splits, file lists, and a look at what is really there."""

import os
from collections.abc import Sequence
from pathlib import Path

from models.system.errors import note

SPLITS = ("train", "val", "test")
_NAMED = 3


def check_root(name: str, root: Path, split: str, source: str) -> None:
    """Refuse a split that no data set has, and a root that is not there.

    Args:
        name: of the data set, for the messages.
        root: its folder.
        split: what was asked for.
        source: where the data set is had.

    Raises:
        ValueError: says what was got and what is allowed.
    """
    if split not in SPLITS:
        raise ValueError(f"{name}: split {split!r}; it is one of {', '.join(SPLITS)}")
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder; {name} is had from {source}")


def scan(folder: Path, suffixes: Sequence[str]) -> set[str]:
    """Every file below a folder with one of these suffixes, as a path relative to it with ``/``.

    One look at each folder instead of one at each file: 1.8 million files take seconds instead of minutes.
    """
    found: set[str] = set()
    for place, _, names in os.walk(folder):
        prefix = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if prefix == "." else f"{prefix}/"
        found.update(prefix + name for name in names if name.lower().endswith(tuple(suffixes)))
    return found


def read_list(file: Path) -> list[str]:
    """The first word of each line of a published list of photos, without leading ``/``.

    Raises:
        ValueError: nothing in it, or not text.
    """
    try:
        listed = [line.split()[0].lstrip("/") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not a list of photos (not text)") from error
    if not listed:
        raise ValueError(f"{file}: an empty list of photos")
    return listed


def listed_files(name: str, folder: Path, list_file: Path, listed: Sequence[str], source: str) -> list[Path]:
    """The photos of a list that are there, sorted; those that are missing are counted and the first of them named on stderr.

    Args:
        name: of the data set and split, for the messages.
        folder: where the listed paths begin.
        list_file: the list, for the messages.
        listed: paths relative to ``folder``.
        source: where the data set is had.

    Raises:
        ValueError: none of them is there.
    """
    there = scan(folder, (".jpg", ".jpeg", ".png"))
    wanted = set(listed)
    found = sorted(there & wanted)
    if not found:
        raise ValueError(f"{folder}: none of the {len(wanted):,} photos of {list_file} is there; {name} is had from {source}")
    if len(found) < len(wanted):
        missing = sorted(wanted - there)
        named = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        note(f"{name}: {len(missing):,} of {len(wanted):,} photos of {list_file} are not in {folder}: {named}")
    if there - wanted:
        note(f"{name}: {len(there - wanted):,} files in {folder} are not in {list_file} and are left out")
    return [folder / relative for relative in found]


def compare_count(name: str, found: int, published: int) -> None:
    """Say so on stderr if there are fewer or more photos than the data set was published with; a subset is legitimate."""
    if found != published:
        note(f"{name}: {found:,} photos, {published:,} were published")
