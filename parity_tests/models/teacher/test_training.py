"""``python -m models teacher train``: bit-identical after stops and kills, what it leaves, one clear line for every mistake."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models.__main__ import main as models_main
from models.data.photo_source import open_photos
from models.system.errors import run_main
from models.teacher.diffusers_folder import import_diffusers, load_diffusers
from models.teacher.few_step_file import load_few_step
from models.teacher.schedule import linear_schedule
from models.teacher.training import transitions
from models.teacher.training.batches import TeacherBatch, make_batch
from models.teacher.training.config import KINDS, PRESETS, TeacherConfig
from models.teacher.training.ddpm import build_scheduler, simple_loss
from models.teacher.training.kinds import build, halved_subbands
from models.wavelet import idwt
from parity_tests.support.exit_code import exit_code
from parity_tests.support.train_driver import LAUNCH, environment
from parity_tests.support.train_tiny import write_smooth

ROOT = Path(__file__).parents[3]
TINY = ("size=16", "batch=4", "steps=6", "widths=[8,8]", "opponent_widths=[8,8]", "latent=4", "warmup_steps=2", "r1_interval=2")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_smooth(tmp_path_factory.mktemp("photos"))


def words(photos, out, kind, *more, settings=TINY):
    changes = [word for setting in settings for word in ("--set", setting)]
    precision = ["--set", "precision=fp32", "--sample-steps", "0", "--device", "cpu"]
    return [
        *map(str, ("teacher", "train", "--data", photos, "--out", out, "--kind", kind)),
        *changes,
        *precision,
        *map(str, more),
    ]


def train(photos, out, kind, *more, settings=TINY):
    return exit_code(models_main, words(photos, out, kind, *more, settings=settings))


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """A finished run of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    for kind in KINDS:
        assert train(photos, folder / kind, kind, "--licence", "ours") == 0
    return folder


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_stops_leave_no_trace(photos, whole, tmp_path, kind):
    """One step at a time, resumed five times: weights, average and Adam's moments are those of one go."""
    out = tmp_path / "run"
    assert train(photos, out, kind, "--max-minutes", "1e-9") == 0
    for _ in range(5):
        assert (
            run_main(
                models_main,
                [
                    *map(str, ("teacher", "train", "--data", photos, "--out", out)),
                    "--resume",
                    "--device",
                    "cpu",
                    "--max-minutes",
                    "1e-9",
                    "--sample-steps",
                    "0",
                ],
            )
            == 0
        )
    assert same(load_file(out / "state.safetensors"), load_file(whole / kind / "state.safetensors"))
    other = tmp_path / "other"
    assert train(photos, other, kind, "--set", "seed=1") == 0
    assert not same(load_file(other / "state.safetensors"), load_file(whole / kind / "state.safetensors"))


@pytest.mark.thorough
def test_kills_leave_no_trace(photos, whole, tmp_path):
    """SIGKILL at random moments of a longer run that saves after every step."""
    longer = (*TINY[:2], "steps=60", *TINY[3:])
    assert train(photos, tmp_path / "whole", "wavediff", settings=longer) == 0
    out, rng = tmp_path / "run", np.random.default_rng(0)
    command = words(photos, out, "wavediff", "--save-seconds", "1e-9", settings=longer)
    for _ in range(5):
        again = ["--resume"] if (out / "state.safetensors").is_file() else []
        child = subprocess.Popen(
            [sys.executable, "-m", "models", *command, *again],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        limit = time.monotonic() + 60
        while not (out / "state.safetensors").is_file() and time.monotonic() < limit and child.poll() is None:
            time.sleep(0.05)
        time.sleep(float(rng.uniform(0.5, 9)))
        child.kill()
        child.wait()
    file = out / "log.jsonl"
    assert file.parent.is_dir()
    if run_main(models_main, [*command, "--resume"]) == 2:  # the last child was fast enough to finish
        assert (out / "state.safetensors").is_file()
    assert same(load_file(out / "state.safetensors"), load_file(tmp_path / "whole" / "state.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddpm", pytest.param("wavediff", marks=pytest.mark.thorough)])
def test_two_processes_equal_one(photos, whole, tmp_path, kind):
    """Losses and the norms of the averaged gradients are those of one process with the whole batch.

    Norms would be larger if gradients were not averaged: those of half a batch are.
    """
    launch = [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, "--main_process_port=0", "-m", "models"]
    command = [*launch, *words(photos, tmp_path / "two", kind)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (json.loads((folder / "log.jsonl").read_text()) for folder in (whole / kind, tmp_path / "two"))
    for name in one.keys() - {"images_per_s", "networks_share"}:
        assert two[name] == pytest.approx(one[name], rel=2e-3, abs=1e-5), name


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_objective_is_that_of_diffusers_scheduler(prediction):
    """Noised by ``add_noise``, aimed at ``get_velocity``: an independent implementation of the same schedule."""
    config = TeacherConfig(prediction=prediction, noise_steps=100)
    scheduler, rng = build_scheduler(config), torch.Generator().manual_seed(0)
    images, noise = (torch.randn(5, 3, 8, 8, generator=rng) for _ in range(2))
    steps = torch.tensor([1, 2, 50, 99, 100])
    seen = []

    class Network(torch.nn.Module):
        def forward(self, x, step):
            seen.append((x, step))
            return type("Answer", (), {"sample": torch.zeros_like(x)})

    batch = TeacherBatch(images, steps, noise[:, None], torch.zeros(5, 1))
    loss = simple_loss(Network(), batch, linear_schedule(100).alpha_bar, prediction)
    noisy, told = seen[0]
    assert torch.equal(told, steps - 1)
    torch.testing.assert_close(noisy, scheduler.add_noise(images, noise, told), atol=1e-5, rtol=1e-5)
    velocity = scheduler.get_velocity(images, noise, told)
    target = {"epsilon": noise, "v_prediction": velocity, "sample": images}[prediction]
    assert float(loss) == pytest.approx(float(target.square().mean()), rel=1e-4)


def test_what_a_denoiser_leaves(whole, photos):
    """diffusers opens the folder as a pipeline; ours reads the averaged weights from it, with the schedule of training."""
    folder = whole / "ddpm" / "denoiser"
    teacher = load_diffusers(folder)
    assert teacher.size == 16
    torch.testing.assert_close(teacher.schedule.alpha_bar, linear_schedule(1000).alpha_bar, atol=1e-5, rtol=1e-4)
    average = {k[8:]: v for k, v in load_file(whole / "ddpm" / "state.safetensors").items() if k.startswith("average.")}
    network = import_diffusers().UNet2DModel.from_pretrained(folder / "unet")
    assert same(average, dict(network.state_dict()))
    facts = json.loads((folder / "provenance.json").read_text())
    assert (facts["licence"], facts["step"]) == ("ours", "6")
    assert TeacherConfig.from_json(facts["config"]).size == 16


@pytest.mark.parametrize("kind", ["ddgan", "wavediff"])
def test_what_a_few_step_generator_leaves(capsys, whole, photos, tmp_path, kind):
    file = whole / kind / "generator.safetensors"
    loaded = load_few_step(file)
    assert (loaded.kind, loaded.size, loaded.schedule.steps) == (kind, 16, 4)
    average = {k[8:]: v for k, v in load_file(whole / kind / "state.safetensors").items() if k.startswith("average.")}
    assert same(average, load_file(file))
    with pytest.raises(ValueError, match="not one of the 4"):
        loaded.denoiser(torch.zeros(1, *PRESETS[kind].with_settings(list(TINY)).shape), 0.123, torch.zeros(1, 4))
    photo = sorted(photos.iterdir())[0]
    with Image.open(photo) as opened:
        size = opened.size
    mask = np.zeros(size[::-1], dtype=np.uint8)
    mask[4:12, 5:14] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    call = ["teacher", "inpaint", photo, tmp_path / "mask.png", tmp_path / "out.png", "--denoiser", file, "--sampler"]
    assert run_main(models_main, [*map(str, call), kind]) == 0
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (photo, tmp_path / "out.png"))
    assert np.array_equal(before[mask == 0], after[mask == 0])
    capsys.readouterr()
    for wrong, message in (
        ([{"ddgan": "wavediff", "wavediff": "ddgan"}[kind]], f"a generator for the sampler {kind}"),
        ([kind, "--steps", "8"], "was trained for 4"),
        (["repaint"], "needs a denoiser, a folder"),
    ):
        assert run_main(models_main, [*map(str, call), *wrong]) == 2
        assert message in capsys.readouterr().err


def test_subbands_are_halved_and_come_back():
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    assert halved_subbands(images).abs().max() <= 1
    torch.testing.assert_close(2 * idwt(halved_subbands(images)), images)


def test_the_generator_does_not_train_its_opponent(photos):
    """Its loss leaves no gradient in the discriminator, whose own leaves none in the generator; and a planted swap would show."""
    config = PRESETS["ddgan"].with_settings(list(TINY))
    networks = build(config, torch.device("cpu"))
    cache = open_photos(sorted(photos.iterdir()), 16)
    batch = make_batch(cache, config, 0, range(4))
    arguments = (networks["generator"], networks["discriminator"], batch.images, batch.steps, batch.noise, batch.latents)
    losses = transitions.adversarial_losses(
        *arguments, transitions.Schedule(linear_schedule(50).respaced(4).betas), with_penalty=True
    )
    for loss, own in ((losses.generator, "generator"), (losses.discriminator, "discriminator")):
        for network in networks.values():
            network.zero_grad()
        loss.backward(retain_graph=True)
        for name, network in networks.items():
            touched = any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())
            assert touched == (name == own)
    assert losses.penalty is not None
    assert losses.penalty.item() >= 0


def test_two_processes_share_a_batch_without_overlap(photos):
    config = PRESETS["wavediff"].with_settings(list(TINY))
    cache = open_photos(sorted(photos.iterdir()), 16)
    whole = make_batch(cache, config, 3, range(4))
    for rank in range(2):
        part = make_batch(cache, config, 3, config.share(rank, 2))
        for name, values in part.__dict__.items():
            assert torch.equal(values, getattr(whole, name)[2 * rank : 2 * rank + 2])
    with pytest.raises(ValueError, match="cannot be split over 3"):
        config.share(0, 3)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--set", "size=18", "--set", "widths=[8,8,8]"), "multiple of 4"),
        (("--set", "widths=[8]"), "two to eight multiples of 8"),
        (("--set", "noise_steps=4"), "50 to 10000"),
        (("--set", "prediction=noise"), "epsilon, v_prediction, sample"),
        (("--set", "colour=red"), "expected key=value"),
        (("--set", "kind=ddgan"), "expected key=value"),
        (("--set", "steps=many"), "of type int"),
        (("--max-minutes", "0"), "--max-minutes"),
        (("--resume",), "nothing to resume"),
        (("--device", "tpu"), "auto, cpu, cuda"),
    ],
)
def test_mistakes_are_one_line(capsys, photos, tmp_path, more, message):
    assert train(photos, tmp_path / "never", "ddpm", *more) == 2
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "never").exists()


def test_mistakes_with_a_run_that_is_there(capsys, photos, whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole / "ddpm", run)
    other = write_smooth(tmp_path / "other")
    (sorted(other.iterdir())[0]).unlink()
    for data, more, message in (
        (photos, ("--kind", "ddpm"), "already holds a run"),
        (photos, ("--resume",), "finished at step 6"),
        (photos, ("--resume", "--kind", "ddgan"), "holds a run of kind ddpm"),
        (other, ("--resume", "--set", "steps=8"), "--data: not what the run"),
        (photos, ("--resume", "--set", "steps=8", "--set", "widths=[8,16]"), "do not fit"),
        (photos, ("--resume", "--set", "steps=8", "--val", photos), "are in the training set"),
    ):
        capsys.readouterr()
        assert (
            run_main(models_main, [*map(str, ("teacher", "train", "--data", data, "--out", run, *more)), "--device", "cpu"]) == 2
        )
        assert message in capsys.readouterr().err
    assert same(load_file(run / "state.safetensors"), load_file(whole / "ddpm" / "state.safetensors"))


def test_a_full_disk_leaves_the_state_before(photos, whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole / "ddgan", run)
    before = (run / "state.safetensors").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 10, hard))
    try:
        arguments = ["teacher", "train", "--data", photos, "--out", run, "--resume", "--set", "steps=7", "--device", "cpu"]
        assert run_main(models_main, [*map(str, arguments), "--sample-steps", "0"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (run / "state.safetensors").read_bytes() == before
    assert not list(run.glob(".state*"))


def test_a_damaged_generator_is_refused(whole, tmp_path):
    file = tmp_path / "generator.safetensors"
    content = (whole / "ddgan" / "generator.safetensors").read_bytes()
    file.write_bytes(content[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load_few_step(file)
    with pytest.raises(ValueError, match="not a few-step generator"):
        load_few_step(ROOT / "models" / "checkpoints" / "wavefill-s.safetensors")
