"""Runs that fail: a full disk while saving and a diverging run leave the state that was saved before, and say so in a line."""

import errno
import os
import resource

import pytest
import torch

from models.__main__ import main as models_main
from models.checkpoint import load_checkpoint
from models.losses import LOSSES
from models.losses.adversarial import ADVERSARIAL, AdversarialLoss
from models.system.errors import run_main
from models.training.command import exclusive
from models.training.state import TrainState
from parity_tests.support.train_tiny import CPU, saved_step

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def command(photos, tmp_path):
    """``python -m models train`` as a shell sees it: returns the exit code."""

    def call(*words):
        out = ["train", "--data", str(photos), "--out", str(tmp_path / "run"), "--device", "cpu", "--sample-steps", "0"]
        return run_main(models_main, [*out, *words])

    return call


WRITTEN = ("state.safetensors", "checkpoint.safetensors", "tiny.discriminators.safetensors")
"""Files that a save writes."""


@pytest.fixture
def stopped(command, tmp_path, capsys):
    """The folder of a run of `tiny-gan` with one step, and what is saved in it."""
    assert command("--preset", "tiny-gan", "--max-minutes", "1e-9") == 0
    capsys.readouterr()
    return tmp_path / "run", _saved(tmp_path / "run")


def _saved(folder):
    return {name: (folder / name).read_bytes() for name in WRITTEN}


def _files(folder):
    return sorted(path.name for path in folder.iterdir())


def _error(text):
    """The one line that is no progress bar."""
    lines = [line for line in text.replace("\r", "\n").splitlines() if "error" in line.lower() or "Traceback" in line]
    assert len(lines) == 1, text
    return lines[0]


def test_a_file_that_cannot_grow_leaves_the_state_before(command, stopped, capsys):
    """The kernel refuses to write more than a quarter of the state, as on a full disk; a sixth are its discriminators."""
    folder, before = stopped
    size = len(before["state.safetensors"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 4, hard))
    try:
        assert command("--resume", "--set", "steps=3") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _error(capsys.readouterr().err).endswith(f"{folder / 'state.safetensors'}: File too large")
    assert _saved(folder)["state.safetensors"] == before["state.safetensors"]
    load_checkpoint(folder / "checkpoint.safetensors")  # written first, so it may be ahead of the state, and it is whole
    assert not [name for name in _files(folder) if name.startswith(".")], "half a file stayed"
    # With room again, the run goes on.
    assert command("--resume", "--set", "steps=3") == 0
    assert saved_step(folder) == 3


@pytest.mark.parametrize("full_at", WRITTEN)
def test_a_disk_that_fills_up_leaves_whole_files(command, stopped, monkeypatch, capsys, full_at):
    folder, before = stopped
    real = os.fsync

    def fsync(descriptor):
        if os.fstat(descriptor).st_ino in {file.stat().st_ino for file in folder.glob(f".{full_at}.*")}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert command("--resume", "--set", "steps=3") == 2
    monkeypatch.setattr(os, "fsync", real)
    assert _error(capsys.readouterr().err).endswith(f"{folder / full_at}: No space left on device")
    after = _saved(folder)
    assert after[full_at] == before[full_at]
    assert saved_step(folder) == 1, "a state that is ahead of its checkpoint"
    load_checkpoint(folder / "checkpoint.safetensors")
    assert not [name for name in _files(folder) if name.startswith(".")], "half a file stayed"


def _nan_from(call, function):
    """A loss that is no number from its n-th call on."""
    calls = []

    def loss(*tensors):
        calls.append(1)
        value = function(*tensors)
        return value * float("nan") if len(calls) >= call else value

    return loss


def _diverging_loss(monkeypatch):
    monkeypatch.setitem(LOSSES, "hole_l1", _nan_from(3, LOSSES["hole_l1"]))
    return "step 3: hole_l1 is nan"


def _diverging_generator_side(monkeypatch):
    game = ADVERSARIAL["non_saturating"]
    # Called once for each of two discriminators in a step, the image one first.
    monkeypatch.setitem(ADVERSARIAL, "non_saturating", AdversarialLoss(game.discriminator, _nan_from(6, game.generator)))
    return "step 3: wavelet_generator is nan"


def _diverging_discriminator(monkeypatch):
    game = ADVERSARIAL["non_saturating"]
    monkeypatch.setitem(ADVERSARIAL, "non_saturating", AdversarialLoss(_nan_from(5, game.discriminator), game.generator))
    return "step 3: image_discriminator is nan"


def _diverging_weights(monkeypatch):
    """The weights of a discriminator are gone after the third step, which is not saved."""
    apply = TrainState.apply

    def poisoned(state, config):
        apply(state, config)
        if state.step == 3:
            with torch.no_grad():
                state.discriminators["wavelet"].patches.last.bias.fill_(float("inf"))

    monkeypatch.setattr(TrainState, "apply", poisoned)
    return "step 3: wavelet_"


@pytest.mark.parametrize(
    "plant",
    [_diverging_loss, _diverging_generator_side, _diverging_discriminator, _diverging_weights],
    ids=lambda f: f.__name__[11:],
)
def test_a_diverging_run_stops_and_names_step_and_loss(command, stopped, monkeypatch, capsys, plant):
    """The run of one step goes on and diverges in its third step; nothing was saved since."""
    folder, before = stopped
    expected = plant(monkeypatch)
    assert command("--resume") == 2
    line = _error(capsys.readouterr().err)
    assert expected in line
    assert "the run diverged (try a lower learning_rate)" in line
    assert _saved(folder) == before


def test_what_was_saved_before_a_divergence_can_be_loaded(command, stopped, monkeypatch, capsys):
    """Saved after every step: the last state is that of the step before the loss was lost, and all of it is finite."""
    folder, _ = stopped
    _diverging_discriminator(monkeypatch)
    assert command("--resume", "--save-seconds", "1e-9") == 2
    capsys.readouterr()
    state, _ = TrainState.load(folder / "state.safetensors", CPU)
    assert state.step == 3


def test_two_processes_cannot_train_in_one_folder(command, stopped, capsys):
    """As after the launcher of several processes was killed: its workers go on, and a resumed run must not join them."""
    folder, before = stopped
    with exclusive(folder):
        assert command("--resume") == 2
    assert "another process is training there" in _error(capsys.readouterr().err)
    assert _saved(folder) == before
    assert command("--resume", "--max-minutes", "1e-9") == 0


def test_what_a_killed_process_left_half_written_is_cleared_away(command, stopped):
    folder, _ = stopped
    left = [
        folder / name
        for name in (".state.safetensors.abc123", ".checkpoint.safetensors.xyz", ".tiny.discriminators.safetensors.q")
    ]
    for path in left:
        path.write_bytes(b"half")
    assert command("--resume", "--max-minutes", "1e-9") == 0
    assert not any(path.exists() for path in left)
