"""Exports that are interrupted, or cannot be written: one line, an exit code, nothing half done, nothing old damaged."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.artifact.folder import state
from parity_tests.support.export_command import ARTEFACT, SIZE

ROOT = Path(__file__).parents[2]


def interrupt(folder):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def test_ctrl_c_is_exit_130_and_leaves_nothing(cli, fake):
    fake.during_convert = interrupt
    assert cli.make() == 130
    assert cli.error.endswith("stopped by Ctrl-C")
    assert cli.left == []


def test_ctrl_c_leaves_the_previous_artefact(cli, fake):
    cli.make()
    before = state(cli.out / ARTEFACT)
    fake.during_convert = interrupt
    assert cli.make("--force") == 130
    assert (cli.left, state(cli.out / ARTEFACT)) == ([ARTEFACT], before)


@contextlib.contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_exit_2_and_leaves_the_previous_artefact(cli, fake):
    cli.make()
    before = state(cli.out / ARTEFACT)
    fake.content = bytes(200_000)
    with file_size_limit(50_000):
        assert cli.make("--force") == 2
    assert "File too large" in cli.error
    assert (cli.left, state(cli.out / ARTEFACT)) == ([ARTEFACT], before)


def test_a_toolkit_that_cannot_write_is_exit_2_and_another_error_is_not_hidden(cli, fake):
    """coremltools says a full disk with a RuntimeError; any other RuntimeError is a defect and keeps its traceback."""

    def fail(text):
        raise RuntimeError(text)

    fake.during_convert = lambda folder: fail("[MIL FileWriter]: Unknown error occurred while writing data to the file.")
    assert cli.make() == 2
    assert "is the disk full?" in cli.error
    fake.during_convert = lambda folder: fail("a defect")
    with pytest.raises(RuntimeError, match="a defect"):
        cli.make()
    assert cli.left == []


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS"])
def test_a_disk_that_fills_up_on_the_last_files(cli, fake, name, monkeypatch):
    cli.make()
    before = state(cli.out / ARTEFACT)
    write = Path.write_text

    def full(self, *arguments, **options):
        if self.name == name:
            raise OSError(28, "No space left on device", str(self))
        return write(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert cli.make("--force") == 2
    assert "No space left on device" in cli.error
    assert (cli.left, state(cli.out / ARTEFACT)) == ([ARTEFACT], before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_exit_2(cli):
    cli.make()
    cli.out.chmod(0o555)
    try:
        assert cli.make("--force") == 2
        assert "Permission denied" in cli.error
    finally:
        cli.out.chmod(0o755)
    assert cli.left == [ARTEFACT]


def test_a_folder_that_refuses_is_exit_2(cli, monkeypatch):
    """The same for root, who is never refused: the operating system's answer is planted."""
    cli.make()
    before = state(cli.out / ARTEFACT)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(cli.out))

    monkeypatch.setattr("models.system.temporary.tempfile.mkdtemp", refuse)
    assert cli.make("--force") == 2
    assert f"{cli.out}: Permission denied" in cli.error
    assert (cli.left, state(cli.out / ARTEFACT)) == ([ARTEFACT], before)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["onnx", *(pytest.param(verb, marks=pytest.mark.thorough) for verb in ("coreml", "litert"))])
def test_a_full_disk_with_the_real_toolkits(verb, tiny_checkpoint, tmp_path):
    """Every file that the process writes is limited to 8 kB, temporary ones too."""
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)); "
    limited += "runpy.run_module('export', run_name='__main__', alter_sys=True)"
    options = ["--checkpoint", tiny_checkpoint, "--size", SIZE, "--scheme", "fp32", "--out", tmp_path / "out"]
    command = [sys.executable, "-c", limited, verb, *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == []
