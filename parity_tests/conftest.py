"""Fixtures shared by several areas: a tiny checkpoint, a backend without toolkit, and the nine shipped artefacts, made once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from export.backends import BACKENDS
from export.runtimes import RUNTIMES
from models.checkpoint import SHIPPED, save_checkpoint
from models.generator import Generator
from models.spec import ModelSpec
from parity_tests.support.export_command import Cli
from parity_tests.support.fakes import FakeBackend
from parity_tests.support.models_command import fill_folder

# No deadlines: a shared machine pauses a test for longer than any example takes. Derandomised, so that a failure in CI can be
# repeated here.
settings.register_profile("wavefill", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("wavefill")

# A shell that starts the tests in the background makes them ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
PARALLEL = "PYTEST_XDIST_WORKER" in os.environ
NINE = [f"wavefill-s-256-{backend}-{scheme}" for backend in ("onnx", "coreml", "litert") for scheme in ("fp32", "fp16", "w8a8")]
EXPORT_SECONDS = 3000
"""How long the processes of a test run wait for the one that makes them: it takes about two minutes of a core."""
TINY = ModelSpec("tiny", widths=(8, 16), blocks=(1, 1))


def pytest_collection_modifyitems(config, items):
    """In parallel, whole files in an order that keeps all processes busy (``--dist loadfile --no-loadscope-reorder``).

    The first file begins with making the shipped artefacts, which takes a minute or two; meanwhile the other processes have files
    that do not need them, and would otherwise wait. Files of quick tests come last, so that all end at about the same time.
    """
    if not PARALLEL:
        return
    waits = list(dict.fromkeys(item.path for item in items if "shipped_artifacts" in item.fixturenames))
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("thorough")}

    def turn(item):
        if item.path in waits:
            return 0 if item.path == waits[0] else 2
        return 1 if item.path in slow else 3

    items.sort(key=turn)


def pytest_addoption(parser):
    """Folders of the user's own, for tests that need real photos (with ``=``, or pytest takes the folder for one of tests)."""
    parser.addoption("--photos", metavar="DIR", help="photos of 256 pixels or more for test_real_photos.py (--photos=DIR)")
    parser.addoption("--masks", metavar="DIR", help="masks, white in the hole, for test_real_photos.py (--masks=DIR)")


EXPORT = """
import pathlib, runpy
import export.matrix, models.generator, quantize.table
for module in (export.matrix, models.generator, quantize.table):
    assert pathlib.Path(module.__file__).is_relative_to(pathlib.Path.cwd()), module
runpy.run_module("export", run_name="__main__", alter_sys=True)
"""
"""What ``python -m export`` does, if the modules are those of the current folder."""


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A network of two levels with random weights, saved; sizes are multiples of 8."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    torch.manual_seed(0)
    save_checkpoint(path, Generator(TINY), {})
    return path


@pytest.fixture
def fake(monkeypatch) -> FakeBackend:
    """Stands in for the ONNX backend. One thread: a tiny network on two spends its time waiting."""
    monkeypatch.setattr("export.matrix.THREADS", 1)
    backend = FakeBackend()
    monkeypatch.setitem(BACKENDS, "onnx", backend)
    monkeypatch.setitem(RUNTIMES, "onnx", backend.runtime())
    return backend


@pytest.fixture
def cli(capsys, tiny_checkpoint, tmp_path, fake) -> Cli:
    """The exporter's command line, with the ONNX backend replaced by the fake."""
    return Cli(capsys, tiny_checkpoint, tmp_path / "out")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a photo, a mask and a small checkpoint, as the working directory."""
    monkeypatch.chdir(tmp_path)
    fill_folder(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def shipped_artifacts(tmp_path_factory) -> Path:
    """``python -m export all`` on the shipped checkpoint, run once for all processes of one test run.

    What `make export` left of them in artifacts/ is copied first; the exporter keeps it where it is whole and made from the same
    inputs, and replaces it otherwise.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if PARALLEL else base) / "shipped-artifacts"
    done = shared.with_suffix(".done")
    try:
        os.close(os.open(shared.with_suffix(".lock"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        limit = time.monotonic() + EXPORT_SECONDS
        while not done.exists():
            assert time.monotonic() < limit, "the process that makes the shipped artefacts is gone, or far too slow"
            time.sleep(1)
    else:
        told = "failed\nthe process that was to make the artefacts did not"
        try:
            for name in NINE:
                if (ROOT / "artifacts" / name).is_dir():
                    shutil.copytree(ROOT / "artifacts" / name, shared / name)
            finished = export_all(ROOT, shared)
            told = f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        finally:  # the other processes wait for this file, and must not read half of it
            half = shared.with_suffix(".half")
            half.write_text(told, encoding="utf-8")
            half.rename(done)
    code, _, text = done.read_text(encoding="utf-8").partition("\n")
    assert code == "0", text
    return shared


def export_all(checkout: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """``python -m export all`` in a checkout, with the modules of that checkout."""
    assert SHIPPED.is_file(), f"{SHIPPED} is missing: the repository carries a trained checkpoint"
    command = [sys.executable, "-c", EXPORT, "all", "--out", str(out)]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
