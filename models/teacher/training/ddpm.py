"""A denoiser: diffusers' UNet and the simple objective (Ho, Jain and Abbeel, *DDPM*, 2020)."""

from typing import Any

import torch
from torch import Tensor, nn

from models.teacher.diffusers_folder import import_diffusers
from models.teacher.training.batches import TeacherBatch
from models.teacher.training.config import TeacherConfig


def build_unet(config: TeacherConfig, **more: object) -> nn.Module:
    """diffusers' ``UNet2DModel``; attention at the coarsest resolution only, where it costs little.

    Args:
        config: widths, layers, shape.
        more: further arguments of the class.
    """
    plain = len(config.widths) - 1
    channels, side, _ = config.shape
    network: nn.Module = import_diffusers().UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=config.widths,
        down_block_types=(*plain * ("DownBlock2D",), "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *plain * ("UpBlock2D",)),
        layers_per_block=config.layers,
        norm_num_groups=8,
        **more,
    )
    return network


def build_scheduler(config: TeacherConfig) -> Any:  # noqa: ANN401 - a diffusers scheduler, whose package is untyped
    """``linear_schedule`` of the same number of steps, as diffusers writes it down."""
    scale = 1000 / config.noise_steps
    return import_diffusers().DDPMScheduler(
        num_train_timesteps=config.noise_steps,
        beta_start=1e-4 * scale,
        beta_end=0.02 * scale,
        prediction_type=config.prediction,
    )


def simple_loss(network: nn.Module, batch: TeacherBatch, alpha_bar: Tensor, prediction: str) -> Tensor:
    """L_simple: the mean squared error of the prediction at one random step (Ho et al., eq. 14; v: Salimans and Ho, 2022).

    Args:
        network: (x_t, step from 0) -> object with ``sample``.
        batch: on the network's device.
        alpha_bar: (T + 1,) products of 1 - beta; index 0 is 1.
        prediction: what the network's answer means, by diffusers' names.

    Returns:
        Scalar.
    """
    a = alpha_bar[batch.steps].view(-1, 1, 1, 1).float()
    noise = batch.noise[:, 0]
    noisy = a.sqrt() * batch.images + (1 - a).sqrt() * noise
    velocity = a.sqrt() * noise - (1 - a).sqrt() * batch.images
    target = {"epsilon": noise, "v_prediction": velocity, "sample": batch.images}[prediction]
    # Trainers count steps from 0.
    return torch.nn.functional.mse_loss(network(noisy, batch.steps - 1).sample.float(), target)
