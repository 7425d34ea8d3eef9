"""Functions to guide by: (x_t, schedule, t) -> log density of each sample, (N,), differentiable in x_t."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.schedule import Schedule

Guidance = Callable[[Tensor, Schedule, int], Tensor]


def measurement(observation: Observation) -> Guidance:
    """log p(y | x_t) where nothing is assumed of the image: then x_0 given x_t is N(x_t / sqrt(alpha_bar_t), sigma_t^2).

    It is what a classifier trained on noised measurements would learn under a flat prior. It pulls towards y less than the true
    likelihood does, which knows that neighbours are alike.
    """

    def log_density(x: Tensor, schedule: Schedule, t: int) -> Tensor:
        operator = observation.operator
        clean = x / math.sqrt(float(schedule.alpha_bar[t]))
        spread = observation.sigma_y**2 + operator.gram * schedule.sigma(t) ** 2
        error = operator.measured(observation.y) - operator.apply(clean)
        return -error.square().flatten(1).sum(1) / (2 * spread)

    return log_density


def total_variation(weight: float, denoiser: Denoiser | None = None) -> Guidance:
    """-weight times the anisotropic total variation (Rudin, Osher and Fatemi, 1992), of x_t or of the expected clean image.

    Args:
        weight: 1 / scale of the absolute differences, at least 0; images are in [-1, 1].
        denoiser: where given, the variation is that of D(x_t), and its gradient goes through the network.
    """

    def log_density(x: Tensor, schedule: Schedule, t: int) -> Tensor:
        clean = x / math.sqrt(float(schedule.alpha_bar[t])) if denoiser is None else estimate(denoiser, x, schedule, t)
        rows = torch.diff(clean, dim=2).abs().flatten(1).sum(1)
        columns = torch.diff(clean, dim=3).abs().flatten(1).sum(1)
        return -weight * (rows + columns)

    return log_density
