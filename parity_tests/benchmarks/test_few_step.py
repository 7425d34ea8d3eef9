"""``python -m benchmarks few_step``: its measure of tone against cases known by hand, and what it prints."""

import json

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.few_step import edge_step
from models.system.errors import run_main


def test_the_step_of_tone():
    hole = np.zeros((12, 12), dtype=bool)
    hole[3:9, 4:10] = True
    flat = np.full((12, 12, 3), 100, dtype=np.uint8)
    assert edge_step(flat, hole) == 0
    shifted = flat.copy()
    shifted[hole] = (110, 100, 80)
    assert edge_step(shifted, hole) == pytest.approx((10 + 0 + 20) / 3)
    ramp = np.repeat(np.arange(0, 120, 10, dtype=np.uint8)[None, :, None], 12, 0).repeat(3, 2)
    assert edge_step(ramp, hole) == pytest.approx(0, abs=1e-9)  # what goes up on one side goes down on the other


def test_what_it_prints(capsys):
    arguments = ["few_step", "--size", "16", "--batch", "2", "--threads", "1", "--rounds", "3"]
    assert run_main(main, [*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    times, sizes = found["seconds_per_image"], found["parameters"]
    assert found["time_ratio"] == pytest.approx(times["ddgan"] / times["wavediff"])
    assert found["size_ratio"] == pytest.approx(sizes["ddgan"] / sizes["wavediff"])
    assert found["size_ratio"] > 1
    assert run_main(main, [*arguments, "--photos", "x"]) == 2
    assert "--photos needs both" in capsys.readouterr().err
