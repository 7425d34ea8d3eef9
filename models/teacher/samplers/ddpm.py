"""DDPM: ancestral sampling (Ho et al., 2020, algorithm 2)."""

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, descend, report, standard_normal
from models.teacher.schedule import Schedule

VARIANCES = ("small", "large")


@torch.no_grad()
def sample_ddpm(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None = None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    variance: str = "small",
) -> Tensor:
    """x_{t-1} = c_0 x_0 + c_t x_t + sigma_t z for t = T ... 1.

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: none; it samples the prior.
        rng: of the noise z.
        callback: told of every step.
        variance: sigma_t^2: ``small`` is the posterior's, best for a prior that is one point, ``large`` is beta_t, best for a
            standard normal prior (section 3.2).

    Returns:
        x_0.

    Raises:
        ValueError: an observation is given, or an unknown variance.
    """
    if observation is not None:
        raise ValueError("ddpm samples the prior and takes no observation")
    if variance not in VARIANCES:
        raise ValueError(f"variance is {variance!r}; allowed: {', '.join(VARIANCES)}")
    for t in range(schedule.steps, 0, -1):
        x0 = estimate(denoiser, x, schedule, t)
        large = float(schedule.betas[t]) if variance == "large" and t > 1 else None
        x = descend(x, x0, schedule, t, standard_normal(x, rng), variance=large)
        report(callback, t - 1, x, x0)
    return x
