"""Places365-Standard, small images (256x256), from either of its two published layouts.

Zhou, Lapedriza, Khosla, Oliva, Torralba, *Places: A 10 Million Image Database for Scene Recognition*, TPAMI 2018;
1,803,460 training, 36,500 validation, 328,500 test photos. File names and lists as the development kit
(github.com/zhoubolei/places_devkit) and torchvision.datasets.Places365 have them; docs/data.md draws both layouts as trees.
"""

from pathlib import Path

from models.data.datasets.layouts import check_root, compare_count, listed_files, read_list

NAME = "places365"
SOURCE = "http://places2.csail.mit.edu/download.html"
PUBLISHED = {"train": 1_803_460, "val": 36_500, "test": 328_500}

_EASY_ARCHIVE = "places365standard_easyformat.tar"
_LIST_ARCHIVE = "filelist_places365-standard.tar"
# split      list                            folders, the archive's name and torchvision's      archive
_ARCHIVES = {
    "train": ("places365_train_standard.txt", ("data_256", "data_256_standard"), "train_256_places365standard.tar"),
    "val": ("places365_val.txt", ("val_256",), "val_256.tar"),
    "test": ("places365_test.txt", ("test_256",), "test_256.tar"),
}


def places365(root: Path, split: str) -> list[Path]:
    """The photos of a split, sorted.

    Args:
        root: the folder that the archives were unpacked in, or ``places365_standard`` in it.
        split: ``train``, ``val`` or ``test``; the easy layout has no ``test``.

    Returns:
        Files that are listed and there. Listed ones that are missing, and a number other than the published one, are noted on
        stderr, because a subset is legitimate.

    Raises:
        ValueError: no such folder or split, neither layout, a missing list or folder, or none of the listed photos; the line
            says which archive to get and where.
    """
    check_root(NAME, root, split, SOURCE)
    easy = next((place for place in (root, root / "places365_standard") if _is_easy(place)), None)
    # Split by split: the easy layout has no test photos, so test_256 may lie beside it.
    in_easy = easy is not None and (easy / split).is_dir()
    in_archives = any((root / folder).is_dir() for folder in _ARCHIVES[split][1])
    if in_easy and in_archives:
        raise ValueError(
            f"{root}: holds {NAME} {split} in both layouts ({split}/ and {_ARCHIVES[split][1][0]}/); rename one of them"
        )
    if in_archives or (easy is None and _has_archives(root)):
        found = _archives(root, split)
    elif easy is not None:
        found = _easy(easy, split)
    else:
        raise ValueError(
            f"{root}: neither places365_standard/{{train,val}} nor data_256, val_256, test_256; get {_EASY_ARCHIVE}, or "
            f"{_ARCHIVES[split][2]} and {_LIST_ARCHIVE}, from {SOURCE}"
        )
    compare_count(f"{NAME} {split}", len(found), PUBLISHED[split])
    return found


def _is_easy(place: Path) -> bool:
    return (place / "train").is_dir() or (place / "val").is_dir()


def _has_archives(root: Path) -> bool:
    return any((root / folder).is_dir() for _, folders, _ in _ARCHIVES.values() for folder in folders)


def _easy(place: Path, split: str) -> list[Path]:
    """``<place>/{train,val}/<category>/*.jpg`` with ``train.txt`` and ``val.txt``."""
    if split == "test":
        raise ValueError(f"{place}: the easy layout has no test photos; get test_256.tar and {_LIST_ARCHIVE} from {SOURCE}")
    folder, list_file = place / split, place / f"{split}.txt"
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; it is in {_EASY_ARCHIVE} from {SOURCE}")
    if not list_file.is_file():
        raise ValueError(f"{list_file}: the list of photos is missing; it is in {_EASY_ARCHIVE} from {SOURCE}")
    # The lists begin at the folder that holds train/ and val/; some copies begin within it.
    listed = [entry.removeprefix(f"{split}/") for entry in read_list(list_file)]
    return listed_files(f"{NAME} {split}", folder, list_file, listed, SOURCE)


def _archives(root: Path, split: str) -> list[Path]:
    """``data_256/<letter>/<category>/*.jpg``, ``val_256/*.jpg``, ``test_256/*.jpg`` with the lists beside them."""
    name, folders, archive = _ARCHIVES[split]
    folder = next((root / folder for folder in folders if (root / folder).is_dir()), None)
    if folder is None:
        raise ValueError(f"{root}: no folder {' or '.join(folders)}; it is in {archive} from {SOURCE}")
    # The archive of the lists has no folder of its own; many unpack it into one of its name.
    places = (root / name, root / _LIST_ARCHIVE.removesuffix(".tar") / name)
    list_file = next((place for place in places if place.is_file()), None)
    if list_file is None:
        raise ValueError(f"{places[0]}: the list of photos is missing; it is in {_LIST_ARCHIVE} from {SOURCE}")
    return listed_files(f"{NAME} {split}", folder, list_file, read_list(list_file), SOURCE)
