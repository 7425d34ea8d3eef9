"""DiffPIR: a proximal step towards the measurement between denoising and noising (Zhu et al., 2023, algorithm 1)."""

import math

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, report, require, standard_normal
from models.teacher.schedule import Schedule


@torch.no_grad()
def sample_diffpir(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    lambda_: float = 8.0,
    zeta: float = 0.5,
) -> Tensor:
    """x_0 <- argmin ||y - A x||^2 + rho_t ||x - x_0||^2, rho_t = lambda sigma_y^2 / sigma_t^2 (eq. 12a and 13), then noise.

    eps = (x_t - sqrt(alpha_bar_t) x_0) / sqrt(1 - alpha_bar_t) and
    x_{t-1} = sqrt(alpha_bar_{t-1}) x_0 + sqrt(1 - alpha_bar_{t-1}) (sqrt(1 - zeta) eps + sqrt(zeta) z) (eq. 14 and 15).

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: with or without noise; without, the proximal step is the projection and lambda has no effect.
        rng: of the noise z.
        callback: told of every step.
        lambda_: weight of the prior, above 0.
        zeta: share of fresh noise, 0 (none) to 1 (all).

    Returns:
        x_0; A x_0 = y where there is no noise.

    Raises:
        ValueError: no observation, or lambda or zeta out of range.
    """
    observation = require(observation, "diffpir")
    if not 0 < lambda_ < math.inf:
        raise ValueError(f"lambda is {lambda_}; a number above 0 is needed")
    if not 0 <= zeta <= 1:
        raise ValueError(f"zeta is {zeta}; it must lie between 0 and 1")
    gram = observation.operator.gram
    for t in range(schedule.steps, 0, -1):
        now, before = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[t - 1])
        rho = lambda_ * observation.sigma_y**2 / schedule.sigma(t) ** 2
        # (A^T A + rho)^-1 (A^T y + rho x_0) for A A^T = gram I.
        x0 = observation.corrected(estimate(denoiser, x, schedule, t), gram / (gram + rho))
        if t == 1:
            x = x0
        else:
            epsilon = (x - math.sqrt(now) * x0) / math.sqrt(1 - now)
            noise = math.sqrt(1 - zeta) * epsilon + math.sqrt(zeta) * standard_normal(x, rng)
            x = math.sqrt(before) * x0 + math.sqrt(1 - before) * noise
        report(callback, t - 1, x, x0)
    return x
