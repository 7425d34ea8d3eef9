"""MCG: a step down, a gradient step towards the measurement, and its replacement (Chung et al., 2022, eq. 15 and 16)."""

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, descend, replace_known, report, require, standard_normal
from models.teacher.schedule import Schedule


def sample_mcg(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    alpha: float = 0.1,
) -> Tensor:
    """x'_{t-1} = ancestral step - alpha grad ||y - A x_0(x_t)||, then its measured part is replaced.

    The gradient is that of the norm, not of its square: the step of the paper's section 4 divided by the norm, which keeps
    its length independent of how far the image still is.

    Args:
        denoiser: D; its gradient is taken.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: noiseless.
        rng: of all noise.
        callback: told of every step.
        alpha: length of the gradient step, at least 0; 0 is RePaint without resampling, 1 overshoots (docs/teacher.md).

    Returns:
        x_0, on kept pixels equal to the observation.

    Raises:
        ValueError: no observation, a noisy one, or a negative alpha.
    """
    observation = require(observation, "mcg")
    observation.require_noiseless("mcg")
    if not alpha >= 0:
        raise ValueError(f"alpha is {alpha}; a number from 0 on is needed")
    y = observation.operator.measured(observation.y)
    for t in range(schedule.steps, 0, -1):
        with torch.enable_grad():
            state = x.detach().requires_grad_()
            x0 = estimate(denoiser, state, schedule, t)
            distance = (y - observation.operator.apply(x0)).flatten(1).norm(dim=1)
            (gradient,) = torch.autograd.grad(distance.sum(), state)
        x0 = x0.detach()
        x = descend(x, x0, schedule, t, standard_normal(x, rng)) - alpha * gradient
        x = replace_known(x, observation, schedule, t - 1, standard_normal(x, rng))
        report(callback, t - 1, x, x0)
    return x
