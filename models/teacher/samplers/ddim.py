"""DDIM: few steps, with as much or as little noise as wanted (Song, Meng and Ermon, 2021)."""

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, ddim, report, standard_normal
from models.teacher.schedule import Schedule


@torch.no_grad()
def sample_ddim(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None = None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    eta: float = 0.0,
) -> Tensor:
    """Eq. 12 along the steps of ``schedule``; a subsequence of another is ``schedule.respaced(...)``.

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: the steps to visit.
        observation: none; it samples the prior.
        rng: of the noise, where eta is not 0.
        callback: told of every step.
        eta: 0 is deterministic, 1 is DDPM (eq. 16).

    Returns:
        x_0.

    Raises:
        ValueError: an observation is given, or eta is outside [0, 1].
    """
    if observation is not None:
        raise ValueError("ddim samples the prior and takes no observation")
    require_eta(eta)
    for t in range(schedule.steps, 0, -1):
        x0 = estimate(denoiser, x, schedule, t)
        noise = standard_normal(x, rng) if eta > 0 else torch.zeros_like(x)
        x = ddim(x, x0, schedule, t, noise, eta)
        report(callback, t - 1, x, x0)
    return x


def require_eta(eta: float) -> None:
    """Refuse an eta outside [0, 1].

    Raises:
        ValueError: it is.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must lie between 0 and 1")
