"""Few-step generators in files of our own: one safetensors file with the configuration in its header."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.checkpoint import build_as_stored, read_safetensors, sha256, sorted_header, write_atomically
from models.system.foreign import reader
from models.teacher.schedule import Schedule
from models.teacher.training.config import TeacherConfig
from models.teacher.training.few_step import LatentUNet
from models.teacher.training.kinds import KINDS

FORMAT = "wavefill-few-step-1"


class LatentDenoiser(Protocol):
    """A draw of x_0 given x_0 + sigma n = x, n standard normal; what z is drawn from decides which."""

    latent: int
    """Length of z."""

    def __call__(self, x: Tensor, sigma: float, z: Tensor) -> Tensor:
        """Draw.

        Args:
            x: (N, C, H, W) float, clean data in [-1, 1] plus noise.
            sigma: standard deviation of the noise, one of its schedule's.
            z: (N, L) standard normal.

        Returns:
            (N, C, H, W).
        """
        ...


class FewStepDenoiser:
    """A trained G(x_t, t, z) behind that interface.

    Args:
        network: G.
        schedule: of its training.
        latent: length of z.
    """

    def __init__(self, network: nn.Module, schedule: Schedule, latent: int) -> None:
        self.network, self.schedule, self.latent = network, schedule, latent

    def __call__(self, x: Tensor, sigma: float, z: Tensor) -> Tensor:
        """See :class:`LatentDenoiser`.

        Raises:
            ValueError: a sigma that is not of the schedule: these generators know their few steps only.
        """
        known = [self.schedule.sigma(t) for t in range(1, self.schedule.steps + 1)]
        step = min(range(len(known)), key=lambda k: abs(math.log(known[k] / sigma)))
        if abs(math.log(known[step] / sigma)) > 1e-6:
            raise ValueError(f"sigma {sigma:.4g} is not one of the {len(known)} that the generator was trained on; use its steps")
        steps = torch.full((len(x),), step + 1, device=x.device)
        drawn: Tensor = self.network(x / math.sqrt(1 + sigma**2), steps, z)
        return drawn


@dataclass(frozen=True)
class FewStep:
    """A few-step generator and what must be known to use it.

    Attributes:
        denoiser: of pixels, or of halved subbands.
        schedule: its few steps; samplers take it as it is.
        size: side of the square images it was trained on, in pixels.
        sha256: of its file, for provenance.
        kind: ``ddgan`` or ``wavediff``, which is also the name of its sampler.
    """

    denoiser: FewStepDenoiser
    schedule: Schedule
    size: int
    sha256: str
    kind: str


def save_few_step(path: Path, network: nn.Module, config: TeacherConfig, provenance: Mapping[str, str]) -> None:
    """Write a generator under its final name only once it is complete; equal weights give equal files.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    tensors = {name: value.detach().float().contiguous().cpu() for name, value in network.state_dict().items()}
    header = {**provenance, "format": FORMAT, "config": config.to_json()}
    write_atomically(path, sorted_header(save(tensors, metadata=header)))


@reader
def load_few_step(path: Path, device: str = "cpu") -> FewStep:
    """Read a generator that ``python -m models teacher train`` wrote.

    Raises:
        ValueError: no such file, damaged, or not a few-step generator.
    """
    tensors, header = read_safetensors(path)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: not a few-step generator (its header says format {header.get('format')!r}, not {FORMAT!r})")
    config = TeacherConfig.from_json(header.get("config", ""))
    network = build_as_stored(path, tensors, lambda: LatentUNet(config))
    network.load_state_dict(tensors)
    network = network.to(device).eval().requires_grad_(False)
    schedule = KINDS[config.kind].schedule(config.noise_steps)
    return FewStep(FewStepDenoiser(network, schedule, config.latent), schedule, config.size, sha256(path), config.kind)
