"""Validation photos that are also training photos, found by content: scores on them would say nothing."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from models.data.photos import find_photos


def overlap(train_paths: Sequence[Path], val_paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs of a training file and a validation file with the same bytes.

    Only files whose length occurs on both sides are read, so that it costs little more than a look at the folder. Copies that
    were scaled or compressed again have other bytes and are not found.

    Args:
        train_paths: files of the training set.
        val_paths: files of the validation set.

    Returns:
        (training file, validation file), sorted by the latter; the same file under one name on both sides counts, too.

    Raises:
        OSError: a file cannot be read.
    """
    lengths: dict[int, list[Path]] = defaultdict(list)
    for path in val_paths:
        lengths[path.stat().st_size].append(path)
    suspects: dict[int, list[Path]] = defaultdict(list)
    for path in train_paths:
        length = path.stat().st_size
        if length in lengths:
            suspects[length].append(path)
    held_out: dict[bytes, list[Path]] = defaultdict(list)
    for length in suspects:
        for path in lengths[length]:
            held_out[_digest(path)].append(path)
    pairs = [
        (train_path, val_path)
        for paths in suspects.values()
        for train_path in paths
        for val_path in held_out.get(_digest(train_path), ())
    ]
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def check_apart(train_paths: Sequence[Path], val: Path) -> None:
    """Refuse training photos that an evaluation will be shown.

    Args:
        train_paths: files of the training set.
        val: folder of validation photos.

    Raises:
        ValueError: a photo is in both; both files are named.
    """
    shared = overlap(train_paths, find_photos(val))
    if shared:
        train, same = shared[0]
        raise ValueError(f"{len(shared)} photos of {val} are in the training set, first {train} = {same}; remove them from one")
