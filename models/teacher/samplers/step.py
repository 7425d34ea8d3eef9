"""Steps that several samplers share: noise, one step down, one step up, the replacement of what is known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.teacher.observation import Observation
from models.teacher.schedule import Schedule

Rng = torch.Generator | Sequence[torch.Generator]
"""One generator for the batch, or one for each sample: then a sample does not depend on its batch."""


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every network call.

    Attributes:
        t: the state that was reached; 0 at the end.
        x: x_t, (N, C, H, W).
        x0: the clean image as expected in the step.
    """

    t: int
    x: Tensor
    x0: Tensor


Callback = Callable[[Progress], None]


def standard_normal(like: Tensor, rng: Rng) -> Tensor:
    """Standard normal noise of a tensor's shape, type and device, drawn on the CPU so that every device gets the same."""
    if isinstance(rng, torch.Generator):
        return torch.randn(like.shape, generator=rng, dtype=like.dtype).to(like.device)
    if len(rng) != len(like):
        raise ValueError(f"{len(rng)} generators given for {len(like)} samples")
    return torch.stack([torch.randn(like.shape[1:], generator=one, dtype=like.dtype) for one in rng]).to(like.device)


def descend(x: Tensor, x0: Tensor, schedule: Schedule, t: int, noise: Tensor, *, variance: float | None = None) -> Tensor:
    """x_{t-1} drawn from q(x_{t-1} | x_t, x_0) (Ho et al., 2020, eq. 6 and 7).

    Args:
        x: x_t.
        x0: expected clean image.
        schedule: its letters.
        t: 1 ... T.
        noise: standard normal.
        variance: another variance than the posterior's own.
    """
    from_x0, from_x, own = schedule.posterior(t)
    return from_x0 * x0 + from_x * x + math.sqrt(own if variance is None else variance) * noise


def ddim(x: Tensor, x0: Tensor, schedule: Schedule, t: int, noise: Tensor, eta: float) -> Tensor:
    """x_{t-1} by DDIM: noise of strength eta, the rest in the direction of x_t (Song et al., 2021, eq. 12 and 16)."""
    now, before = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[t - 1])
    sigma = eta * math.sqrt((1 - before) / (1 - now) * (1 - now / before))
    epsilon = (x - math.sqrt(now) * x0) / math.sqrt(1 - now)
    return math.sqrt(before) * x0 + math.sqrt(max(0.0, 1 - before - sigma**2)) * epsilon + sigma * noise


def climb(x: Tensor, schedule: Schedule, t: int, noise: Tensor) -> Tensor:
    """x_t drawn from q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t) (Ho et al., 2020, eq. 2)."""
    beta = float(schedule.betas[t])
    return math.sqrt(1 - beta) * x + math.sqrt(beta) * noise


def replace_known(x: Tensor, observation: Observation, schedule: Schedule, t: int, noise: Tensor) -> Tensor:
    """x_t with its measured part exchanged for that of the observation, noised to step t (Lugmayr et al., 2022, eq. 8a and 8c).

    At t = 0 there is no noise: kept pixels are the photo's, to the bit.
    """
    a = float(schedule.alpha_bar[t])
    known = observation.operator.pinv(observation.operator.measured(observation.y))
    if a < 1:
        known = math.sqrt(a) * known + math.sqrt(1 - a) * observation.part(noise)
    return known + (x - observation.part(x))


def report(callback: Callback | None, t: int, x: Tensor, x0: Tensor) -> None:
    """Tell the callback, if there is one."""
    if callback is not None:
        callback(Progress(t, x, x0))


def require(observation: Observation | None, name: str) -> Observation:
    """The observation of a sampler that needs one.

    Raises:
        ValueError: there is none.
    """
    if observation is None:
        raise ValueError(f"{name} restores an observation, and none was given")
    return observation
