"""DDNM: the null space is sampled, the range space is taken from the measurement (Wang, Yu and Zhang, 2023, algorithm 1)."""

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, descend, report, require, standard_normal
from models.teacher.schedule import Schedule


@torch.no_grad()
def sample_ddnm(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
) -> Tensor:
    """x_0 <- A^+ y + (I - A^+ A) x_0 (eq. 13), then an ancestral step (eq. 14).

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: noiseless.
        rng: of the noise.
        callback: told of every step.

    Returns:
        x_0, consistent with the observation: A x_0 = y.

    Raises:
        ValueError: no observation, or a noisy one.
    """
    observation = require(observation, "ddnm")
    observation.require_noiseless("ddnm")
    for t in range(schedule.steps, 0, -1):
        x0 = observation.corrected(estimate(denoiser, x, schedule, t))
        x = descend(x, x0, schedule, t, standard_normal(x, rng)) if t > 1 else x0
        report(callback, t - 1, x, x0)
    return x
