"""Batches are functions of seed and step, however they are made and wherever a run begins."""

import dataclasses
import subprocess
import sys

import pytest
import torch

from models.training.batches import batches, make_batch
from models.training.config import PRESETS
from parity_tests.conftest import ROOT
from parity_tests.support.train_tiny import Smooth, alone

pytestmark = pytest.mark.usefixtures("tiny_presets")


def test_batches_are_the_same_from_whatever_step_they_begin():
    config = PRESETS["tiny-gan"]
    engine = alone()
    whole = list(batches(Smooth(), config, 0, engine.share))
    assert len(whole) == config.steps
    for got, expected in zip(batches(Smooth(), config, 5, engine.share), whole[5:], strict=True):
        assert torch.equal(got.photos, expected.photos)
        assert torch.equal(got.holes, expected.holes)
    assert not torch.equal(whole[0].photos, whole[1].photos)


def test_large_holes_come_as_often_as_asked_and_change_no_photo():
    without = dataclasses.replace(PRESETS["tiny-gan"], stages=((0, 32, 200),))
    plain, drawn, every = (make_batch(Smooth(), dataclasses.replace(without, large_holes=share), 0) for share in (0.0, 0.25, 1.0))
    assert torch.equal(plain.photos, drawn.photos)
    replaced = (plain.holes != drawn.holes).flatten(1).any(1)
    assert 30 <= int(replaced.sum()) <= 70  # 50 of 200 on average, standard deviation 6
    assert ((every.holes[replaced].float().mean((1, 2, 3)) - 0.67).abs() < 0.15).all()  # 60 to 80 %, sides rounded down
    assert torch.equal(plain.holes[~replaced], drawn.holes[~replaced])


SAME_BATCHES = """
import torch
from models.training.batches import batches
from models.training.config import PRESETS
from parity_tests.support.train_tiny import Smooth, alone, register

register(dict.__setitem__)
config = PRESETS["tiny-gan"]
made = list(batches(Smooth(), config, 2, alone().share, workers=2))
expected = list(batches(Smooth(), config, 2, alone().share))
assert len(made) == len(expected) == config.steps - 2
for got, one in zip(made, expected, strict=True):
    assert torch.equal(got.photos, one.photos)
    assert torch.equal(got.holes, one.holes)
"""


def test_worker_processes_make_the_same_batches():
    """In an interpreter of its own: workers are forked, and the suite holds threads of libraries that no training has."""
    done = subprocess.run([sys.executable, "-c", SAME_BATCHES], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
