"""Two processes under ``accelerate launch`` against one, and what one process's engine decides by itself."""

import json
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from models.training.config import PRESETS
from models.training.engine import Engine
from parity_tests.support.train_driver import call, kill, start
from parity_tests.support.train_tiny import (
    alone,
    different,
    one_thread,
    relative_distances,
    saved,
    saved_step,
    sgd_steps,
)

pytestmark = pytest.mark.usefixtures("tiny")


BAR = 1e-5
"""Relative to the largest entry of a tensor. Two halves of a sum are rounded apart from the whole: float32, some 1e-7 each."""


def _worst(ours, theirs, kind):
    distances = relative_distances(ours, theirs)
    found = {name: value for name, value in distances.items() if name.startswith(kind)}
    assert found
    return max(found.items(), key=lambda item: item[1])


@pytest.mark.slow
def test_two_processes_equal_one_with_all_their_samples(tmp_path):
    """Gradients of the first step and weights after three of plain descent, of the generator and of both discriminators."""
    averaged, unaveraged = tmp_path / "averaged.safetensors", tmp_path / "unaveraged.safetensors"
    finished = call("sgd", averaged, unaveraged, launch=True)
    assert finished.returncode == 0, finished.stderr
    with safe_open(averaged, "pt") as opened:
        assert opened.metadata() == {"processes": "2"}, "accelerate started one process only"
    with one_thread():
        one = sgd_steps(alone())
    two, broken = load_file(averaged), load_file(unaveraged)
    networks = {name.split(".")[1] for name in one if name.startswith("gradient.")}
    assert networks == {"", "image", "wavelet"}
    assert _worst(one, two, "gradient.")[1] < BAR, _worst(one, two, "gradient.")
    assert _worst(one, two, "after.")[1] < BAR, _worst(one, two, "after.")
    # Each network moved by far more than the bar, so that wrong steps would show.
    for network in ("weight.head.gain", "image.weight.patches.last.gain", "wavelet.weight.patches.last.gain"):
        before, after = one[f"before.{network}"], one[f"after.{network}"]
        assert float((after - before).abs().max() / before.abs().max()) > 100 * BAR, network
    # The harness can fail: each process keeps its own gradients.
    assert different({k: v for k, v in one.items() if "before." in k}, {k: v for k, v in broken.items() if "before." in k}) == []
    assert _worst(one, broken, "gradient.")[1] > 0.1
    assert _worst(one, broken, "after.")[1] > 0.1


@pytest.mark.thorough
def test_two_processes_that_were_killed_go_on_to_the_same_bits(photos, tmp_path):
    """The real command: stopped by the clock, killed in the middle, then run to its end."""
    words = ["train", "--data", photos, "--device", "cpu", "--save-seconds", "1e-9", "--sample-steps", "0"]
    whole, parts, log = tmp_path / "whole", tmp_path / "parts", tmp_path / "log"
    finished = call(*words, "--preset", "tiny-gan", "--out", whole, launch=True)
    assert finished.returncode == 0, finished.stderr
    process = start(*words, "--preset", "tiny-gan", "--out", parts, launch=True, log=log)
    deadline = time.monotonic() + 120
    while saved_step(parts) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.poll() is None, f"it ended before the kill: {log.read_text()}"
    kill(process)
    reached = saved_step(parts)
    assert 3 <= reached < 12
    finished = call(*words, "--resume", "--out", parts, launch=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("2 process(es) on cpu, fp32") == 1, "one process tells"
    entries = json.loads((parts / "run.json").read_text())
    assert [(entry["from_step"], entry["processes"]) for entry in entries] == [(0, 2), (reached, 2)]
    assert different(saved(whole), saved(parts)) == []
    steps = [json.loads(line)["step"] for line in (parts / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 13)), "logged once, by one process"


@pytest.mark.slow
def test_a_batch_that_two_processes_cannot_split_is_refused(photos, tmp_path):
    finished = call("train", "--data", photos, "--device", "cpu", "--preset", "tiny", "--out", tmp_path / "run", launch=True)
    assert finished.returncode != 0
    assert "error: a batch of 3 cannot be split over 2 processes; choose a multiple" in finished.stderr
    assert "exitcode  : 2" in finished.stderr, "what torch's launcher reports of its children"
    assert not (tmp_path / "run").exists()


def _one_of(processes, rank):
    """The engine of one of several processes, without the others."""
    engine = alone()
    engine.processes, engine.rank = processes, rank
    return engine


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_shares_of_a_batch_are_all_of_it_once(processes):
    config = PRESETS["tiny-gan"]
    for step, batch in ((0, 4), (3, 4)):
        shares = [_one_of(processes, rank).share(config, step) for rank in range(processes)]
        assert [index for share in shares for index in share] == list(range(batch))
        assert len({len(share) for share in shares}) == 1


def test_batches_are_checked_at_every_stage():
    config = PRESETS["tiny-gan"]  # batches of 4 and 2
    _one_of(2, 0).check(config)
    with pytest.raises(ValueError, match="a batch of 2 cannot be split over 4 processes; choose a multiple"):
        _one_of(4, 0).check(config)


def test_unknown_and_missing_devices_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="--device is 'tpu'; allowed: auto, cpu, cuda"):
        Engine("tpu", "fp32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="--device cuda: no CUDA device here"):
        Engine("cuda", "fp32")


@pytest.mark.parametrize(
    ("precision", "native", "expected"),
    [("fp32", True, False), ("bf16", False, True), ("auto", True, True), ("auto", False, False)],
)
def test_bf16_only_where_it_pays(monkeypatch, precision, native, expected):
    """A CPU that has to emulate it is slower than in fp32, so ``auto`` asks the CPU."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    engine = Engine("cpu", precision)
    assert engine.bf16 == expected
    with engine.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if expected else torch.float32)


def test_one_process_leaves_gradients_alone():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.tensor([1.0, 2.0, 3.0])
    engine = alone()
    engine.average_gradients([parameter])
    assert parameter.grad.tolist() == [1.0, 2.0, 3.0]
    assert engine.means({"a": torch.tensor(2.0), "b": torch.tensor([5.0])}) == {"a": 2.0, "b": 5.0}
    assert engine.any(True) is True
    assert engine.any(False) is False
