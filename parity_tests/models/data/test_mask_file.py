"""Masks fixed in a file: the same bytes for the same seed, nothing else accepted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.__main__ import main
from models.data.mask_file import MaskFile
from models.data.masks import MASKS, sample_mask
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code


@given(size=st.integers(16, 40), count=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_masks_survive_a_file(tmp_path_factory, size, count, seed):
    path = tmp_path_factory.mktemp("masks") / "masks.npz"
    drawn = MaskFile.draw(size, count, seed)
    drawn.write(path)
    read = MaskFile.read(path)
    assert (read.families, read.seed, read.size) == (drawn.families, seed, size)
    assert np.array_equal(read.holes, drawn.holes)
    family, mask = sample_mask(size, np.random.default_rng([seed, count - 1]))
    assert read.mask(count - 1)[0] == family
    assert np.array_equal(read.mask(2 * count - 1)[1], mask), "the masks begin again"


def test_command_writes_equal_bytes_for_equal_seeds(tmp_path, capsys):
    paths = [tmp_path / f"{name}.npz" for name in "abc"]
    for path, seed in zip(paths, (7, 7, 8), strict=True):
        words = ["masks", "--out", str(path), "--size", "32", "--count", "12", "--seed", str(seed)]
        assert run_main(main, words) == 0
        assert capsys.readouterr().out.strip() == str(path)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other
    assert set(MaskFile.read(paths[0]).families) <= set(MASKS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "8"], "--size: 8 given, 16 to 1024"),
        (["--count", "0"], "--count: 0 given"),
        (["--seed", "-1"], "--seed: -1 given"),
        (["--out", "masks.zip"], "ends in .npz"),
        (["--out", "nowhere/masks.npz"], "there is no folder nowhere"),
    ],
)
def test_command_refuses(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert exit_code(main, ["masks", "--out", "masks.npz", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def damaged(path, **changes):
    """A file of masks with some of its arrays replaced."""
    MaskFile.draw(16, 2, 0).write(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": np.array("wavefill-masks-9")}, "its format is 'wavefill-masks-9'"),
        ({"families": None}, "not a file of masks"),
        ({"families": np.array(["box"])}, "not a file of masks"),
        ({"families": np.array(["box", "star"])}, "unknown family"),
        ({"bits": np.full((2, 32), 255, np.uint8)}, "mask 0 is full"),
        ({"bits": np.zeros((2, 32), np.uint8)}, "mask 0 is empty"),
        ({"bits": np.zeros((2, 5), np.uint8)}, "not a file of masks"),
        ({"size": np.array(17)}, "not a file of masks"),
    ],
)
def test_damaged_files_are_refused(tmp_path, changes, message):
    path = tmp_path / "masks.npz"
    damaged(path, **changes)
    with pytest.raises(ValueError, match=message):
        MaskFile.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"\x93NUMPY"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "masks.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a file of masks"):
        MaskFile.read(path)
    with pytest.raises(ValueError, match="no such file"):
        MaskFile.read(tmp_path / "other.npz")
