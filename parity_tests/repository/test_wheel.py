"""The wheel in an environment of its own: what is in it, and that it works from any folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.command import FILLS, PACKAGES
from benchmarks.table import BENCHMARKS
from export.backends import artefact_backends
from models.__main__ import VERBS
from models.teacher.commands.verbs import VERBS as TEACHER_VERBS
from parity_tests.support.models_command import fill_folder
from parity_tests.support.train_driver import LAUNCH
from quantize.__main__ import VERBS as QUANTIZE_VERBS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OURS = ("models", "quantize", "export", "benchmarks")

IMPORTS = """
import importlib, importlib.metadata, json
files = [file.as_posix() for file in importlib.metadata.files("wavefill")]
names = [file.removesuffix("/__init__.py").replace("/", ".") for file in files if file.endswith("/__init__.py")]
print(json.dumps({name: importlib.import_module(name).__file__ for name in names}))
"""

HELPS = """
import argparse, contextlib, io, json, sys

from benchmarks.command import run
from quantize.__main__ import VERBS as QUANTIZE_VERBS

shown, helps = [], {}
as_it_is = argparse.ArgumentParser.print_help

def print_help(parser, file=None):
    shown.append(parser)
    as_it_is(parser, file)

def walk(path):
    shown.clear()
    sys.argv = ["wavefill", *path, "--help"]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            run()
    except SystemExit as stop:
        assert stop.code == 0, path
    helps[" ".join(path)] = out.getvalue()
    for action in shown[-1]._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices:
                walk([*path, verb])

argparse.ArgumentParser.print_help = print_help
walk([])
print(json.dumps(helps))
"""


LEFT_OVER = {"__pycache__", "node_modules"}
"""Folders that running or setting up leaves in the checkout."""


def files_of(root: Path) -> set[str]:
    """Everything below our packages that is not left over from running them."""
    found = {path for package in OURS for path in (root / package).rglob("*") if path.is_file()}
    return {path.relative_to(root).as_posix() for path in found if not LEFT_OVER & {*path.parts}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, because a build leaves folders behind in which later builds find stale files."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for package in (*OURS, "parity_tests"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns(*LEFT_OVER))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


def pip(*words):
    """Run pip of this environment; it must succeed."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, and with the packages that it needs but not this checkout; returns its ``bin``."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    # Python does not read .pth files in a folder that it finds through one, so that the editable installation stays out of this.
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    assert (site / "models").is_dir()
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a photo and a mask, and with modules of the user's own that have our names and must not be imported."""
    fill_folder(tmp_path)
    for name in OURS:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('the user has {name}.py')\n", encoding="utf-8")
    return tmp_path


def run(*command, cwd):
    """Run a program of the new environment as its user would; returns stdout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def pixels(path):
    """An image as an array, its file closed."""
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files_of(ROOT)
    assert {"models/teacher/training/recipe.py", "models/checkpoints/wavefill-s.safetensors"} <= names


def test_every_package_is_imported_from_the_wheel(installed, elsewhere):
    found = json.loads(run(installed / "python", "-P", "-c", IMPORTS, cwd=elsewhere))
    assert set(found) == {name.removesuffix("/__init__.py").replace("/", ".") for name in files_of(ROOT) if "__init__" in name}
    assert all(Path(path).is_relative_to(installed.parent) for path in found.values())


def test_every_verb_has_its_help(installed, elsewhere):
    helps = json.loads(run(installed / "python", "-P", "-c", HELPS, cwd=elsewhere))
    verbs = {
        *VERBS,
        *PACKAGES,
        *FILLS,
        *(f"teacher {verb}" for verb in TEACHER_VERBS),
        *(f"benchmarks {name}" for name in BENCHMARKS),
        *(f"quantize {verb}" for verb in QUANTIZE_VERBS),
    }
    verbs |= {f"export {verb}" for verb in (*artefact_backends(), "all", "verify", "inpaint", "outpaint", "list")}
    assert set(helps) == {"", *verbs}
    for path, text in helps.items():
        word, _, verb = path.partition(" ")
        typed = verb if word == "export" and verb in FILLS else path  # the console script's own verbs; both work
        assert text.startswith(f"usage: wavefill {typed}".rstrip() + " "), path
        assert " -m " not in text, path


def test_a_photo_is_filled(installed, elsewhere):
    run(installed / "wavefill", "inpaint", "photo.png", "mask.png", "filled.png", cwd=elsewhere)
    photo, mask, filled = (pixels(elsewhere / f"{name}.png") for name in ("photo", "mask", "filled"))
    hole = mask >= 128
    assert (filled[~hole] == photo[~hole]).all()
    assert (filled[hole] != photo[hole]).mean() > 0.5


def test_an_artefact_is_exported_and_runs(installed, elsewhere):
    run(installed / "wavefill", "export", "onnx", "--scheme", "fp32", "--size", "256", cwd=elsewhere)
    artefact = "artifacts/wavefill-s-256-onnx-fp32"
    assert json.loads((elsewhere / artefact / "manifest.json").read_text(encoding="utf-8"))["spec"] == "wavefill-s"
    run(installed / "wavefill", "inpaint", "photo.png", "mask.png", "filled.png", "--artifact", artefact, cwd=elsewhere)
    assert pixels(elsewhere / "filled.png").shape == pixels(elsewhere / "photo.png").shape


def test_two_processes_train(installed, elsewhere):
    """A launcher that is given the script, as the README says, does not take the user's ``models.py`` either."""
    (elsewhere / "photos").mkdir()
    for number in range(12):
        image = np.random.default_rng(number).integers(0, 256, (136, 136, 3), np.uint8)
        Image.fromarray(image).save(elsewhere / "photos" / f"{number}.png")
    launch = (installed / "python", "-P", "-m", "accelerate.commands.launch", *LAUNCH, "--main_process_port=0")
    short = ("steps=1", "decay_steps=1", "warmup_steps=1", "stages=[[0,128,2]]")
    settings = [word for setting in short for word in ("--set", setting)]
    words = ("train", "--device", "cpu", "--data", "photos", "--out", "run", *settings)
    run(*launch, installed / "wavefill", *words, cwd=elsewhere)
    assert (elsewhere / "run" / "checkpoint.safetensors").is_file()
