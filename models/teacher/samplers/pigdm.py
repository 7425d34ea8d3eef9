"""PiGDM: the score of the measurement through the pseudo-inverse (Song, Vahdat, Mardani and Kautz, 2023)."""

import math

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import NonLinearObservation, Observation
from models.teacher.samplers.ddim import require_eta
from models.teacher.samplers.step import Callback, Rng, ddim, report, standard_normal
from models.teacher.schedule import Schedule

WEIGHTINGS = ("score", "paper")


def sample_pigdm(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | NonLinearObservation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    eta: float = 1.0,
    weighting: str = "score",
) -> Tensor:
    """DDIM steps with g = grad log N(y; A x_0(x_t), r_t^2 A A^T + sigma_y^2 I), r_t^2 = 1 - alpha_bar_t (eq. 7 and 8).

    Args:
        denoiser: D; its vector-Jacobian product is taken.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: linear, with or without noise; or non-linear with its pseudo-inverse (eq. 10).
        rng: of the noise.
        callback: told of every step.
        eta: of DDIM; 1 in the paper.
        weighting: ``score`` adds g to the score, which is x_0 <- x_0 + (1 - alpha_bar_t) / sqrt(alpha_bar_t) g by Tweedie's
            formula; ``paper`` is algorithm 1: r_t^2 g times sqrt(alpha_bar_t) is added to the result of the step.

    Returns:
        x_0. Kept pixels follow the observation closely, not to the bit.

    Raises:
        ValueError: no observation, an unknown weighting, or an eta out of range.
    """
    if observation is None:
        raise ValueError("pigdm restores an observation, and none was given")
    require_eta(eta)
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting is {weighting!r}; allowed: {', '.join(WEIGHTINGS)}")
    for t in range(schedule.steps, 0, -1):
        a = float(schedule.alpha_bar[t])
        with torch.enable_grad():
            state = x.detach().requires_grad_()
            x0 = estimate(denoiser, state, schedule, t)
            pull = _residual(observation, x0.detach(), 1 - a)
            (gradient,) = torch.autograd.grad((x0 * pull).sum(), state)
        x0, noise = x0.detach(), standard_normal(x, rng)
        if weighting == "score":
            x0 = x0 + (1 - a) / math.sqrt(a) * gradient
            x = ddim(x, x0, schedule, t, noise, eta)
        else:
            x = ddim(x, x0, schedule, t, noise, eta) + math.sqrt(a) * (1 - a) * gradient
        report(callback, t - 1, x, x0)
    return x


def _residual(observation: Observation | NonLinearObservation, x0: Tensor, r2: float) -> Tensor:
    """A^T (r^2 A A^T + sigma_y^2)^-1 (y - A x_0); or (h^+(y) - h^+(h(x_0))) / r^2."""
    if isinstance(observation, NonLinearObservation):
        return (observation.pinv(observation.y) - observation.pinv(observation.h(x0))) / r2
    operator = observation.operator
    error = operator.measured(observation.y) - operator.apply(x0)
    # A^T = gram A^+, and A A^T = gram I: the inverse is a division.
    return operator.pinv(error) * (operator.gram / (r2 * operator.gram + observation.sigma_y**2))
