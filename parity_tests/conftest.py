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
from models.checkpoint import SHIPPED, save_checkpoint
from models.generator import Generator
from models.spec import ModelSpec
from parity_tests.fakes import FakeBackend

# No deadlines: a shared machine pauses a test for longer than any example takes. Derandomised, so that a failure in CI can be
# repeated here.
settings.register_profile("wavefill", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("wavefill")

# A shell that starts the tests in the background makes them ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
TINY = ModelSpec("tiny", widths=(8, 16), blocks=(1, 1))


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
    return backend


@pytest.fixture(scope="session")
def shipped_artifacts(tmp_path_factory) -> Path:
    """``python -m export all`` on the shipped checkpoint, run once for all processes of one test run.

    What `make export` left in artifacts/ is copied first; the exporter keeps it where it is whole and made from the same
    inputs, and replaces it otherwise.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shipped-artifacts"
    done = shared.with_suffix(".done")
    try:
        os.close(os.open(shared.with_suffix(".lock"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        while not done.exists():
            time.sleep(1)
    else:
        if (ROOT / "artifacts").is_dir():
            shutil.copytree(ROOT / "artifacts", shared)
        finished = export_all(ROOT, shared)
        done.write_text(f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}", encoding="utf-8")
    code, _, text = done.read_text(encoding="utf-8").partition("\n")
    assert code == "0", text
    return shared


def export_all(checkout: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The command of the README, in a checkout."""
    assert SHIPPED.is_file(), f"{SHIPPED} is missing: the repository carries a trained checkpoint"
    command = [sys.executable, "-m", "export", "all", "--out", str(out)]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
