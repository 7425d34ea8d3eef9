"""A handful of kills and of full disks for each command; `make kills` does 200."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity_tests.robustness.kill_jobs import JOBS

ROOT = Path(__file__).parents[2]
QUICK = [word for name in JOBS if JOBS[name][0] >= 25 for word in ("--job", name)]
"""Those that need no toolkit: a run takes a second."""


def harness(*words):
    command = [sys.executable, "-m", "parity_tests.kills", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", JOBS)
def test_kills_at_random_moments(name):
    done = harness("--count", 4, "--job", name)
    assert (done.returncode, done.stdout) == (0, "4 kills, 0 faults\n"), done.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_kills_before_file_operations():
    """Between the writing of a temporary file and its renaming, too."""
    done = harness("--operations", "--count", 32, *QUICK)
    assert (done.returncode, done.stdout) == (0, "32 kills, 0 faults\n"), done.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_files_that_cannot_grow():
    """One line and exit code 2, nothing half-written; with room again the same bytes."""
    done = harness("--limits", "--count", 16, *QUICK)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "16 tries, 0 faults"), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_a_command_that_does_not_rename_is_caught():
    done = harness("--operations", "--count", 12, "--job", "inpaint", "--plant", "copy-instead-of-renaming")
    assert done.returncode == 1
    assert "filled.png: neither what it was nor what it becomes" in done.stdout
