"""A run of one process: a stopped one goes on to the same weights, and what it writes."""

import dataclasses
import json
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from models.checkpoint import load_checkpoint
from models.training.config import PRESETS
from models.training.loop import Limits
from models.training.run_state import MOMENTS
from models.training.state import TrainState
from parity_tests.support.train_tiny import CPU, TINY, different, go_on, saved, saved_step

pytestmark = pytest.mark.usefixtures("tiny_presets")


PRESET_NAMES = ["tiny", "tiny-gan"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_presets):
    """What runs that nobody stopped end with, each run once: configuration -> tensors."""
    found = {}

    def end(config):
        key = config.to_json()
        if key not in found:
            folder = tmp_path_factory.mktemp("whole")
            go_on(config, folder)
            found[key] = saved(folder)
        return found[key]

    return end


def _stop_in_the_middle(monkeypatch, number, steps):
    """A signal arrives between the optimisers and the moving average of these steps."""
    update = TrainState.update_ema

    def interrupted(state, decay):
        if state.step in steps:
            signal.raise_signal(number)
        update(state, decay)

    monkeypatch.setattr(TrainState, "update_ema", interrupted)
    return lambda: monkeypatch.setattr(TrainState, "update_ema", update)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_stopped_and_resumed_run_ends_in_the_same_bits(whole, tmp_path, monkeypatch, capsys, preset, number):
    config = PRESETS[preset]
    undisturbed = _stop_in_the_middle(monkeypatch, number, (2, 6, 7))
    for step in (3, 7, 8):
        with pytest.raises(KeyboardInterrupt):
            go_on(config, tmp_path / "parts")
        assert saved_step(tmp_path / "parts") == step, "the step in progress was finished and saved"
        assert f"stopped and saved at step {step} of 12; --resume goes on" in capsys.readouterr().err
    undisturbed()
    go_on(config, tmp_path / "parts")
    assert different(whole(config), saved(tmp_path / "parts")) == []


def test_another_seed_ends_elsewhere(whole):
    """The comparison of the tests on resuming can fail."""
    config = PRESETS["tiny-gan"]
    one, other = whole(config), whole(dataclasses.replace(config, seed=1))
    assert {name for name in one if name.endswith("weight")} <= set(different(one, other))


@pytest.fixture(scope="module")
def halfway(tmp_path_factory, tiny_presets):
    """Configuration and folder of a run that was stopped in its middle."""
    # With a beta of 0, as in the full recipe, Adam has no momentum to lose.
    config = dataclasses.replace(PRESETS["tiny-gan"], betas=(0.5, 0.99))
    folder = tmp_path_factory.mktemp("halfway")
    with pytest.MonkeyPatch.context() as patch:
        _stop_in_the_middle(patch, signal.SIGINT, (5,))
        with pytest.raises(KeyboardInterrupt):
            go_on(config, folder)
    return config, folder


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("network", ["", "image."])
def test_a_state_without_its_moments_ends_elsewhere(whole, halfway, tmp_path, network, moment):
    """Nothing that is saved is superfluous, and the comparison can fail: one network's momentum or scale is lost."""
    config, folder = halfway
    file = folder / "state.safetensors"
    with safe_open(file, "pt") as opened:
        header = opened.metadata()
    tensors = saved(folder)
    lost = [name for name in tensors if name.startswith(f"{network}{moment}.")]
    assert lost
    assert any(tensors[name].any() for name in lost)
    tensors |= {name: torch.zeros_like(tensors[name]) for name in lost}
    save_file(tensors, tmp_path / "state.safetensors", metadata=header)
    go_on(config, tmp_path)
    assert any(name.startswith(f"{network}weight.") for name in different(whole(config), saved(tmp_path)))


def test_run_writes_a_checkpoint_of_the_average(tmp_path):
    config = PRESETS["tiny-gan"]
    state = go_on(config, tmp_path)
    shipped = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert shipped.spec == TINY
    for name, value in state.ema.state_dict().items():
        assert torch.equal(shipped.state_dict()[name], value.contiguous()), name
    assert any(not torch.equal(a, b) for a, b in zip(state.ema.parameters(), state.generator.parameters(), strict=True))
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 12
    assert set(config.losses) < set(last)


def test_a_log_continues_from_the_state_that_was_saved(tmp_path, monkeypatch):
    """A kill comes after steps were logged and before they were saved, and cuts the last line off."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr("models.training.log.LOG_STEPS", 1)
    config, folder = PRESETS["tiny"], tmp_path / "parts"
    go_on(config, tmp_path / "whole")
    undisturbed = _stop_in_the_middle(monkeypatch, signal.SIGINT, (2, 6))
    with pytest.raises(KeyboardInterrupt):
        go_on(config, folder)
    early = (folder / "state.safetensors").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        go_on(config, folder)
    undisturbed()
    (folder / "state.safetensors").write_bytes(early)
    log = folder / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 8, "hole_l')
    go_on(config, folder)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    whole = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["gradient"] for line in lines] == [line["gradient"] for line in whole]
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("gradient")] == list(range(1, 13))


def test_a_run_stops_after_its_minutes(tmp_path, capsys):
    go_on(PRESETS["tiny"], tmp_path, limits=Limits(minutes=1e-9, sample_steps=0))
    assert saved_step(tmp_path) == 1
    assert "stopped and saved at step 1 of 12" in capsys.readouterr().err


def test_state_of_another_network_is_refused(tmp_path):
    config = PRESETS["tiny-gan"]
    TrainState.fresh(config, CPU).save(tmp_path / "state.safetensors", config)
    for settings in (["spec=wavefill-s", "stages=[[0,128,1]]"], ['discriminators={"image":0.1}']):
        with pytest.raises(ValueError, match="tensors do not fit its spec"):
            TrainState.load(tmp_path / "state.safetensors", CPU, settings)
