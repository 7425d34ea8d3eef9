"""Guidance of ancestral steps by the gradient of a log density (Dhariwal and Nichol, 2021, algorithm 1)."""

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.guidance import Guidance, measurement
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, descend, report, standard_normal
from models.teacher.schedule import Schedule


def sample_guided(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None = None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    guidance: Guidance | None = None,
    scale: float = 1.0,
) -> Tensor:
    """x_{t-1} ~ N(mu + s Sigma grad log p(y | x_t), Sigma).

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: what to follow where no guidance is given (``guidance.measurement``).
        rng: of the noise.
        callback: told of every step.
        guidance: log p(y | x_t) up to a constant, or any differentiable function of the state.
        scale: s; 0 is DDPM.

    Returns:
        x_0. Kept pixels follow the observation softly: they are not exact.

    Raises:
        ValueError: neither a guidance nor an observation.
    """
    if guidance is None:
        if observation is None:
            raise ValueError("guided needs a guidance function or an observation to follow")
        guidance = measurement(observation)
    for t in range(schedule.steps, 0, -1):
        with torch.no_grad():
            x0 = estimate(denoiser, x, schedule, t)
        with torch.enable_grad():
            state = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(guidance(state, schedule, t).sum(), state)
        variance = schedule.posterior(t)[2]
        x = descend(x, x0, schedule, t, standard_normal(x, rng)) + scale * variance * gradient
        report(callback, t - 1, x, x0)
    return x
