"""The data sets that training and evaluation know: a folder of one's own, Places365, CelebA-HQ."""

from collections.abc import Callable
from pathlib import Path

from models.data.datasets.celeba_hq import celeba_hq
from models.data.datasets.places365 import places365
from models.data.photos import find_photos

Dataset = Callable[[Path, str], list[Path]]


def folder(root: Path, split: str) -> list[Path]:
    """Every photo below a folder, sorted.

    Raises:
        ValueError: not a folder, no photo in it, or a split other than ``train``: all of its photos are one set.
    """
    if split != "train":
        raise ValueError(f"{root}: split {split!r} of a plain folder; it has only train, so name the folder of the other photos")
    return find_photos(root)


DATASETS: dict[str, Dataset] = {
    "folder": folder,
    "places365": places365,
    "celeba-hq": celeba_hq,
}
"""Name -> (root, split) -> the split's files, sorted. Layouts are in docs/data.md."""
