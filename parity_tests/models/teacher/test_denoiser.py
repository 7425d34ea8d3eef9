"""Foreign predictions and diffusers' folders, wrapped to D(x, sigma)."""

import json
import math
import shutil

import pytest
import torch

from models.teacher.denoiser import PREDICTIONS, PredictionDenoiser, estimate
from models.teacher.diffusers_folder import import_diffusers, load_diffusers
from models.teacher.ground_truth.exact import gaussian_field
from models.teacher.schedule import linear_schedule

FIELD = gaussian_field(4, 1.5)
SCHEDULE = linear_schedule(250)


def network(kind):
    """What a perfect network of that kind would predict for the Gaussian field, from x_t and the trainer's step."""

    def predict(x, step):
        a = float(SCHEDULE.alpha_bar[int(step[0]) + 1])
        x0 = FIELD.denoiser(x / math.sqrt(a), math.sqrt((1 - a) / a))
        epsilon = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        return {"epsilon": epsilon, "v_prediction": math.sqrt(a) * epsilon - math.sqrt(1 - a) * x0, "sample": x0}[kind]

    return predict


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_wrapped_predictions_are_the_denoiser(kind):
    x = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    denoiser = PredictionDenoiser(network(kind), SCHEDULE, kind)
    for t in (1, 17, 125, 250):
        expected = FIELD.denoiser(x / math.sqrt(float(SCHEDULE.alpha_bar[t])), SCHEDULE.sigma(t))
        assert torch.allclose(estimate(denoiser, x, SCHEDULE, t), expected, atol=1e-9), t
        assert denoiser.step(SCHEDULE.sigma(t)) == t - 1
    assert torch.equal(denoiser(x, 0.0), x)


def test_a_respaced_schedule_meets_the_trained_steps():
    denoiser = PredictionDenoiser(network("epsilon"), SCHEDULE, "epsilon")
    short = SCHEDULE.respaced(10)
    assert [denoiser.step(short.sigma(t)) + 1 for t in range(1, 11)] == [25 * t for t in range(1, 11)]


def test_refused():
    with pytest.raises(ValueError, match="epsilon, v_prediction, sample"):
        PredictionDenoiser(network("epsilon"), SCHEDULE, "score")
    with pytest.raises(ValueError, match="trained up to"):
        PredictionDenoiser(network("epsilon"), SCHEDULE, "epsilon")(torch.zeros(1, 1, 4, 4), 1e4)


def test_clipping():
    denoiser = PredictionDenoiser(lambda x, step: 5 * torch.ones_like(x), SCHEDULE, "sample", clip=1.0)
    assert float(denoiser(torch.zeros(1, 1, 4, 4), 1.0).max()) == 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small pipeline as diffusers itself saves it."""
    return save_pipeline(tmp_path_factory.mktemp("teacher") / "ddpm", prediction_type="v_prediction")


def save_pipeline(path, **scheduler):
    diffusers = import_diffusers()
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(num_train_timesteps=100, **scheduler)).save_pretrained(path)
    return path


@pytest.mark.parametrize("flat", [False, True], ids=["subfolders", "all in one place"])
def test_a_saved_pipeline_is_read(folder, tmp_path, flat):
    """x_0 by diffusers' own scheduler from diffusers' own network, and ours."""
    diffusers = import_diffusers()
    if flat:
        for path in (*(folder / "unet").iterdir(), *(folder / "scheduler").iterdir(), folder / "model_index.json"):
            shutil.copy(path, tmp_path / path.name)
    teacher = load_diffusers(tmp_path if flat else folder)
    assert (teacher.size, teacher.schedule.steps, teacher.denoiser.kind) == (16, 100, "v_prediction")
    scheduler = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler")
    unet = diffusers.UNet2DModel.from_pretrained(folder / "unet")
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for t in (1, 50, 100):
        with torch.no_grad():
            expected = scheduler.step(unet(x, t - 1).sample, t - 1, x).pred_original_sample
        assert torch.allclose(estimate(teacher.denoiser, x, teacher.schedule, t), expected, atol=1e-4), t
    assert float(teacher.schedule.alpha_bar[100]) == pytest.approx(float(scheduler.alphas_cumprod[99]), rel=1e-4)


def _break(path, change):
    if change == "missing":
        (path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    elif change == "json":
        (path / "scheduler" / "scheduler_config.json").write_text("{")
    elif change == "weights":
        (path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"broken")
    else:
        file, key, value = change
        settings = json.loads((path / file).read_text())
        (path / file).write_text(json.dumps({**settings, key: value}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("missing", "diffusion_pytorch_model.safetensors missing"),
        ("json", "not JSON"),
        ("weights", "truncated or not a safetensors file"),
        (("unet/config.json", "_class_name", "UNet2DConditionModel"), "unconditional"),
        (("unet/config.json", "in_channels", 4), "RGB"),
        (("unet/config.json", "num_class_embeds", 10), "class labels"),
        (("unet/config.json", "sample_size", None), "sample_size"),
        (("unet/config.json", "block_out_channels", [8, 32]), r"diffusion_pytorch_model\.safetensors: .* parameters; its config"),
        (("unet/config.json", "block_out_channels", [8] * 17), "a list of at most 16 is read"),
        (("unet/config.json", "block_out_channels", [10**7, 16]), "at most 1,000,000 is read"),
        (("unet/config.json", "layers_per_block", 10_000), "1 to 64 are read"),
        (("unet/config.json", "norm_num_groups", True), "cannot read"),
        (("scheduler/scheduler_config.json", "num_train_timesteps", 500_000), "1 to 100,000 are read"),
        (("scheduler/scheduler_config.json", "prediction_type", "flow"), "epsilon, v_prediction, sample"),
    ],
)
def test_bad_folders(folder, tmp_path, change, message):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    _break(copy, change)
    with pytest.raises(ValueError, match=message):
        load_diffusers(copy)
    with pytest.raises(ValueError, match="no such folder"):
        load_diffusers(tmp_path / "nothing")
