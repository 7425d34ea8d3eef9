"""Temporary files and folders: swept away once nobody holds them, and never while somebody does."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.checkpoint import write_atomically
from models.system.temporary import sweep, temporary_file, temporary_folder

ROOT = Path(__file__).parents[3]
KILLED = """
import os, pathlib, signal, sys
from models.system import temporary
with getattr(temporary, sys.argv[1])(pathlib.Path(sys.argv[2])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", [temporary_file, temporary_folder])
def test_what_a_killed_process_leaves_goes_with_the_next_writer(tmp_path, kind):
    final, other = tmp_path / "a[1].png", tmp_path / "b.png"
    for name in (final, other):
        # A new process and not a fork: this one has threads, and locks that they may hold.
        child = subprocess.run([sys.executable, "-c", KILLED, kind.__name__, str(name)], cwd=ROOT, check=False)
        assert child.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    write_atomically(final, b"new")
    assert final.read_bytes() == b"new"
    assert len(names(tmp_path)) == 2, names(tmp_path)  # the new file, and what was left of the other name
    sweep(other)
    assert names(tmp_path) == ["a[1].png"]


@pytest.mark.parametrize("kind", [temporary_file, temporary_folder])
def test_what_somebody_holds_stays(tmp_path, kind):
    with kind(tmp_path / "a.png"):
        before = names(tmp_path)
        write_atomically(tmp_path / "a.png", b"another process's")
        assert names(tmp_path) == sorted([*before, "a.png"])
    assert names(tmp_path) == ["a.png"]


def test_names_that_only_look_similar_stay(tmp_path):
    others = [".a.png.tmp", ".a.png.backup.tmp", "a.png.abcdefgh.tmp", ".aXpng.abcdefgh.tmp", ".a.png.ABCDEFGH.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"a user's")
    write_atomically(tmp_path / "a.png", b"new")
    assert names(tmp_path) == sorted([*others, "a.png"])


def test_many_writers_of_one_name(tmp_path):
    """Each finds its own temporary file until it renames it; the file is one of theirs, whole."""
    final, contents = tmp_path / "a.bin", [bytes([number]) * 20_000 for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(final, content), contents))
    assert final.read_bytes() in contents
    assert names(tmp_path) == ["a.bin"]


def test_a_folder_that_is_not_there(tmp_path):
    """An error, and not another try for ever."""
    for kind in (temporary_file, temporary_folder):
        with pytest.raises(FileNotFoundError), kind(tmp_path / "none" / "a"):
            pass
