"""``python -m export inpaint``: an artefact, named in any of the usual ways, fills as its checkpoint does."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export.__main__ import main
from export.commands import inpaint
from models.photo.images import read_photo
from models.runner import torch_run
from models.system.errors import ToolchainMissing, run_main
from parity_tests.support.models_command import SMALL
from parity_tests.support.small import small_generator

LAYOUT = {"onnx": "model.onnx", "litert": "model.tflite", "coreml": "model.mlpackage/Manifest.json"}


@pytest.fixture
def call(capsys, here):
    """Run the command in a folder with a photo and a mask: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = run_main(main, ["inpaint", *map(str, arguments)])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


def fill(call, artifact, out="out.png"):
    return call("photo.png", "mask.png", out, "--artifact", artifact)


@pytest.fixture
def artefacts(here, monkeypatch):
    """The files of three artefacts, one of each format, and a stand-in for what loads them; gives the folders it loaded."""
    for name, member in LAYOUT.items():
        (here / name / member).parent.mkdir(parents=True)
        (here / name / member).write_text("x")
        files = [{"name": member, "bytes": 1, "sha256": ""}]
        (here / name / "manifest.json").write_text(json.dumps({"files": files}))
    loaded = []

    def load(folder, threads):
        loaded.append(folder.resolve().name)
        return torch_run(small_generator(), 32)

    monkeypatch.setattr(inpaint, "load_artefact", load)
    monkeypatch.setattr(inpaint, "read_manifest", lambda folder: SimpleNamespace(size=32))
    return loaded


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("onnx/model.onnx", "onnx"),
        ("litert/model.tflite", "litert"),
        ("coreml/model.mlpackage", "coreml"),
        ("coreml/model.mlpackage/", "coreml"),
        ("./onnx/../litert/model.tflite", "litert"),
        ("onnx", "onnx"),
    ],
)
def test_the_model_file_works_like_its_folder(here, call, artefacts, path, folder):
    assert fill(call, path) == (0, "out.png\n", "")
    assert fill(call, here / path, "again.png")[0] == 0
    assert artefacts == [folder, folder]
    assert call("photo.png", "mask.png", "checkpoint.png", *SMALL)[0] == 0
    assert len({Path(name).read_bytes() for name in ("out.png", "again.png", "checkpoint.png")}) == 1


def test_the_model_file_from_within_its_folder(here, call, artefacts, monkeypatch):
    monkeypatch.chdir(here / "onnx")
    result = call("../photo.png", "../mask.png", "../out.png", "--artifact", "model.onnx")
    assert result[0] == 0, result
    assert artefacts == ["onnx"]


@pytest.mark.parametrize(
    "path",
    ["lost.onnx", "lost.mlpackage", "onnx/manifest.json", "onnx/other.onnx", "broken/model.onnx", "photo.png", "list/model.onnx"],
)
def test_other_files_are_no_artefact(here, call, artefacts, path):
    Path("lost.onnx").write_text("x")
    Path("lost.mlpackage").mkdir()
    Path("onnx/other.onnx").write_text("x")
    for name, text in (("broken", "{"), ("list", "[]")):
        Path(name).mkdir()
        Path(name, "model.onnx").write_text("x")
        Path(name, "manifest.json").write_text(text)
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    code, out, err = fill(call, path)
    assert (code, out) == (2, "")
    assert err == (
        f"wavefill: error: --artifact: {path} is not the model in an artefact; name a folder as `python -m export` writes it\n"
    )
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
    assert artefacts == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*SMALL, "--artifact", "a"), "not allowed with argument"),
        (("--artifact", "a", "--size", "64"), "an artefact has a size of its own"),
        (("--artifact", "nowhere"), "nowhere: no such artefact folder"),
        (("--size", "0"), "1 to 1024 are allowed"),
    ],
)
def test_bad_options_give_one_line_and_no_file(call, options, said):
    code, out, err = call("photo.png", "mask.png", "out.png", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not Path("out.png").exists()


def test_missing_toolchain_is_3(call, artefacts, monkeypatch):
    def load(folder, threads):
        raise ToolchainMissing(f"{folder}: cannot be run here: Core ML needs macOS")

    monkeypatch.setattr(inpaint, "load_artefact", load)
    assert fill(call, "coreml") == (3, "", "wavefill: error: coreml: cannot be run here: Core ML needs macOS\n")


@pytest.mark.slow
def test_a_real_artefact_fills_like_its_checkpoint(here, call):
    """Made by the real exporter and run by the real ONNX Runtime, in a process that cannot import PyTorch."""
    made = ("onnx", "--checkpoint", "small.safetensors", "--size", "32", "--scheme", "fp32", "--out", "artifacts")
    assert run_main(main, list(made)) == 0
    (folder,) = Path("artifacts").iterdir()
    without_torch = "import sys; sys.modules['torch'] = None; from export.__main__ import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", without_torch, "inpaint", "photo.png", "mask.png", "a.png", "--artifact", str(folder)]
    subprocess.run(words, check=True, env={"PYTHONPATH": str(Path(__file__).parents[2])})
    assert call("photo.png", "mask.png", "b.png", *SMALL)[0] == 0
    a, b = (read_photo(Path(name)).pixels.astype(int) for name in ("a.png", "b.png"))
    assert np.abs(a - b).max() <= 2  # one level in the network's image, scaled by a filter with overshoot
    assert fill(call, folder / "model.onnx", "c.png")[0] == 0
    assert Path("c.png").read_bytes() == Path("a.png").read_bytes()
    model = folder / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    code, _, err = fill(call, folder, "d.png")
    assert (code, err.count("\n")) == (2, 1)
    assert "damaged" in err
