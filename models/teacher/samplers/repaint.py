"""RePaint: what is known is replaced at every step, and steps are walked several times (Lugmayr et al., 2022, algorithm 1)."""

import itertools

import torch
from torch import Tensor

from models.teacher.denoiser import Denoiser, estimate
from models.teacher.observation import Observation
from models.teacher.samplers.step import Callback, Rng, climb, descend, replace_known, report, require, standard_normal
from models.teacher.schedule import Schedule


@torch.no_grad()
def sample_repaint(
    denoiser: Denoiser,
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    travel_length: int = 10,
    travel_repeat: int = 10,
) -> Tensor:
    """Eq. 8 along ``schedule.travel(travel_length, travel_repeat)``.

    Args:
        denoiser: D.
        x: (N, C, H, W), standard normal: x_T.
        schedule: T and its variances; 250 steps in the paper.
        observation: noiseless; kept pixels in the paper, any other operator likewise.
        rng: of all noise.
        callback: told of every step.
        travel_length: states of one jump back (the paper's j).
        travel_repeat: resamplings (the paper's r).

    Returns:
        x_0, on kept pixels equal to the observation.

    Raises:
        ValueError: no observation, a noisy one, or a travel out of range.
    """
    observation = require(observation, "repaint")
    observation.require_noiseless("repaint")
    path = schedule.travel(travel_length, travel_repeat)
    for t, after in itertools.pairwise(path):
        if after > t:
            x = climb(x, schedule, after, standard_normal(x, rng))
            continue
        x0 = estimate(denoiser, x, schedule, t)
        x = descend(x, x0, schedule, t, standard_normal(x, rng))
        x = replace_known(x, observation, schedule, after, standard_normal(x, rng))
        report(callback, after, x, x0)
    return x
