"""Denoisers from folders in the layout of Hugging Face diffusers: a ``UNet2DModel`` and its noise schedule.

The published unconditional DDPMs (``google/ddpm-celebahq-256``, ``-church-256``, ``-bedroom-256`` and those that diffusers'
training example writes) have this layout; they are fetched by the user, never by us.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from models.checkpoint import sha256
from models.cli_errors import ToolchainMissing
from models.quiet import without_standard_error
from models.teacher.denoiser import PREDICTIONS, PredictionDenoiser
from models.teacher.schedule import Schedule

WEIGHTS = "diffusion_pytorch_model.safetensors"
LAYOUT = "a diffusers folder holds unet/config.json, unet/diffusion_pytorch_model.safetensors and scheduler/scheduler_config.json"


@dataclass(frozen=True)
class Teacher:
    """A denoiser and what must be known to use it.

    Attributes:
        denoiser: D.
        schedule: of its training; samplers take it or a respaced one.
        size: side of the square pictures it was trained on, in pixels.
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
    if not isinstance(size, int):
        raise ValueError(f"{folder}: sample_size is {size}; one number is needed, the side of the pictures")
    kind = noise.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise ValueError(f"{folder}: prediction_type is {kind!r}; allowed: {', '.join(PREDICTIONS)}")
    diffusers = import_diffusers()
    try:
        with without_standard_error():
            betas = diffusers.DDPMScheduler.from_config(noise).betas.double()
            network = diffusers.UNet2DModel.from_pretrained(unet, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{folder}: diffusers cannot read it: {error}") from error
    network = network.to(device).eval().requires_grad_(False)

    def predict(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return network(x, step).sample[:, :3]  # the rest, where there is one, are learned variances

    clip = float(noise.get("clip_sample_range", 1.0)) if noise.get("clip_sample", True) else None
    schedule = Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), betas]))
    digest = hashlib.sha256("".join(sha256(path) for path in files).encode()).hexdigest()
    return Teacher(PredictionDenoiser(predict, schedule, kind, clip), schedule, size, digest)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: an object is needed")
    return values
