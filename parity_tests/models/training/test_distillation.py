"""``python -m models distill``: what a teacher adds to a step, to a run and to what is refused."""

import argparse
import dataclasses
import json
from pathlib import Path

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.commands import distill, train
from models.generator import Generator
from models.spec import SPECS, ModelSpec
from models.training.batches import make_batch
from models.training.config import PRESETS
from models.training.state import TrainState
from models.training.step import train_step
from parity_tests.support import generate_driver
from parity_tests.support.train_tiny import CPU, Smooth, alone, arguments, different, one_thread, saved, write_smooth

LARGER = ModelSpec("larger", (12, 24), (1, 2))

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def teacher_file(monkeypatch, tmp_path):
    """A larger network than the tiny one, with random weights."""
    monkeypatch.setitem(SPECS, "larger", LARGER)
    monkeypatch.setitem(PRESETS, "tiny-distill", taught(steps=6))
    torch.manual_seed(3)
    save_checkpoint(tmp_path / "teacher.safetensors", Generator(LARGER), {})
    return tmp_path / "teacher.safetensors"


@pytest.fixture
def one_thread_only():
    """Bits are compared."""
    with one_thread():
        yield


def taught(**changes):
    """The tiny preset with a teacher's fills beside the photos."""
    weights = {"hole_l1": 0.5, "band_l1": 0.25}
    base = dataclasses.replace(PRESETS["tiny"], preset="tiny-distill", stages=((0, 32, 3),), distillation=weights)
    return dataclasses.replace(base, **changes)


def words(*more):
    """The command line of ``python -m models distill``, parsed."""
    parser = argparse.ArgumentParser()
    distill.add_arguments(parser)
    return parser.parse_args([str(word) for word in more])


def random_teacher(seed):
    torch.manual_seed(seed)
    return Generator(LARGER).eval().requires_grad_(False)


def gradient(teacher, config):
    """Gradients of one step of training, and its figures."""
    state = TrainState.fresh(config, CPU)
    figures = train_step(state, make_batch(Smooth(), config, 0), config, alone(), teacher=teacher)
    return {name: value.grad.clone() for name, value in state.generator.named_parameters()}, figures


def test_outputs_and_subbands_of_the_teacher_are_a_second_target():
    """The loss written again, by its definition and without the project's losses; another teacher gives another gradient."""
    config = taught(clip_norm=1e6, losses={"hole_l1": 0.7})
    got, figures = gradient(random_teacher(3), config)
    student = TrainState.fresh(config, CPU).generator
    batch = make_batch(Smooth(), config, 0)
    real, hole = batch.photos.float() / 127.5 - 1, batch.holes.float()
    fill, taught_fill = (network(real * (1 - hole), hole) for network in (student, random_teacher(3)))
    area = 3 * hole.sum((1, 2, 3))
    outputs = (((fill - taught_fill).abs() * hole).sum((1, 2, 3)) / area).mean()
    difference = (fill - taught_fill) * hole
    a, b, c, d = (difference[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
    bands = [(a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]
    subbands = (sum(band.abs().sum((1, 2, 3)) for band in bands) / area).mean()
    photos = (((fill - real).abs() * hole).sum((1, 2, 3)) / area).mean()
    (0.7 * photos + 0.5 * outputs + 0.25 * subbands).backward()
    assert figures["teacher_hole_l1"] == pytest.approx(outputs.item(), rel=1e-4)
    assert figures["teacher_band_l1"] == pytest.approx(subbands.item(), rel=1e-4)
    for name, value in student.named_parameters():
        # Sums of float32 in another order.
        assert torch.allclose(got[name], value.grad, rtol=1e-3, atol=1e-5 * float(value.grad.abs().max() + 1e-6)), name
    other, _ = gradient(random_teacher(4), config)
    assert different(got, other) == list(got), "the planted error: another teacher must show"


def test_a_student_comes_closer_to_its_teacher():
    config = taught(losses={"hole_l1": 0.0}, distillation={"hole_l1": 1.0}, steps=60, decay_steps=10)
    teacher, state = random_teacher(3), TrainState.fresh(config, CPU)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    batch = make_batch(Smooth(), config, 0)
    found = [train_step(state, batch, config, alone(), teacher=teacher) for _ in range(config.steps)]
    assert found[-1]["teacher_hole_l1"] < 0.5 * found[0]["teacher_hole_l1"]
    assert different(before, teacher.state_dict()) == [], "the teacher is frozen"


@pytest.mark.usefixtures("one_thread_only")
def test_a_stopped_distillation_goes_on_to_the_same_weights(teacher_file, photos, tmp_path, capsys):
    def call(out, *more):
        shared = ["--teacher", teacher_file, "--data", photos, "--out", tmp_path / out, "--device", "cpu", "--sample-steps", 0]
        return distill.main(words(*shared, *more))

    assert call("whole", "--preset", "tiny-distill") == 0
    assert call("parts", "--preset", "tiny-distill", "--max-minutes", "1e-9") == 0
    assert "stopped and saved at step 1 of 6" in capsys.readouterr().err
    assert call("parts", "--resume") == 0
    assert different(saved(tmp_path / "whole"), saved(tmp_path / "parts")) == []
    (first, second) = json.loads((tmp_path / "parts" / "run.json").read_text())
    assert first["teacher_sha256"] == second["teacher_sha256"]
    torch.manual_seed(9)
    save_checkpoint(teacher_file, Generator(LARGER), {})
    with pytest.raises(ValueError, match=r"--teacher: not what the run in .*parts was trained with"):
        call("parts", "--resume", "--set", "steps=8")


def test_what_cannot_be_a_teacher_is_refused(teacher_file, photos, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    other = tmp_path / "few_step.safetensors"
    save_file({"a": torch.zeros(1)}, other, metadata={"format": "wavefill-few-step-1"})
    monkeypatch.setitem(SPECS, "deep", ModelSpec("deep", (8, 8, 8, 8, 8), (1, 1, 1, 1, 1)))
    save_checkpoint(tmp_path / "deep.safetensors", Generator(SPECS["deep"]), {})
    for teacher, message in (
        (other, "format 'wavefill-few-step-1', not 'wavefill-checkpoint-1'"),
        (tmp_path, "is a folder, as diffusion teachers are"),
        (tmp_path / "missing.safetensors", "no such file"),
        (tmp_path / "deep.safetensors", "a deep takes multiples of 64 pixels, a stage of the run has 32"),
    ):
        with pytest.raises(ValueError, match=message):
            distill.main(words("--teacher", teacher, "--data", photos, "--out", tmp_path / "r", "--preset", "tiny-distill"))
    with pytest.raises(ValueError, match="its fills have no weight"):
        distill.main(words("--teacher", teacher_file, "--data", photos, "--out", tmp_path / "r", "--preset", "tiny"))
    with pytest.raises(ValueError, match="give it with python -m models distill --teacher FILE"):
        train.main(arguments("--data", photos, "--out", tmp_path / "r", "--preset", "tiny-distill"))
    assert not (tmp_path / "r").exists()


def test_shards_of_validation_photos_are_refused(teacher_file, photos, tmp_path):
    """By content: the copy has another name."""
    (tmp_path / "drawn").mkdir()
    drawn = generate_driver.write_photos(tmp_path / "drawn")
    generate_driver.make(drawn, tmp_path / "shards", 8, 4)
    val = write_smooth(tmp_path / "val", seed=1)
    shared = ["--teacher", teacher_file, "--data", photos, "--pairs", tmp_path / "shards", "--val", val, "--device", "cpu"]
    begin = ["--out", tmp_path / "run", "--preset", "tiny-distill", "--set", "steps=1", "--sample-steps", 0]
    assert distill.main(words(*shared, *begin)) == 0
    for path in drawn.iterdir():  # whichever of them were drawn
        (val / f"copy_of_{path.name}").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"shards: completions of \d photos of .*val, first (.*) = .*copy_of_\1"):
        distill.main(words(*shared, "--out", tmp_path / "other", "--preset", "tiny-distill"))
    assert not Path(tmp_path / "other").exists()
