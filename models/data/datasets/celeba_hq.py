"""CelebA-HQ (30,000 aligned faces) from its common layouts, split as CelebA is.

Karras, Aila, Laine, Lehtinen, *Progressive Growing of GANs*, ICLR 2018; photos and the mapping to CelebA as in CelebAMask-HQ
(Lee, Liu, Wu, Luo, *MaskGAN*, CVPR 2020). The data set was published without splits. Used are, in this order:

1. folders ``train``, ``val``, ``test``, if there are any (as in StarGAN v2's copy);
2. CelebA's own partition, found through ``CelebA-HQ-to-CelebA-mapping.txt``: 24,183, 2,993 and 2,824 photos. This is what
   MAT, Pluralistic Inpainting and CelebAMask-HQ's own face parsing use;
3. without the mapping, by number: the first 28,000 are ``train``, the last 2,000 ``val``, and there is no ``test``. The
   proportions are LaMa's (its lists of 28,000 and 2,000 are a random draw of its own), the rule is ours.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.data.datasets.layouts import SPLITS, check_root, compare_count, scan
from models.system.errors import note

NAME = "celeba-hq"
SOURCE = "https://github.com/switchablenorms/CelebAMask-HQ"
CELEBA_SOURCE = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PHOTOS = 30_000
TRAIN_BY_NUMBER = 28_000

MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
PARTITION = "list_eval_partition.txt"
_CODES = {"0": "train", "1": "val", "2": "test"}
_LAST_OF_SPLIT = {"train": 162_770, "val": 182_637, "test": 202_599}
"""CelebA's partition is by number: what :data:`PARTITION` lists, for when that file is not there."""

_PUBLISHED_PARTITION = {"train": 24_183, "val": 2_993, "test": 2_824}
_PUBLISHED_NUMBER = {"train": TRAIN_BY_NUMBER, "val": PHOTOS - TRAIN_BY_NUMBER}

_FROM_ZERO = "CelebA-HQ-img"
_PLACES = (_FROM_ZERO, "data256x256", "celeba_hq_256")
"""Folders of photos as CelebAMask-HQ and two common copies at 256 pixels name them."""

_SUFFIXES = (".jpg", ".jpeg", ".png")


def celeba_hq(root: Path, split: str) -> list[Path]:
    """The photos of a split, sorted; which rule split them is noted on stderr unless folders did.

    Args:
        root: the folder of photos, or the folder above it.
        split: ``train``, ``val`` or ``test``.

    Raises:
        ValueError: no such folder or split, none of the layouts, a file that is not numbered, numbers that may begin at 0 or at
            1, a damaged mapping, or no photo in this split; the line says what is missing and where it is had.
    """
    check_root(NAME, root, split, SOURCE)
    for place in (root, root / "celeba_hq"):
        if any((place / name).is_dir() for name in SPLITS):
            return _from_folders(place, split)
    folder = next((root / name for name in _PLACES if (root / name).is_dir()), root)
    numbered = _numbered(folder)
    from_one = _begins_at_one(folder, numbered)
    mapping = _beside(folder, MAPPING)
    split_of: Callable[[int], str]
    if mapping is not None:
        rule, published = f"CelebA's partition through {mapping}", _PUBLISHED_PARTITION
        split_of = _by_partition(mapping, _beside(folder, PARTITION))
    else:
        rule = (
            f"the first {TRAIN_BY_NUMBER:,} by number for train, the rest for val ({MAPPING} of {SOURCE} splits them as CelebA)"
        )
        split_of, published = _by_number, _PUBLISHED_NUMBER
        if split == "test":
            raise ValueError(f"{folder}: no test photos without {MAPPING}; it is in CelebAMask-HQ.zip from {SOURCE}")
    chosen = [path for number, path in numbered.items() if split_of(number - from_one) == split]
    if not chosen:
        raise ValueError(f"{folder}: {len(numbered):,} photos, none of them in split {split} by {rule}")
    note(f"{NAME}: split by {rule}")
    compare_count(f"{NAME} {split}", len(chosen), published[split])
    return sorted(chosen)


def _from_folders(place: Path, split: str) -> list[Path]:
    """``<place>/{train,val}/{female,male}/*.jpg``, or without the folders in between."""
    folder = place / split
    if not folder.is_dir():
        there = ", ".join(name for name in SPLITS if (place / name).is_dir())
        raise ValueError(f"{place}: no folder {split}, only {there}; other copies of {NAME} are had from {SOURCE}")
    found = sorted(folder / name for name in scan(folder, _SUFFIXES))
    if not found:
        raise ValueError(f"{folder}: no photos in it; {NAME} is had from {SOURCE}")
    others = sum(len(scan(place / name, _SUFFIXES)) for name in SPLITS if name != split)
    compare_count(f"{NAME}, all splits", len(found) + others, PHOTOS)
    return found


def _numbered(folder: Path) -> Mapping[int, Path]:
    """The photos of one folder by the number that is their name."""
    numbered: dict[int, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES):
        if not path.stem.isdecimal():
            raise ValueError(f"{path}: the photos of {NAME} are numbered, as in 00000.jpg; for other photos there is 'folder'")
        number = int(path.stem)
        if number in numbered:
            raise ValueError(f"{path}: the same number as {numbered[number].name}; keep one of them")
        if number > PHOTOS:
            raise ValueError(f"{path}: {NAME} has the numbers 0 to {PHOTOS:,}; is this CelebA, or another data set?")
        numbered[number] = path
    if not numbered:
        raise ValueError(
            f"{folder}: no photos of {NAME}: neither 00000.jpg to 29999.jpg, nor {_FROM_ZERO}/, nor {{train,val}}/ "
            f"is there; it is had from {SOURCE}"
        )
    return numbered


def _begins_at_one(folder: Path, numbered: Mapping[int, Path]) -> int:
    """0 where the numbers are CelebAMask-HQ's, 1 where they run from 1 to 30,000 (as in LaMa's copy at 256 pixels)."""
    zero, last = 0 in numbered, PHOTOS in numbered
    if folder.name == _FROM_ZERO or (zero and not last):
        return 0
    if last and not zero:
        return 1
    ends = f"both photo 0 and photo {PHOTOS} are" if zero else f"neither photo 0 nor photo {PHOTOS} is"
    raise ValueError(
        f"{folder}: {ends} there, so the numbers may begin at 0 or at 1 and the splits would mix; "
        f"rename the folder {_FROM_ZERO} if they begin at 0"
    )


def _beside(folder: Path, name: str) -> Path | None:
    """A list in the folder of photos or above it."""
    return next((place / name for place in (folder, folder.parent) if (place / name).is_file()), None)


def _by_number(index: int) -> str:
    return "train" if index < TRAIN_BY_NUMBER else "val"


def _by_partition(mapping: Path, partition: Path | None) -> Callable[[int], str]:
    """Index in CelebA-HQ -> split of the CelebA photo that it was made of."""
    # idx orig_idx orig_file: 0 119613 119614.jpg
    originals = {int(words[0]): words[2] for words in _rows(mapping, 3, header=True)}
    splits = None
    if partition is not None:
        splits = {words[0]: _CODES.get(words[1], words[1]) for words in _rows(partition, 2, header=False)}

    def split_of(index: int) -> str:
        original = originals.get(index)
        if original is None:
            raise ValueError(f"{mapping}: photo {index} is not in it; get the whole file from {SOURCE}")
        if splits is None:
            number = int(original.removesuffix(".jpg"))
            return next((split for split, last in _LAST_OF_SPLIT.items() if number <= last), "none")
        if splits.get(original) not in SPLITS:
            raise ValueError(f"{partition}: says nothing of {original}; get the whole file from {CELEBA_SOURCE}")
        return splits[original]

    return split_of


def _rows(file: Path, columns: int, *, header: bool) -> Sequence[list[str]]:
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines()[int(header) :] if line.strip()]
    for row in rows:
        if len(row) != columns or not row[0].removesuffix(".jpg").isdecimal() or not row[-1].removesuffix(".jpg").isdecimal():
            raise ValueError(f"{file}: {' '.join(row)!r} is not a row of this list; get the file again")
    if not rows:
        raise ValueError(f"{file}: an empty list")
    return rows
