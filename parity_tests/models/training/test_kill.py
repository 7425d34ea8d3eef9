"""kill -9 at random moments, and a run that goes on to the same bits: the real command in processes of its own."""

import json
import time

import numpy as np
import pytest

from parity_tests.support.train_driver import call, kill, start
from parity_tests.support.train_tiny import different, saved, saved_step, write_smooth

KILLS = 5
STEPS = 50
TIMING = ("images_per_s", "networks_share")
"""What a log says about the clock; all else must come out equal."""


def _log(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMING} for line in lines]


@pytest.mark.thorough
def test_five_kills_at_random_moments_change_nothing(tmp_path):
    """Saved after every step, so that kills hit all parts of it: networks, logs, writing and renaming of files."""
    data = write_smooth(tmp_path / "photos")
    settings = ["--data", data, "--device", "cpu", "--save-seconds", "1e-9", "--sample-steps", "25"]
    begin = ["--preset", "tiny-gan", "--set", f"steps={STEPS}", "--set", "stages=[[0,32,4],[15,64,2]]"]
    whole, parts, log = tmp_path / "whole", tmp_path / "parts", tmp_path / "log"
    finished = call("train", *settings, *begin, "--out", whole)
    assert finished.returncode == 0, finished.stderr
    rng = np.random.default_rng(0)
    reached = []
    for _ in range(KILLS):
        # A few steps beyond what the part before reached, and then any moment.
        target = max(0, saved_step(parts)) + rng.integers(1, 7)
        process = start("train", *settings, *(["--resume"] if reached else begin), "--out", parts, log=log)
        deadline = time.monotonic() + 120
        while saved_step(parts) < target and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.03))
        assert process.poll() is None, f"it ended before the kill: {log.read_text()}"
        kill(process)
        reached.append(saved_step(parts))
        assert target <= reached[-1] < STEPS
    finished = call("train", *settings, "--resume", "--out", parts)
    assert finished.returncode == 0, finished.stderr
    assert reached == sorted(reached)
    assert [part["from_step"] for part in json.loads((parts / "run.json").read_text())] == [0, *reached]
    assert saved_step(whole) == saved_step(parts) == STEPS
    assert different(saved(whole), saved(parts)) == []
    # Every step is logged once, with the figures of the run that nobody disturbed.
    assert [line["step"] for line in _log(parts)] == list(range(1, STEPS + 1))
    assert _log(parts) == _log(whole)
    name = f"{STEPS:07}.png"
    assert (parts / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()
