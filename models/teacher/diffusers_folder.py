"""Denoisers from folders in the layout of Hugging Face diffusers: a ``UNet2DModel`` and its noise schedule.

The published unconditional DDPMs (``google/ddpm-celebahq-256``, ``-church-256``, ``-bedroom-256`` and those that diffusers'
training example writes) have this layout; they are fetched by the user, never by us.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from models.checkpoint import check_finite, read_safetensors, sha256
from models.system.errors import ToolchainMissing
from models.system.foreign import read_json, reader
from models.system.quiet import without_standard_error
from models.teacher.denoiser import PREDICTIONS, PredictionDenoiser
from models.teacher.schedule import Schedule

MAX_SIDE, MAX_LEVELS, MAX_LAYERS, MAX_NOISE_STEPS, MAX_NUMBER = 4096, 16, 64, 100_000, 1_000_000
"""Bounds of what a configuration may ask for; published ones have 256, 6, 2, 1000, and 1000 as their largest number."""

WEIGHTS = "diffusion_pytorch_model.safetensors"
LAYOUT = "a diffusers folder holds unet/config.json, unet/diffusion_pytorch_model.safetensors and scheduler/scheduler_config.json"


@dataclass(frozen=True)
class Teacher:
    """A denoiser and what must be known to use it.

    Attributes:
        denoiser: D.
        schedule: of its training; samplers take it or a respaced one.
        size: side of the square images it was trained on, in pixels.
        sha256: of its weights and configurations, for provenance.
    """

    denoiser: PredictionDenoiser
    schedule: Schedule
    size: int
    sha256: str


def import_diffusers() -> ModuleType:
    """The diffusers package.

    Raises:
        ToolchainMissing: it is not installed.
    """
    try:
        with without_standard_error():  # it tries every optional package and prints what each of them says
            import diffusers
    except ModuleNotFoundError as error:
        raise ToolchainMissing("diffusers is not installed (pip install 'wavefill[teacher]')") from error
    return diffusers


@reader
def load_diffusers(folder: Path, device: str = "cpu") -> Teacher:
    """Read a pipeline's folder. Nothing is fetched and no code of the folder is run.

    Args:
        folder: as ``DDPMPipeline.save_pretrained`` writes it, or with all files in one place, as the first published ones are.
        device: of the network.

    Raises:
        ValueError: files are missing or damaged, it is no unconditional RGB model, or its prediction is unknown.
        ToolchainMissing: diffusers is not installed.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; {LAYOUT}")
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    scheduler = folder / "scheduler" if (folder / "scheduler").is_dir() else folder
    files = [unet / "config.json", unet / WEIGHTS, scheduler / "scheduler_config.json"]
    missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
    if missing:
        raise ValueError(f"{folder}: {', '.join(missing)} missing; {LAYOUT}")
    settings, noise = (_read_json(path) for path in (files[0], files[2]))
    if settings.get("_class_name") != "UNet2DModel":
        raise ValueError(f"{folder}: the network is a {settings.get('_class_name')}; an unconditional UNet2DModel is needed")
    if settings.get("in_channels", 3) != 3 or settings.get("out_channels", 3) not in (3, 6):
        raise ValueError(f"{folder}: {settings.get('in_channels')} channels in; RGB is needed")
    if settings.get("num_class_embeds") or settings.get("class_embed_type"):
        raise ValueError(f"{folder}: the network wants class labels; an unconditional one is needed")
    size = settings.get("sample_size")
    if type(size) is not int or not 1 <= size <= MAX_SIDE:
        raise ValueError(f"{folder}: sample_size is {size}; one number is needed, the side of the images")
    kind = noise.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise ValueError(f"{folder}: prediction_type is {kind!r}; allowed: {', '.join(PREDICTIONS)}")
    _check_extent(folder, settings, noise)
    diffusers = import_diffusers()
    try:
        with without_standard_error():
            with torch.device("meta"):
                planned = diffusers.UNet2DModel.from_config(settings)
                _check_weights(unet / WEIGHTS, planned)
                # What fits together only in part (a norm of 0.5 groups) would fail at the first image.
                answer = planned(torch.zeros(1, 3, size, size), torch.zeros(1, dtype=torch.int64)).sample
            if answer.shape[2:] != (size, size) or answer.shape[1] < 3:
                raise ValueError(f"its network makes {tuple(answer.shape)} of an image of {size}x{size}")
            betas = diffusers.DDPMScheduler.from_config(noise).betas.double()
            network = diffusers.UNet2DModel.from_pretrained(unet, local_files_only=True, use_safetensors=True)
    except Exception as error:  # see models.system.foreign
        if str(error).startswith(str(folder)):
            raise
        raise ValueError(f"{folder}: diffusers cannot read it: {error}") from error
    network = network.to(device).eval().requires_grad_(False)

    def predict(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return network(x, step).sample[:, :3]  # the rest, where there is one, are learned variances

    clip = float(noise.get("clip_sample_range", 1.0)) if noise.get("clip_sample", True) else None
    schedule = Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), betas]))
    digest = hashlib.sha256("".join(sha256(path) for path in files).encode()).hexdigest()
    return Teacher(PredictionDenoiser(predict, schedule, kind, clip), schedule, size, digest)


def _read_json(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path}: an object is needed")
    for name, value in values.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and abs(number) > MAX_NUMBER:
                raise ValueError(f"{path}: {name} is {number}; at most {MAX_NUMBER:,} is read")
        if isinstance(value, list) and len(value) > MAX_NOISE_STEPS:
            raise ValueError(f"{path}: {name} has {len(value):,} entries; at most {MAX_NOISE_STEPS:,} are read")
    return values


def _check_extent(path: Path, settings: dict[str, Any], noise: dict[str, Any]) -> None:
    """Refuse what would take hours or gigabytes to be built, before diffusers is asked to.

    Raises:
        ValueError: too many levels, layers or steps.
    """
    levels, layers = settings.get("block_out_channels", ()), settings.get("layers_per_block", 2)
    if not isinstance(levels, list | tuple) or len(levels) > MAX_LEVELS:
        raise ValueError(f"{path}: block_out_channels is {str(levels)[:80]}; a list of at most {MAX_LEVELS} is read")
    if type(layers) is not int or not 1 <= layers <= MAX_LAYERS:
        raise ValueError(f"{path}: layers_per_block is {str(layers)[:80]}; 1 to {MAX_LAYERS} are read")
    steps = noise.get("num_train_timesteps", 1000)
    if type(steps) is not int or not 1 <= steps <= MAX_NOISE_STEPS:
        raise ValueError(f"{path}: num_train_timesteps is {str(steps)[:80]}; 1 to {MAX_NOISE_STEPS:,} are read")


def _check_weights(path: Path, network: torch.nn.Module) -> None:
    """Compare what a configuration asks for with what the file of weights holds.

    Only the number: older files name their tensors otherwise, and diffusers knows how.

    Args:
        path: of the weights.
        network: as configured, on the meta device.

    Raises:
        ValueError: another number of parameters, or weights that are not finite.
    """
    tensors, _ = read_safetensors(path)
    there, wanted = (sum(value.numel() for value in values) for values in (tensors.values(), network.parameters()))
    if there != wanted:
        raise ValueError(f"{path}: {there:,} parameters; its config.json asks for {wanted:,}")
    check_finite(path, tensors)
