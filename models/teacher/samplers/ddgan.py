"""Denoising Diffusion GAN: few steps with a generator that draws x_0 (Xiao, Kreis and Vahdat, 2022)."""

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, climb, descend, replace_known, report, standard_normal
from models.teacher.schedule import Schedule

if TYPE_CHECKING:
    from models.teacher.few_step_file import LatentDenoiser


@torch.no_grad()
def sample_ddgan(
    denoiser: "LatentDenoiser",
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None = None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    travel_length: int = 1,
    travel_repeat: int = 4,
) -> Tensor:
    """Draw x_0 with a fresh z, then x_{t-1} from q(x_{t-1} | x_t, x_0) (eq. 3); inpainting as RePaint does it.

    A generator that draws x_0 from its posterior makes every step exact, however few there are.

    Args:
        denoiser: (x, sigma, z) -> a draw of x_0.
        x: (N, C, H, W), standard normal: x_T.
        schedule: of the generator's training.
        observation: noiseless; none samples the prior.
        rng: of z and all noise.
        callback: told of every step.
        travel_length: states of one jump back.
        travel_repeat: how often each stretch is walked; 1 where nothing is observed.

    Returns:
        x_0, on kept pixels equal to the observation.

    Raises:
        ValueError: a noisy observation, or a travel out of range.
    """
    if observation is not None:
        observation.require_noiseless("ddgan")
    path = schedule.travel(travel_length, 1 if observation is None else travel_repeat)
    for t, after in itertools.pairwise(path):
        if after > t:
            x = climb(x, schedule, after, standard_normal(x, rng))
            continue
        z = standard_normal(x.new_empty(len(x), denoiser.latent), rng)
        scale = float(schedule.alpha_bar[t]) ** 0.5
        x0 = denoiser(x / scale, schedule.sigma(t), z)
        x = descend(x, x0, schedule, t, standard_normal(x, rng))
        if observation is not None:
            x = replace_known(x, observation, schedule, after, standard_normal(x, rng))
        report(callback, after, x, x0)
    return x
