"""What differs between the kinds of teachers: their networks, and the losses of one step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.teacher.schedule import Schedule, linear_schedule, vp_schedule
from models.teacher.training.batches import TeacherBatch
from models.teacher.training.config import TeacherConfig
from models.teacher.training.ddpm import build_unet, simple_loss
from models.teacher.training.few_step import LatentUNet, TransitionDiscriminator
from models.teacher.training.transitions import adversarial_losses
from models.wavelet import dwt

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.engine import Engine

Networks = dict[str, nn.Module]


@dataclass(frozen=True)
class Kind:
    """A row of ``KINDS``.

    Attributes:
        networks: the network that samples and, where there is one, its opponent.
        schedule: T steps.
        losses: (networks, batch, config, engine, schedule, step) -> unweighted figures; leaves gradients behind.
        subbands: whether Haar subbands are diffused and not pixels.
    """

    networks: Callable[[TeacherConfig], Networks]
    schedule: Callable[[int], Schedule]
    losses: Callable[[Networks, TeacherBatch, TeacherConfig, "Engine", Schedule, int], dict[str, Tensor]]
    subbands: bool = False


def halved_subbands(images: Tensor) -> Tensor:
    """Haar subbands over 2, so that they lie in [-1, 1] as the images do (Phung et al., 2023, section 3.1).

    Args:
        images: (N, C, H, W) in [-1, 1].

    Returns:
        (N, 4 C, H/2, W/2).
    """
    return dwt(images) / 2


def denoiser_losses(
    networks: Networks, batch: TeacherBatch, config: TeacherConfig, engine: "Engine", schedule: Schedule, step: int
) -> dict[str, Tensor]:
    """L_simple."""
    with engine.autocast():
        loss = simple_loss(networks["denoiser"], batch, schedule.alpha_bar.to(engine.device), config.prediction)
    loss.backward()
    return {"loss": loss}


def game_losses(
    networks: Networks, batch: TeacherBatch, config: TeacherConfig, engine: "Engine", schedule: Schedule, step: int
) -> dict[str, Tensor]:
    """Losses of generator and discriminator, the reconstruction and, in some steps, the penalty."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    clean = halved_subbands(batch.images) if config.kind == "wavediff" else batch.images
    with engine.autocast():
        found = adversarial_losses(
            generator,
            discriminator,
            clean,
            batch.steps,
            batch.noise,
            batch.latents,
            schedule,
            with_penalty=config.is_penalty_step(step),
        )
    figures = {"generator": found.generator, "discriminator": found.discriminator, "reconstruction": found.reconstruction}
    own = found.discriminator
    if found.penalty is not None:
        figures["r1"] = found.penalty
        own = own + config.r1_interval * config.r1_gamma / 2 * found.penalty
    own.backward()
    (found.generator + config.reconstruction * found.reconstruction).backward()
    return figures


def _unet(config: TeacherConfig) -> Networks:
    return {"denoiser": build_unet(config)}


def _players(config: TeacherConfig) -> Networks:
    return {"generator": LatentUNet(config), "discriminator": TransitionDiscriminator(config)}


KINDS: dict[str, Kind] = {
    "ddpm": Kind(_unet, linear_schedule, denoiser_losses),
    "ddgan": Kind(_players, vp_schedule, game_losses),
    "wavediff": Kind(_players, vp_schedule, game_losses, subbands=True),
}
"""The kinds of ``TeacherConfig.kind``."""


def build(config: TeacherConfig, device: torch.device) -> Networks:
    """Networks with initial weights that are a function of the seed."""
    torch.manual_seed(config.seed)
    return {name: network.to(device) for name, network in KINDS[config.kind].networks(config).items()}
