"""The one interface of every teacher: D(x, sigma), the expected clean image; foreign predictions are wrapped here, once."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from models.teacher.schedule import Schedule


class Denoiser(Protocol):
    """E[x_0 | x_0 + sigma n = x], n standard normal (Karras et al., *EDM*, 2022, eq. 2)."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Denoise.

        Args:
            x: (N, C, H, W) float, clean images in [-1, 1] plus noise.
            sigma: standard deviation of the noise, at least 0, the same for the whole batch.

        Returns:
            (N, C, H, W), differentiable in x.
        """
        ...


Prediction = Callable[[Tensor, Tensor], Tensor]
"""A trained network: (x_t (N, C, H, W), time step (N,) from 0 as trainers count) -> its prediction, of the shape of x_t."""


def from_epsilon(x: Tensor, predicted: Tensor, alpha_bar: float) -> Tensor:
    """x_0 = (x_t - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar) (Ho et al., 2020, eq. 15)."""
    return (x - math.sqrt(1 - alpha_bar) * predicted) / math.sqrt(alpha_bar)


def from_v(x: Tensor, predicted: Tensor, alpha_bar: float) -> Tensor:
    """x_0 = sqrt(alpha_bar) x_t - sqrt(1 - alpha_bar) v (Salimans and Ho, 2022, appendix D)."""
    return math.sqrt(alpha_bar) * x - math.sqrt(1 - alpha_bar) * predicted


def from_x0(x: Tensor, predicted: Tensor, alpha_bar: float) -> Tensor:
    """The prediction itself."""
    return predicted


PREDICTIONS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "epsilon": from_epsilon,
    "v_prediction": from_v,
    "sample": from_x0,
}
"""What a network predicts, by diffusers' names: (x_t, prediction, alpha_bar) -> x_0."""


class PredictionDenoiser:
    """A network trained on discrete steps, as a denoiser.

    Args:
        network: the trained network.
        schedule: of its training.
        kind: row of ``PREDICTIONS``.
        clip: largest magnitude of a clean value, to which answers are clipped (diffusers' ``clip_sample``); None: as they are.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(self, network: Prediction, schedule: Schedule, kind: str, clip: float | None = None) -> None:
        if kind not in PREDICTIONS:
            raise ValueError(f"prediction is {kind!r}; allowed: {', '.join(PREDICTIONS)}")
        self.network, self.schedule, self.kind, self.clip = network, schedule, kind, clip
        alpha_bar = schedule.alpha_bar
        self._log_sigma = 0.5 * (torch.log1p(-alpha_bar[1:]) - torch.log(alpha_bar[1:]))

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """See :class:`Denoiser`; sigma must lie within the schedule of training, or be 0.

        Raises:
            ValueError: more noise than the network was trained on.
        """
        if sigma == 0:
            return x
        alpha_bar = 1 / (1 + sigma**2)
        noisy = math.sqrt(alpha_bar) * x
        step = torch.full((len(x),), self.step(sigma), device=x.device)
        clean = PREDICTIONS[self.kind](noisy, self.network(noisy, step), alpha_bar)
        return clean if self.clip is None else clean.clamp(-self.clip, self.clip)

    def step(self, sigma: float) -> int:
        """The step of training, from 0, whose noise is nearest on a log scale.

        Raises:
            ValueError: more than 5 % beyond the schedule's largest.
        """
        wanted = math.log(sigma)
        if wanted > float(self._log_sigma[-1]) + 0.05:
            largest = math.exp(float(self._log_sigma[-1]))
            raise ValueError(f"sigma {sigma:.4g} is beyond the {largest:.4g} that the denoiser was trained up to")
        return int((self._log_sigma - wanted).abs().argmin())


def estimate(denoiser: Denoiser, x: Tensor, schedule: Schedule, t: int) -> Tensor:
    """x_0 as expected from x_t: D(x_t / sqrt(alpha_bar_t), sigma_t)."""
    return denoiser(x / math.sqrt(float(schedule.alpha_bar[t])), schedule.sigma(t))
