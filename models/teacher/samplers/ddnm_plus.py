"""DDNM+: DDNM for noisy measurements, with time travel (Wang, Yu and Zhang, 2023, algorithm 2 and section 3.3)."""

import itertools
import math

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, climb, report, require, standard_normal
from models.teacher.schedule import Schedule


@torch.no_grad()
def sample_ddnm_plus(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    travel_length: int = 10,
    travel_repeat: int = 3,
) -> Tensor:
    """x_0 <- x_0 - lambda_t A^+ (A x_0 - y), and less noise is added where the measurement has brought some (eq. 17 to 19).

    With a_t the weight of x_0 in the ancestral step and sigma_t^2 its variance, the measured part of x_0 carries noise of
    standard deviation a_t lambda_t s, s = sigma_y / sqrt(gram). lambda_t is 1 while that is at most sigma_t, else
    sigma_t / (a_t s); gamma_t = sigma_t^2 - (a_t lambda_t s)^2 is what is added to the measured part, sigma_t^2 to the rest
    (the paper's appendix on its singular value form, whose operators here have one singular value).

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances.
        observation: with or without noise.
        rng: of all noise.
        callback: told of every step.
        travel_length: states of one jump back (the paper's l).
        travel_repeat: how often each stretch is walked (the paper's r).

    Returns:
        x_0; A x_0 = y where there is no noise.

    Raises:
        ValueError: no observation, or a travel out of range.
    """
    observation = require(observation, "ddnm_plus")
    spread = observation.sigma_y / math.sqrt(observation.operator.gram)
    path = schedule.travel(travel_length, travel_repeat)
    for t, after in itertools.pairwise(path):
        if after > t:
            x = climb(x, schedule, after, standard_normal(x, rng))
            continue
        from_x0, from_x, variance = schedule.posterior(t)
        brought = from_x0 * spread
        # At t = 1 the variance is 0 and lambda with it: the last answer is the denoiser's own, as the equations have it.
        share = 1.0 if brought**2 <= variance else math.sqrt(variance) / brought
        x0 = observation.corrected(estimate(denoiser, x, schedule, t), share)
        if t == 1:
            x = x0
        else:
            noise = standard_normal(x, rng)
            seen = observation.part(noise)
            added = math.sqrt(variance) * (noise - seen) + math.sqrt(max(0.0, variance - (share * brought) ** 2)) * seen
            x = from_x0 * x0 + from_x * x + added
        report(callback, after, x, x0)
    return x
