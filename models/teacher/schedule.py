"""Noise schedules in the papers' variance-preserving letters, and the order in which a sampler visits their steps.

x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps for t = 0 ... T; alpha_bar_0 = 1, so x_0 is the image itself and every
index below is the papers' own. Tables are float64: alpha_bar runs through four decades.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LEAST_SIGNAL = 2.0**-52
"""Least alpha_bar_T: with less, 1 - alpha_bar_T / alpha_bar_s, the beta of a step from s to T, would be rounded to 1."""


@dataclass(frozen=True)
class Schedule:
    """Variances of a diffusion process of T steps.

    Attributes:
        betas: (T + 1,) float64; ``betas[t]`` in (0, 1) for t >= 1, ``betas[0]`` is 0 and never used.

    Raises:
        ValueError: no step, a beta outside (0, 1), or nothing left of the image at the last step.
    """

    betas: Tensor

    def __post_init__(self) -> None:
        steps = self.betas[1:]
        if self.betas.dim() != 1 or len(steps) < 1 or self.betas[0] != 0:
            raise ValueError("a schedule needs betas 0, beta_1, ... beta_T with at least one step")
        if not bool(((steps > 0) & (steps < 1)).all()):
            raise ValueError("every beta of a schedule must lie between 0 and 1")
        last = float(self.alpha_bar[-1])
        if last < LEAST_SIGNAL:
            raise ValueError(f"alpha_bar_T of a schedule is {last:.1g}; below {LEAST_SIGNAL:.1g} nothing of the image is left")

    @property
    def steps(self) -> int:
        """T."""
        return len(self.betas) - 1

    @cached_property
    def alpha_bar(self) -> Tensor:
        """(T + 1,) float64, product of 1 - beta up to each step; ``alpha_bar[0]`` is 1 (Ho et al., 2020, eq. 4)."""
        return torch.cumprod(1 - self.betas, 0)

    def sigma(self, t: int) -> float:
        """Noise over signal at a step, sqrt((1 - alpha_bar_t) / alpha_bar_t): what the denoiser is told."""
        a = float(self.alpha_bar[t])
        return math.sqrt((1 - a) / a)

    def posterior(self, t: int) -> tuple[float, float, float]:
        """q(x_{t-1} | x_t, x_0) = N(c0 x_0 + ct x_t, var) (Ho et al., 2020, eq. 6 and 7).

        Args:
            t: 1 ... T.

        Returns:
            (c0, ct, var); at t = 1 it is (1, 0, 0): the last step is the denoiser's answer itself.
        """
        now, before, beta = float(self.alpha_bar[t]), float(self.alpha_bar[t - 1]), float(self.betas[t])
        if t == 1:
            return 1.0, 0.0, 0.0
        rest = 1 - now
        return math.sqrt(before) * beta / rest, math.sqrt(1 - beta) * (1 - before) / rest, (1 - before) / rest * beta

    def respaced(self, steps: list[int] | int) -> "Schedule":
        """The process that visits only some of the steps (Song et al., DDIM, 2021, section 4.2; Nichol and Dhariwal, 2021).

        Args:
            steps: ascending steps out of 1 ... T; or how many, spread evenly and ending at T.

        Returns:
            A schedule with the same alpha_bar at those steps. The denoiser is told sigma, so it need not know.

        Raises:
            ValueError: none, too many, out of range or not ascending.
        """
        if isinstance(steps, int):
            if not 1 <= steps <= self.steps:
                raise ValueError(f"{steps} steps asked for, 1 to {self.steps} are allowed")
            steps = [round((k + 1) * self.steps / steps) for k in range(steps)]
        if not steps or steps[0] < 1 or steps[-1] > self.steps or any(b <= a for a, b in itertools.pairwise(steps)):
            raise ValueError(f"steps must ascend from at least 1 to at most {self.steps}")
        kept = self.alpha_bar[[0, *steps]]
        return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), 1 - kept[1:] / kept[:-1]]))

    def travel(self, length: int = 1, repeat: int = 1) -> list[int]:
        """Order of the states, T down to 0, with jumps back up (Lugmayr et al., RePaint, 2022, algorithm 1 and appendix B).

        Arrived for the first time at x_1, x_{1 + length}, x_{1 + 2 length} ..., the path climbs ``length`` states and comes
        down again, ``repeat - 1`` times. ``length`` 1 is the paper's algorithm 1 with U = ``repeat``; DDNM calls the same
        time travel (Wang et al., 2023, algorithm 2).

        Args:
            length: states of one jump, 1 ... T - 1.
            repeat: how often each stretch is walked, at least 1; 1 is the plain way down.

        Returns:
            States, each a neighbour of the one before; the first is T, the last 0. Steps down are network calls.

        Raises:
            ValueError: out of range.
        """
        if repeat < 1:
            raise ValueError(f"repeat is {repeat}; at least 1 is needed")
        if repeat > 1 and not 1 <= length < self.steps:
            raise ValueError(f"travel length is {length}; 1 to {self.steps - 1} are allowed with {self.steps} steps")
        left = dict.fromkeys(range(1, self.steps - length + 1, length), repeat - 1) if repeat > 1 else {}
        state, path = self.steps, [self.steps]
        while state > 0:
            state -= 1
            path.append(state)
            if left.get(state, 0) > 0:
                left[state] -= 1
                path.extend(range(state + 1, state + length + 1))
                state += length
        return path


def linear_schedule(steps: int, *, first: float = 1e-4, last: float = 0.02, reference: int = 1000) -> Schedule:
    """Betas that grow linearly (Ho et al., 2020, section 4), scaled so that any number of steps ends in as much noise.

    Args:
        steps: T.
        first: beta_1 for T = ``reference``.
        last: beta_T for T = ``reference``.
        reference: the T that both are meant for.

    Raises:
        ValueError: so few steps that a beta leaves (0, 1).
    """
    if steps < 1:
        raise ValueError(f"{steps} steps asked for, at least 1 is needed")
    scale = reference / steps
    betas = torch.linspace(scale * first, scale * last, steps, dtype=torch.float64)
    return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), betas]))


def vp_schedule(steps: int, *, first: float = 0.1, last: float = 20.0) -> Schedule:
    """The variance-preserving process of continuous time cut into a few equal steps, for generators that take them one by one.

    alpha_bar(s) = exp(-(last - first) s^2 / 2 - first s) (Song et al., *Score-Based Generative Modeling*, 2021, eq. 33), at
    s = t / T (Xiao et al., *Denoising Diffusion GANs*, 2022, appendix C).

    Args:
        steps: T.
        first: beta(0).
        last: beta(1); alpha_bar at the end is 4e-5.

    Raises:
        ValueError: no step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps asked for, at least 1 is needed")
    s = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.exp(-(last - first) * s.square() / 2 - first * s)
    return Schedule(torch.cat([torch.zeros(1, dtype=torch.float64), 1 - alpha_bar[1:] / alpha_bar[:-1]]))


def calls(path: list[int]) -> int:
    """Network calls along a path of states: its steps down."""
    return sum(after < before for before, after in itertools.pairwise(path))
