"""Data sets by their published layouts, as tiny folders of the same shape: what is found, what is noted, what is refused."""

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import duplicates
from models.data.datasets import celeba_hq as celeba_module
from models.data.datasets.celeba_hq import MAPPING, PARTITION, celeba_hq
from models.data.datasets.places365 import PUBLISHED, places365
from models.data.datasets.table import DATASETS
from models.data.duplicates import overlap
from models.data.photo_source import open_photos
from parity_tests.support.photo_folders import write_photos

CATEGORIES = ("a/abbey", "s/swimming_pool/indoor", "s/swimming_pool/outdoor", "z/zen_garden")


def _touch(folder, names):
    """Empty files: data sets are found by name, nothing is decoded."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _list(file, names, *, first="", label=" 7"):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{first}{name}{label}\n" for name in names))


TRAIN = [f"{category}/{number:08}.jpg" for category in CATEGORIES for number in range(1, 4)]
VAL = [f"Places365_val_{number:08}.jpg" for number in range(1, 6)]
TEST = [f"Places365_test_{number:08}.jpg" for number in range(1, 5)]


def _archives(root, train="data_256", lists=""):
    """What the archives of small images and of the lists unpack to."""
    for folder, names in ((train, TRAIN), ("val_256", VAL), ("test_256", TEST)):
        _touch(root / folder, names)
    _list(root / lists / "places365_train_standard.txt", TRAIN, first="/")
    _list(root / lists / "places365_val.txt", VAL)
    _list(root / lists / "places365_test.txt", TEST, label="")
    return root


EASY = {
    "train": [f"{category}/{number:08}.jpg" for category in ("abbey", "swimming_pool-indoor") for number in range(1, 4)],
    "val": ["abbey/Places365_val_00000003.jpg", "swimming_pool-indoor/Places365_val_00000001.jpg"],
}


def _easy(root, *, with_split=True):
    for split, names in EASY.items():
        _touch(root / split, names)
        _list(root / f"{split}.txt", names, first=f"{split}/" if with_split else "", label="")
    return root


@pytest.mark.parametrize("train", ["data_256", "data_256_standard"])
@pytest.mark.parametrize("lists", ["", "filelist_places365-standard"])
def test_places365_archives(tmp_path, capsys, train, lists):
    root = _archives(tmp_path, train, lists)
    for split, folder, names in (("train", train, TRAIN), ("val", "val_256", VAL), ("test", "test_256", TEST)):
        assert places365(root, split) == [root / folder / name for name in sorted(names)]
        note = f"places365 {split}: {len(names)} photos, {PUBLISHED[split]:,} were published"
        assert capsys.readouterr().err == f"wavefill: note: {note}\n"


@pytest.mark.parametrize("with_split", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_places365_easy_layout(tmp_path, with_split, inside):
    place = _easy(tmp_path / "places365_standard", with_split=with_split)
    for split, names in EASY.items():
        assert places365(place if inside else tmp_path, split) == [place / split / name for name in sorted(names)]
    with pytest.raises(ValueError, match=r"no test photos; get test_256\.tar and .*places2\.csail\.mit\.edu"):
        places365(tmp_path, "test")


def test_places365_easy_layout_with_the_test_archive(tmp_path):
    """The easy layout has no test photos, so test_256.tar may lie beside it; train in both would be ambiguous."""
    _easy(tmp_path / "places365_standard")
    _touch(tmp_path / "test_256", TEST)
    _list(tmp_path / "places365_test.txt", TEST, label="")
    assert len(places365(tmp_path, "test")) == len(TEST)
    assert len(places365(tmp_path, "train")) == len(EASY["train"])
    _touch(tmp_path / "data_256", TRAIN)
    with pytest.raises(ValueError, match="holds places365 train in both layouts"):
        places365(tmp_path, "train")


def test_places365_notes_what_is_missing_and_what_is_not_listed(tmp_path, capsys):
    root = _archives(tmp_path)
    for name in VAL[:4]:
        (root / "val_256" / name).unlink()
    _touch(root / "val_256", ["extra.jpg", "notes.txt"])
    assert places365(root, "val") == [root / "val_256" / VAL[4]]
    message = capsys.readouterr().err
    assert "4 of 5 photos" in message
    assert f": {VAL[0]}, {VAL[1]}, {VAL[2]}, ...\n" in message
    assert "1 files in" in message
    assert "are left out" in message


def test_places365_whole_is_not_noted(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "val", len(VAL))
    places365(_archives(tmp_path), "val")
    assert capsys.readouterr().err == ""


PLACES_DEFECTS = {
    # defect                split    what is done to the folder                                  what the line says
    "no layout": ("train", lambda root: _touch(root, ["x/1.jpg"]), "neither places365_standard/.* get places365standard_easy"),
    "no train folder": ("train", lambda root: (root / "data_256").rename(root / "data"), r"train_256_places365standard\.tar"),
    "no val folder": (
        "val",
        lambda root: (root / "val_256").rename(root / "other"),
        r"it is in val_256\.tar from http://places2",
    ),
    "no list": (
        "val",
        lambda root: (root / "places365_val.txt").unlink(),
        r"list .* missing; .*filelist_places365-standard\.tar",
    ),
    "empty list": ("val", lambda root: (root / "places365_val.txt").write_text(" \n"), "an empty list"),
    "binary list": ("val", lambda root: (root / "places365_val.txt").write_bytes(b"\xff\xd8\xff"), "not a list of photos"),
    "wrong list": ("val", lambda root: _list(root / "places365_val.txt", TEST), "none of the 4 photos"),
    "other split": ("validation", lambda root: None, "split 'validation'; it is one of train, val, test"),
}


@pytest.mark.parametrize("defect", PLACES_DEFECTS)
def test_places365_defects_are_said_in_a_line(tmp_path, defect):
    split, change, message = PLACES_DEFECTS[defect]
    if defect != "no layout":
        _archives(tmp_path)
    change(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        places365(tmp_path, split)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["train", "train.txt"])
def test_places365_easy_defects(tmp_path, missing):
    place = _easy(tmp_path)
    (place / missing).rename(place / "elsewhere")
    with pytest.raises(ValueError, match=rf"{missing}: .* places365standard_easyformat\.tar"):
        places365(tmp_path, "train")


@pytest.mark.parametrize("name", ["places365", "celeba-hq"])
def test_a_root_that_is_not_there_says_where_the_data_set_is_had(tmp_path, name):
    with pytest.raises(ValueError, match=f"no such folder; {name} is had from http"):
        DATASETS[name](tmp_path / "nowhere", "train")


# Indices in CelebA-HQ -> photo of CelebA. The ends of the official splits: 1..162770, ..182637, ..202599.
ORIGINALS = {0: 1, 1: 162_770, 2: 162_771, 3: 182_637, 4: 182_638, 5: 202_599, 29_999: 100_000}
EXPECTED = {"train": [0, 1, 29_999], "val": [2, 3], "test": [4, 5]}


def _mapping(folder):
    rows = [f"{index:<10} {original - 1:<12} {original:06}.jpg" for index, original in ORIGINALS.items()]
    (folder / MAPPING).write_text("\n".join(["idx       orig_idx     orig_file ", *rows]) + "\n")


def _partition(folder):
    codes = {
        f"{original:06}.jpg": 0 if original <= 162_770 else 1 if original <= 182_637 else 2 for original in ORIGINALS.values()
    }
    (folder / PARTITION).write_text("".join(f"{name} {code}\n" for name, code in codes.items()))


@pytest.mark.parametrize("partition", [True, False])
@pytest.mark.parametrize("name", ["{:d}.jpg", "{:05d}.jpg", "{:05d}.png"])
@pytest.mark.parametrize("place", ["CelebA-HQ-img", "data256x256", "celeba_hq_256", "."])
def test_celeba_hq_is_split_as_celeba(tmp_path, capsys, place, name, partition):
    """With the official list and without it: CelebA's partition is by number."""
    folder = tmp_path / place
    _touch(folder, [name.format(index) for index in ORIGINALS])
    _mapping(tmp_path)
    if partition:
        _partition(tmp_path)
    for split, indices in EXPECTED.items():
        assert celeba_hq(tmp_path, split) == sorted(folder / name.format(index) for index in indices)
    assert "split by CelebA's partition" in capsys.readouterr().err


def test_celeba_hq_numbered_from_one(tmp_path):
    _touch(tmp_path / "data256x256", [f"{index + 1:05}.jpg" for index in ORIGINALS])
    _mapping(tmp_path)
    assert [int(path.stem) - 1 for path in celeba_hq(tmp_path, "val")] == EXPECTED["val"]
    # The folder of photos itself, with the list above it.
    assert [int(path.stem) - 1 for path in celeba_hq(tmp_path / "data256x256", "test")] == EXPECTED["test"]


def test_the_partition_file_has_the_last_word(tmp_path):
    _touch(tmp_path, [f"{index}.jpg" for index in ORIGINALS])
    _mapping(tmp_path)
    _partition(tmp_path)
    text = (tmp_path / PARTITION).read_text()
    (tmp_path / PARTITION).write_text(text.replace("000001.jpg 0", "000001.jpg 2"))
    assert tmp_path / "0.jpg" in celeba_hq(tmp_path, "test")


def test_celeba_hq_without_mapping_is_split_by_number(tmp_path, capsys):
    _touch(tmp_path, [f"{index:05}.jpg" for index in (0, 27_999, 28_000, 29_999)])
    assert [path.name for path in celeba_hq(tmp_path, "train")] == ["00000.jpg", "27999.jpg"]
    assert [path.name for path in celeba_hq(tmp_path, "val")] == ["28000.jpg", "29999.jpg"]
    message = capsys.readouterr().err
    assert "the first 28,000 by number" in message
    assert "celeba-hq val: 2 photos, 2,000 were published" in message
    with pytest.raises(ValueError, match=f"no test photos without {MAPPING}; it is in CelebAMask-HQ.zip"):
        celeba_hq(tmp_path, "test")


@pytest.mark.parametrize("above", ["", "celeba_hq"])
def test_celeba_hq_of_stargan_is_split_by_folders(tmp_path, capsys, above):
    for split, names in {"train": ["female/000001.jpg", "male/000002.jpg"], "val": ["female/000003.jpg"]}.items():
        _touch(tmp_path / above / split, names)
    assert [path.name for path in celeba_hq(tmp_path, "train")] == ["000001.jpg", "000002.jpg"]
    assert [path.name for path in celeba_hq(tmp_path, "val")] == ["000003.jpg"]
    assert "celeba-hq, all splits: 3 photos, 30,000 were published" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no folder test, only train, val"):
        celeba_hq(tmp_path, "test")


CELEBA_DEFECTS = {
    # defect         files                          lists                     what the line says
    "empty": ([], {}, "no photos of celeba-hq: neither 00000.jpg to 29999.jpg, nor CelebA-HQ-img/"),
    "names": (["0.jpg", "anna.jpg"], {}, "anna.jpg: the photos of celeba-hq are numbered"),
    "twice": (["0.jpg", "00000.jpg"], {}, "the same number as"),
    "celeba": (["000001.jpg", "202599.jpg"], {}, "the numbers 0 to 30,000; is this CelebA"),
    "where it begins": (["5.jpg", "6.jpg"], {}, "neither photo 0 nor photo 30000 is there"),
    "both ends": (["0.jpg", "30000.jpg"], {}, "both photo 0 and photo 30000 are there"),
    "no val": (["0.jpg", "1.jpg"], {}, "2 photos, none of them in split val by the first 28,000"),
    "not a row": (["0.jpg"], {MAPPING: "idx orig_idx orig_file\n0 1\n"}, "'0 1' is not a row of this list"),
    "no rows": (["0.jpg"], {MAPPING: "idx orig_idx orig_file\n"}, "an empty list"),
    "cut mapping": (["0.jpg", "1.jpg"], {MAPPING: "h\n0 1 000002.jpg\n"}, "photo 1 is not in it"),
    "cut partition": (["0.jpg"], {MAPPING: "h\n0 1 000002.jpg\n", PARTITION: "000001.jpg 0\n"}, "says nothing of 000002.jpg"),
    "code": (["0.jpg"], {MAPPING: "h\n0 1 000002.jpg\n", PARTITION: "000002.jpg 3\n"}, "says nothing of 000002.jpg"),
}


@pytest.mark.parametrize("defect", CELEBA_DEFECTS)
def test_celeba_hq_defects_are_said_in_a_line(tmp_path, defect):
    files, lists, message = CELEBA_DEFECTS[defect]
    _touch(tmp_path, files)
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        celeba_hq(tmp_path, "val")
    assert "\n" not in str(caught.value)


@given(share=st.floats(0.01, 1), seed=st.integers(0, 100))
def test_splits_never_share_a_photo_and_leave_none_out(tmp_path_factory, share, seed):
    """Whatever part of CelebA-HQ is there, with the real proportions of the official splits."""
    rng = np.random.default_rng(seed)
    originals = rng.permutation(202_599)[:300] + 1
    present = {0, *np.flatnonzero(rng.random(300) < share).tolist()}
    folder = tmp_path_factory.mktemp("hq")
    _touch(folder, [f"{index}.jpg" for index in present])
    rows = [f"{index} {original - 1} {original:06}.jpg" for index, original in enumerate(originals)]
    (folder / MAPPING).write_text("\n".join(["idx orig_idx orig_file", *rows]))
    found = []
    for split in ("train", "val", "test"):
        try:
            found += celeba_hq(folder, split)
        except ValueError as error:
            assert "none of them in split" in str(error)  # noqa: PT017 (an empty split of a small part is as it should be)
    assert sorted(found) == sorted(folder / f"{index}.jpg" for index in present)


def test_published_counts_add_up():
    """CelebA-HQ has 30,000 photos however it is split, and CelebA 202,599."""
    for counts in (celeba_module._PUBLISHED_PARTITION, celeba_module._PUBLISHED_NUMBER):
        assert sum(counts.values()) == celeba_module.PHOTOS
    assert celeba_module._LAST_OF_SPLIT["test"] == 202_599


def test_a_plain_folder_has_one_split(tmp_path):
    paths = write_photos(tmp_path / "deep" / "er", 2)
    assert DATASETS["folder"](tmp_path, "train") == paths
    with pytest.raises(ValueError, match="split 'val' of a plain folder; it has only train"):
        DATASETS["folder"](tmp_path, "val")


def _folder_of_photos(root):
    write_photos(root, 9)


def _places_of_photos(root):
    paths = write_photos(root / "val_256", 9)
    _list(root / "places365_val.txt", [path.name for path in paths])


def _celeba_of_photos(root):
    write_photos(root / "val", 9)


REAL = {"folder": (_folder_of_photos, "train"), "places365": (_places_of_photos, "val"), "celeba-hq": (_celeba_of_photos, "val")}


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_can_be_trained_on(tmp_path, name):
    """From the folder to a crop, sorted, each file once."""
    make, split = REAL[name]
    make(tmp_path)
    paths = DATASETS[name](tmp_path, split)
    assert paths == sorted(set(paths))
    photos = open_photos(paths, 32, memory_gb=1)
    assert len(photos) == 9
    assert photos.crop(32, np.random.default_rng(0)).shape == (32, 32, 3)


def _brute_force(train, val):
    digest = {path: hashlib.md5(path.read_bytes()).digest() for path in {*train, *val}}
    return [(a, b) for b in sorted(val) for a in sorted(train) if digest[a] == digest[b]]


@given(
    train=st.lists(st.binary(max_size=2), max_size=12),
    val=st.lists(st.binary(max_size=2), max_size=12),
)
def test_overlap_names_every_pair_of_equal_files(tmp_path_factory, train, val):
    root = tmp_path_factory.mktemp("overlap")
    sides = []
    for side, contents in (("train", train), ("val", val)):
        (root / side).mkdir()
        sides.append([root / side / f"{index:02}.jpg" for index in range(len(contents))])
        for path, content in zip(sides[-1], contents, strict=True):
            path.write_bytes(content)
    assert overlap(*sides) == _brute_force(*sides)


def test_overlap_reads_only_files_of_equal_length(tmp_path, monkeypatch):
    train, val = (write_photos(tmp_path / side, 6, seed=seed) for seed, side in enumerate(("train", "val")))
    lengths = {path.stat().st_size for path in train} & {path.stat().st_size for path in val}
    (tmp_path / "val" / "copy.png").write_bytes(train[2].read_bytes())
    read = []
    real = duplicates._digest
    monkeypatch.setattr(duplicates, "_digest", lambda path: read.append(path) or real(path))
    assert overlap(train, [*val, tmp_path / "val" / "copy.png"]) == [(train[2], tmp_path / "val" / "copy.png")]
    lengths.add(train[2].stat().st_size)
    assert {path.stat().st_size for path in read} == lengths
    assert overlap(train, train[:1]) == [(train[0], train[0])], "the same folder on both sides"
