"""Training: schedules are functions of the step, a stopped run goes on to the same weights, bad input is refused."""

import argparse
import dataclasses
import json
import re
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models import train
from models.checkpoint import load_checkpoint
from models.data.photos import PhotoCache
from models.spec import SPECS, ModelSpec
from models.train_config import PRESETS, TrainConfig
from models.train_loop import Diverged, make_batch, run, train_step
from models.train_state import TrainState

CPU = torch.device("cpu")
TINY = ModelSpec("tiny", (8, 16), (1, 1))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Smooth random pictures: enough to lower a loss on."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(8):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize((80, 72), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def config(monkeypatch):
    monkeypatch.setitem(SPECS, "tiny", TINY)
    return TrainConfig(spec="tiny", stages=((0, 32, 3), (6, 64, 2)), steps=12, decay_steps=4, warmup_steps=2, precision="fp32")


def _run(config, cache, folder):
    """One process's share of a run: what it finds on disk is all it knows."""
    folder.mkdir(exist_ok=True)
    file = folder / "state.safetensors"
    state = TrainState.load(file, CPU)[0] if file.exists() else TrainState.fresh(config, CPU)
    run(state, cache, config, folder, {}, minutes=float("inf"))


def _weights(folder):
    return load_file(folder / "state.safetensors")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_resumed_run_ends_in_the_same_bits(config, photos, tmp_path, monkeypatch, number):
    """Signals arrive in the middle of a step, between the optimiser and the moving average."""
    cache = PhotoCache.read(photos, 64)
    _run(config, cache, tmp_path / "whole")
    update = TrainState.update_average

    def interrupted(state, decay):
        if state.step in (2, 6, 7):
            signal.raise_signal(number)
        update(state, decay)

    monkeypatch.setattr(TrainState, "update_average", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            _run(config, cache, tmp_path / "parts")
    monkeypatch.setattr(TrainState, "update_average", update)
    _run(config, cache, tmp_path / "parts")
    whole, parts = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name in whole:
        assert torch.equal(whole[name], parts[name]), name
    # The harness can fail: another seed ends elsewhere.
    _run(dataclasses.replace(config, seed=1), cache, tmp_path / "other")
    assert any(not torch.equal(whole[name], value) for name, value in _weights(tmp_path / "other").items())


def test_command_stops_after_its_minutes_and_resumes(config, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", config)
    words = ["--data", photos, "--out", tmp_path / "run"]
    assert train.main(_arguments(*words, "--preset", "tiny", "--max-minutes", "1e-9", "--licence", "CC0")) == 0
    assert "stopped and saved at step 1 of 12" in capsys.readouterr().err
    assert train.main(_arguments(*words, "--resume", "--set", "steps=5")) == 0
    state, resumed = TrainState.load(tmp_path / "run" / "state.safetensors", CPU)
    assert (state.step, resumed) == (5, dataclasses.replace(config, steps=5))
    assert TrainConfig.from_json((tmp_path / "run" / "config.json").read_text()) == resumed
    with pytest.raises(ValueError, match="finished at step 5"):
        train.main(_arguments(*words, "--resume"))


def test_training_learns_one_batch(config, photos):
    config = dataclasses.replace(config, stages=((0, 32, 4),), steps=40, learning_rate=2e-2)
    state, batch = TrainState.fresh(config, CPU), make_batch(PhotoCache.read(photos, 32), config, 0)
    values = [train_step(state, batch, config)["hole_l1"] for _ in range(config.steps)]
    assert values[-1] < 0.6 * values[0]


def test_run_writes_a_checkpoint_of_the_average(config, photos, tmp_path):
    state, cache = TrainState.fresh(config, CPU), PhotoCache.read(photos, 64)
    run(state, cache, config, tmp_path, {"photos": "8"}, minutes=float("inf"))
    shipped = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert shipped.spec == TINY
    for name, value in state.average.state_dict().items():
        assert torch.equal(shipped.state_dict()[name], value.contiguous()), name
    assert any(not torch.equal(a, b) for a, b in zip(state.average.parameters(), state.generator.parameters(), strict=True))
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 12
    assert set(config.losses) < set(last)


def test_schedules_are_functions_of_the_step():
    config = TrainConfig(stages=((0, 128, 4), (50, 256, 2)), steps=100, warmup_steps=10, decay_steps=20, learning_rate=1e-2)
    assert config.rate(0) == pytest.approx(1e-3)
    assert config.rate(9) == config.rate(79) == pytest.approx(1e-2)
    assert config.rate(90) == pytest.approx(5e-3)
    assert config.stage(49) == (128, 4)
    assert config.stage(50) == (256, 2)


def test_divergence_names_step_and_loss(config, photos):
    state, cache = TrainState.fresh(config, CPU), PhotoCache.read(photos, 64)
    with torch.no_grad():
        state.generator.head.gain.fill_(float("nan"))
    with pytest.raises(Diverged, match=r"step 0: hole_l1 is nan"):
        train_step(state, make_batch(cache, config, 0), config)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    assert TrainConfig.from_json(PRESETS[name].to_json()) == PRESETS[name]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps", "expected key=value"),
        ("speed=3", "expected key=value with a key of"),
        ("steps=many", "steps is of type int"),
        ("spec=wavefill-xl", "allowed: wavefill-s"),
        ("stages=[[0,100,4]]", "no multiple of 128"),
        ("stages=[[5,128,4]]", "first stage must begin at step 0"),
        ("stages=[1]", "each is [first step"),
        ("stages=[[0,128]]", "each is [first step"),
        ("stages=[[0,128,1.5]]", "each is [first step"),
        ("stages=[[0,128,1000000000]]", "allowed: 1 to 4096"),
        ("losses={}", "losses are none"),
        ('losses={"hole_l1":"a"}', "numbers from 0 on"),
        ("betas=[0.9]", "two numbers between 0 and 1"),
        ("clip_norm=NaN", "clip_norm is nan"),
        ("clip_norm=-1", "clip_norm is -1"),
        ("seed=-1", "seed is -1"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TrainConfig().with_settings([setting])


def _arguments(*words):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def test_command_refuses_what_it_cannot_do(photos, tmp_path):
    for words, message in (
        (["--resume"], "nothing to resume"),
        (["--max-minutes", "0"], "must be positive"),
        (["--max-minutes", "nan"], "must be positive"),
        (["--limit", "0"], "must be at least 1"),
        (["--device", "tpu"], "allowed: auto, cpu, cuda"),
    ):
        with pytest.raises(ValueError, match=message):
            train.main(_arguments("--data", photos, "--out", tmp_path / "run", *words))
    (tmp_path / "state.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="already holds a run"):
        train.main(_arguments("--data", photos, "--out", tmp_path))


def test_state_of_another_network_is_refused(config, photos, tmp_path):
    TrainState.fresh(config, CPU).save(tmp_path / "state.safetensors", config)
    with pytest.raises(ValueError, match="tensors do not fit its spec"):
        TrainState.load(tmp_path / "state.safetensors", CPU, ["spec=wavefill-s", "stages=[[0,128,1]]"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stages": 3}', '{"stages": [], "betas": [], "speed": 1}'])
def test_a_damaged_configuration_is_refused(text):
    with pytest.raises(ValueError, match="training configuration"):
        TrainConfig.from_json(text)
