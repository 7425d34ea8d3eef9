"""The README's lines of Python and JavaScript, run as they stand, fill a photo of any size, both alike."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from export.tolerances import BETWEEN_BACKENDS_DB

ROOT = Path(__file__).parents[2]
PHONE = ROOT / "benchmarks" / "phone"
ARTEFACT = "wavefill-s-256-onnx-w8a8"

HARNESS = """
import { readFileSync, writeFileSync } from "node:fs";
import { readPng } from "./png.js";
%s
const photo = readPng("photo.png"), mask = readPng("mask.png").data;
%s
writeFileSync("filled.bin", filled.data);
"""
"""Around the README's lines: where photo and mask come from, and where the result goes."""


def snippet(language: str) -> str:
    """The README's block in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.fixture
def folder(shipped_artifacts, tmp_path):
    """Photo, mask and one artefact, where the README's lines look for them."""
    photo = data.coffee()[:300, :420]
    mask = np.zeros((300, 420), np.uint8)
    mask[20:90, 300:400] = 255
    for name, pixels in (("photo", photo), ("mask", mask)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    # The README says photo.jpg; what is in it decides, not its name, and a JPEG would be decoded by two decoders.
    shutil.copy(tmp_path / "photo.png", tmp_path / "photo.jpg")
    shutil.copytree(shipped_artifacts / ARTEFACT, tmp_path / "artifacts" / ARTEFACT)
    return tmp_path


def filled_by_python(folder: Path) -> np.ndarray:
    """What the README's Python writes."""
    (folder / "fill.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{snippet('python')}", encoding="utf-8")
    subprocess.run([sys.executable, "fill.py"], cwd=folder, check=True)
    return np.asarray(Image.open(folder / "filled.png"))


@pytest.mark.slow
def test_python(folder):
    filled, photo = filled_by_python(folder), np.asarray(Image.open(folder / "photo.png"))
    hole = np.asarray(Image.open(folder / "mask.png")) >= 128
    np.testing.assert_array_equal(filled[~hole], photo[~hole])
    assert (filled != photo).any(axis=2)[hole].mean() > 0.9


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
@pytest.mark.skipif(
    not (PHONE / "node_modules" / "onnxruntime-web").is_dir(), reason="`make phone` has not installed onnxruntime-web"
)
def test_javascript_fills_alike(folder):
    """Another build of the runtime, for WebAssembly, and another language.

    fill.js itself is held to Python's bytes by the golden files. Here the network is asked in each language, and one integer
    that falls otherwise spreads through it, so the bar is that between backends.
    """
    for name in ("fill.js", "png.js", "package.json"):
        shutil.copy(PHONE / name, folder / name)
    (folder / "node_modules").symlink_to(PHONE / "node_modules")
    shutil.copy(folder / "artifacts" / ARTEFACT / "model.onnx", folder / "model.onnx")
    imports, lines = snippet("js").split("\n\n", 1)
    (folder / "harness.js").write_text(HARNESS % (imports, lines), encoding="utf-8")
    subprocess.run(["node", "harness.js"], cwd=folder, check=True, timeout=120)
    filled = np.fromfile(folder / "filled.bin", np.uint8).reshape(300, 420, 3)
    expected, photo = filled_by_python(folder), np.asarray(Image.open(folder / "photo.png"))
    hole = np.asarray(Image.open(folder / "mask.png")) >= 128
    np.testing.assert_array_equal(filled[~hole], photo[~hole])
    error = np.mean((filled[hole].astype(float) - expected[hole]) ** 2)
    assert error < 255**2 / 10 ** (BETWEEN_BACKENDS_DB["w8a8"] / 10)
