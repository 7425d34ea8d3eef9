"""Checkpoints: they come back as they went in, and whatever is not one is refused with a reason."""

import json
import os
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint import FORMAT, load_checkpoint, read_safetensors, save_checkpoint, sha256, write_atomically
from models.spec import SPECS, ModelSpec
from parity_tests.support.small import SMALL, small_generator


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, small_generator(), {"data": "none", "seed": "0"})
    return path


def rewrite(path, change=None, **header):
    """The same file with other tensors or another header."""
    tensors, old = read_safetensors(path)
    if change:
        change(tensors)
    save_file(tensors, path, metadata={**old, **header})
    return path


def test_round_trip(checkpoint):
    loaded = load_checkpoint(checkpoint)
    assert loaded.spec == SMALL
    assert not loaded.training
    expected = small_generator().state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert read_safetensors(checkpoint)[1]["data"] == "none"


def test_equal_content_gives_equal_bytes(checkpoint, tmp_path):
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, load_checkpoint(checkpoint), {"data": "none", "seed": "0"})
    assert sha256(again) == sha256(checkpoint)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_not_run(tmp_path, protocol):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "it ran"),))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
    with pytest.raises(ValueError, match="pickle"):
        load_checkpoint(path)
    assert not (tmp_path / "it ran").exists()


def test_torch_save_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(small_generator().state_dict(), path)
    with pytest.raises(ValueError, match="pickle"):
        load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, 0.5, -1])
def test_truncated_files_are_refused(checkpoint, keep):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(len(content) * keep) if keep == 0.5 else keep])
    with pytest.raises(ValueError, match=r"small\.safetensors: truncated or not a safetensors file"):
        load_checkpoint(checkpoint)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="is a folder; a checkpoint is one file"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"not a model", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(64), b"\xff" * 64])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_checkpoint(path)


def test_safetensors_of_something_else_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="not a wavefill checkpoint"):
        load_checkpoint(path)
    save_file({"weight": torch.zeros(2)}, path, metadata={"format": FORMAT})
    with pytest.raises(ValueError, match="not a model spec"):
        load_checkpoint(path)


def test_missing_extra_and_misshapen_tensors_are_named(checkpoint):
    rewrite(checkpoint, lambda t: (t.pop("stem.bias"), t.update(surplus=torch.zeros(1))))
    with pytest.raises(ValueError, match=r"missing: stem\.bias; extra: surplus"):
        load_checkpoint(checkpoint)


def test_wrong_shape_is_named(checkpoint):
    rewrite(checkpoint, lambda t: t.update({"stem.bias": torch.zeros(3)}))
    with pytest.raises(ValueError, match=r"stem\.bias \(3,\) instead of \(8,\)"):
        load_checkpoint(checkpoint)


def test_another_spec_in_the_header_is_refused(checkpoint):
    rewrite(checkpoint, spec=SPECS["wavefill-s"].to_json())
    with pytest.raises(ValueError, match="do not fit its spec"):
        load_checkpoint(checkpoint)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_named(checkpoint, value):
    rewrite(checkpoint, lambda t: t["head.bias"].__setitem__(0, value))
    with pytest.raises(ValueError, match=r"not a number or infinite in head\.bias"):
        load_checkpoint(checkpoint)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_another_dtype_is_refused_or_read_as_float32(checkpoint, dtype):
    rewrite(checkpoint, lambda t: t.update({name: value.to(dtype) for name, value in t.items()}))
    if dtype == torch.int32:
        with pytest.raises(ValueError, match="must be floating point"):
            load_checkpoint(checkpoint)
    else:
        assert {p.dtype for p in load_checkpoint(checkpoint).parameters()} == {torch.float32}


def test_a_full_disk_leaves_the_previous_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"before")
    script = (
        "import resource, pathlib\n"
        "from models.checkpoint import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"write_atomically(pathlib.Path({str(path)!r}), bytes(5000))\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "File too large" in finished.stderr
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_usual_permissions(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(path, b"x")
    beside = tmp_path / "beside.bin"
    beside.write_bytes(b"x")
    assert path.stat().st_mode == beside.stat().st_mode


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": [10**6, 10**6]},
        {"blocks": [1]},
        {"widths": [10**6, 10**6]},
        {"widths": []},
        {"expansion": 10**9},
        {"plain_levels": "x"},
        {"band_gains": ["x"] * 16},
        {"band_gains": []},
        {"name": "../../evil"},
        {"name": "wavefill-m"},
    ],
)
def test_a_spec_that_should_not_be_built_is_refused_before_it_is(tmp_path, change):
    """A header is foreign input: no gigantic networks, and no architecture under another's name."""
    path = tmp_path / "crafted.safetensors"
    fields = json.loads(ModelSpec("tiny", (8, 16), (1, 1)).to_json()) | change
    save_file({"x": torch.zeros(1)}, path, metadata={"format": FORMAT, "spec": json.dumps(fields)})
    with pytest.raises(ValueError, match=r"bad model spec|another architecture") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_the_shipped_checkpoint_is_read_without_a_symbolic_algebra_library():
    """The meta device brings SymPy in, a quarter of what filling a photo takes; only a spec that is no row of ours needs it."""
    code = (
        "import sys; from models.checkpoint import SHIPPED, load_checkpoint; load_checkpoint(SHIPPED); "
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
