"""``python -m models train``: what a run leaves behind, how it begins and goes on, and what it refuses."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from models.__main__ import main as models_main
from models.checkpoint import load_checkpoint, save_checkpoint, sha256
from models.commands import train
from models.generator import Generator
from models.losses import LOSSES
from models.spec import SPECS
from models.system.errors import run_main
from models.training.config import PRESETS, TrainConfig
from models.training.state import TrainState
from parity_tests.support.train_tiny import CPU, TINY, arguments, register, saved_step, write_smooth


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    register(monkeypatch.setitem)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_smooth(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def begin(photos, tmp_path):
    """Run the verb on the photos and a folder of this test's; returns the exit code."""

    def call(*words, out="run", data=photos):
        return train.main(arguments("--data", data, "--out", tmp_path / out, "--device", "cpu", *words))

    return call


@pytest.fixture
def stopped(begin, tmp_path, capsys):
    """The folder of a run of `tiny-gan` that was stopped after its first step."""
    assert begin("--preset", "tiny-gan", "--max-minutes", "1e-9", "--licence", "CC0") == 0
    assert "stopped and saved at step 1 of 12" in capsys.readouterr().err
    return tmp_path / "run"


def test_a_run_folder_describes_itself(begin, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("models.training.log.LOG_STEPS", 5)
    assert begin("--preset", "tiny-gan", "--set", "seed=3", "--sample-steps", "6", "--licence", "CC0") == 0
    folder = tmp_path / "run"
    assert capsys.readouterr().out == f"{folder / 'checkpoint.safetensors'}\n"
    config = dataclasses.replace(PRESETS["tiny-gan"], seed=3)
    assert TrainConfig.from_json((folder / "config.json").read_text()) == config
    (part,) = json.loads((folder / "run.json").read_text())
    assert (part["from_step"], part["processes"], part["photos"], part["device"], part["bf16"]) == (0, 1, 8, "cpu", False)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 12]
    _compare_with_tensorboard(folder / "tensorboard", lines)
    samples = sorted((folder / "samples").iterdir())
    assert [path.name for path in samples] == ["0000006.png", "0000012.png"]
    first, last = (np.asarray(Image.open(path)) for path in samples)
    assert first.shape == last.shape
    assert first.shape[0] > 6 * 64, "six rows of the size of the last stage"
    assert (first != last).any(), "the fills moved"
    average = load_checkpoint(folder / "checkpoint.safetensors")
    assert average.spec == TINY
    state, _ = TrainState.load(folder / "state.safetensors", CPU)
    for name, value in state.ema.named_parameters():
        assert torch.equal(average.get_parameter(name), value), name
    assert state.provenance["photos_sha256"] == part["photos_sha256"]


def _compare_with_tensorboard(folder, lines):
    """Read the event files back: each scalar of the log, at its step, and both sample sheets."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set().union(*lines) - {"step"}
    for name in events.Tags()["scalars"]:
        found = [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(name)]
        assert [(line["step"], line[name]) for line in lines if name in line] == found, name
    assert [event.step for event in events.Images("samples")] == [6, 12]


def test_log_holds_means_over_its_steps(begin, tmp_path, monkeypatch):
    """A penalty of every third step is divided by all steps."""
    monkeypatch.setattr("models.training.log.LOG_STEPS", 1)
    assert begin("--preset", "tiny-gan", "--sample-steps", "0", out="each") == 0
    monkeypatch.setattr("models.training.log.LOG_STEPS", 6)
    assert begin("--preset", "tiny-gan", "--sample-steps", "0", out="means") == 0
    each, means = (
        [json.loads(line) for line in (tmp_path / out / "log.jsonl").read_text().splitlines()] for out in ("each", "means")
    )
    assert [line["step"] for line in means] == [6, 12]
    names = means[0].keys() - {"step", "learning_rate", "images_per_s", "networks_share"}
    assert {"hole_l1", "gradient", "image_r1", "wavelet_matching"} <= names
    for line, part in zip(means, (each[:6], each[6:]), strict=True):
        for name in names:
            expected = sum(one.get(name, 0.0) for one in part) / 6
            assert line[name] == pytest.approx(expected, abs=2e-5), name  # written with five decimals
        assert line["learning_rate"] == part[-1]["learning_rate"]


def test_command_stops_after_its_minutes_and_resumes(begin, stopped):
    # The configuration comes from the run; the name of its preset may be repeated.
    assert begin("--resume", "--preset", "tiny-gan", "--set", "steps=5") == 0
    state, resumed = TrainState.load(stopped / "state.safetensors", CPU)
    assert (state.step, resumed) == (5, dataclasses.replace(PRESETS["tiny-gan"], steps=5))
    assert TrainConfig.from_json((stopped / "config.json").read_text()) == resumed
    parts = json.loads((stopped / "run.json").read_text())
    assert [part["from_step"] for part in parts] == [0, 1]
    with pytest.raises(ValueError, match="finished at step 5; to go on, resume with --set steps=N"):
        begin("--resume")
    assert begin("--resume", "--set", "steps=6") == 0
    assert saved_step(stopped) == 6


def test_init_takes_over_the_weights(begin, tmp_path, monkeypatch):
    torch.manual_seed(5)
    start = Generator(TINY)
    save_checkpoint(tmp_path / "start.safetensors", start, {})
    seen = {}
    monkeypatch.setattr("models.training.loop.run", lambda recipe, limits: seen.update(recipe=recipe))
    assert begin("--preset", "tiny-gan", "--init", tmp_path / "start.safetensors") == 0
    state = seen["recipe"].state
    fresh = TrainState.fresh(PRESETS["tiny-gan"], CPU)
    for name, value in start.named_parameters():
        assert torch.equal(state.generator.get_parameter(name), value), name
        assert torch.equal(state.ema.get_parameter(name), value), name
    assert not torch.equal(fresh.generator.head.weight, start.head.weight), "the seed alone gives other weights"
    assert seen["recipe"].provenance["init_sha256"] == state.provenance["init_sha256"] == sha256(tmp_path / "start.safetensors")


def test_what_a_run_began_from_is_remembered(begin, tmp_path):
    save_checkpoint(tmp_path / "start.safetensors", Generator(TINY), {})
    assert begin("--preset", "tiny", "--init", tmp_path / "start.safetensors", "--max-minutes", "1e-9") == 0
    assert begin("--resume", "--set", "steps=3") == 0
    state, _ = TrainState.load(tmp_path / "run" / "state.safetensors", CPU)
    assert state.provenance["init_sha256"] == sha256(tmp_path / "start.safetensors")


def test_init_of_another_spec_is_refused(begin, tmp_path, monkeypatch):
    other = dataclasses.replace(TINY, name="other", widths=(8, 12))
    monkeypatch.setitem(SPECS, "other", other)
    save_checkpoint(tmp_path / "other.safetensors", Generator(other), {})
    with pytest.raises(ValueError, match="holds a other, the configuration says tiny"):
        begin("--preset", "tiny", "--init", tmp_path / "other.safetensors")
    with pytest.raises((ValueError, OSError), match=r"missing\.safetensors"):
        begin("--preset", "tiny", "--init", tmp_path / "missing.safetensors")
    assert not (tmp_path / "run").exists(), "refused before anything is written"


def test_resume_refuses_another_run(begin, stopped, tmp_path):
    before = {path.name: path.read_bytes() for path in stopped.iterdir() if path.is_file()}
    start = tmp_path / "start.safetensors"
    save_checkpoint(start, Generator(TINY), {})
    for words, message in (
        (["--preset", "tiny"], "holds a run of preset tiny-gan, not tiny; leave --preset out to go on"),
        (["--init", start], "--init is for the beginning of a run"),
        (["--set", 'discriminators={"image":0.1}'], "tensors do not fit its spec"),
        (["--set", "perceptual=0.1"], "give its network's weights with --perceptual FILE"),
    ):
        with pytest.raises(ValueError, match=message):
            begin("--resume", *words)
    others = write_smooth(tmp_path / "others", seed=1)
    more = write_smooth(tmp_path / "more", count=9)
    for data in (others, more):
        with pytest.raises(ValueError, match=r"--data: not what the run in .* was trained with"):
            begin("--resume", data=data)
    assert {path.name: path.read_bytes() for path in stopped.iterdir() if path.is_file()} == before, "nothing was touched"


def test_resume_takes_the_same_photos_elsewhere(begin, stopped, tmp_path):
    moved = write_smooth(tmp_path / "moved")
    assert begin("--resume", "--set", "steps=2", data=moved) == 0
    assert saved_step(stopped) == 2


def test_a_state_that_is_none_is_refused(begin, stopped):
    file = stopped / "state.safetensors"
    whole = file.read_bytes()
    checkpoint = (stopped / "checkpoint.safetensors").read_bytes()
    for content, message in ((whole[: len(whole) // 2], "state.safetensors"), (checkpoint, "not a training state")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            begin("--resume")


def test_command_refuses_what_it_cannot_do(begin, tmp_path):
    for words, message in (
        (["--resume"], "nothing to resume"),
        (["--device", "tpu"], "allowed: auto, cpu, cuda"),
        (["--set", "perceptual=0.1"], "give its network's weights with --perceptual FILE"),
        (["--perceptual", tmp_path / "net.safetensors"], "the loss has no weight"),
    ):
        with pytest.raises(ValueError, match=message):
            begin(*words, out="none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "state.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="already holds a run"):
        begin(out="full")


@pytest.mark.parametrize("more", [(), ("--resume",)])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--max-minutes", "0"), "--max-minutes: 0 given, it must be positive"),
        (("--max-minutes", "nan"), "--max-minutes: nan given, it must be positive"),
        (("--save-seconds", "-1"), "--save-seconds: -1 given, it must be positive"),
        (("--sample-steps", "-1"), "--sample-steps: -1 given, at least 0 is needed"),
        (("--memory-gb", "0"), "--memory-gb: 0 given, it must be positive"),
        (("--limit", "0"), "--limit: 0 given, at least 1 is needed"),
    ],
)
def test_numbers_out_of_range_are_refused(begin, stopped, tmp_path, capsys, more, words, message):
    before = {path.name: path.read_bytes() for path in stopped.iterdir() if path.is_file()}
    for out in ("none", "run"):
        with pytest.raises(SystemExit) as stop:
            begin(*more, *words, out=out)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert {path.name: path.read_bytes() for path in stopped.iterdir() if path.is_file()} == before, "nothing was touched"


def test_validation_photos_in_the_training_set_are_refused(begin, photos, tmp_path):
    val = write_smooth(tmp_path / "val", seed=1)
    (val / "copy.png").write_bytes((photos / "3.png").read_bytes())
    with pytest.raises(ValueError, match=r"1 photos of .*val are in the training set, first .*3\.png = .*copy\.png"):
        begin("--preset", "tiny", "--val", val)
    assert not (tmp_path / "run").exists()
    (val / "copy.png").unlink()
    assert begin("--preset", "tiny", "--val", val, "--set", "steps=1") == 0


def test_refusals_are_one_line_and_exit_2(photos, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for data, words in ((tmp_path / "missing", []), (empty, []), (photos, ["--set", "r1_gamma=-1"]), (photos, ["--resume"])):
        words = ["train", "--data", str(data), "--out", str(tmp_path / "run"), "--device", "cpu", "--preset", "tiny", *words]
        assert run_main(models_main, words) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1
        assert "error: " in told.err


def test_a_perceptual_loss_is_taken_from_its_network(begin, tmp_path, monkeypatch):
    """The file's distance enters with its weight; here a plain squared error stands in for a network."""
    monkeypatch.setattr(train, "_perceptual", lambda args, device: lambda image, photo: (image - photo).square().mean())
    monkeypatch.setattr("models.training.log.LOG_STEPS", 1)
    (tmp_path / "net.safetensors").write_bytes(b"any")
    words = ["--preset", "tiny", "--set", "perceptual=0.5", "--set", "perceptual_interval=2", "--set", "steps=4"]
    assert begin(*words, "--perceptual", tmp_path / "net.safetensors") == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert ["perceptual" in line for line in lines] == [True, False, True, False]
    assert lines[0]["perceptual"] > 0
    state, _ = TrainState.load(tmp_path / "run" / "state.safetensors", CPU)
    assert state.provenance["perceptual_sha256"] == sha256(tmp_path / "net.safetensors")
    (tmp_path / "net.safetensors").write_bytes(b"another")
    with pytest.raises(ValueError, match="--perceptual: not what the run"):
        begin("--resume", "--set", "steps=6", "--perceptual", tmp_path / "net.safetensors")


def test_a_loss_that_is_registered_is_trained(begin, tmp_path, monkeypatch):
    """One line in the table is all that a new loss needs."""
    monkeypatch.setitem(LOSSES, "extra", lambda fill, target, hole: (fill - target).square().mean())
    assert begin("--preset", "tiny", "--set", 'losses={"extra":1}', "--set", "steps=2") == 0
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text())["extra"] > 0
