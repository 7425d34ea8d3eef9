"""Configuration of a teacher's training: a frozen dataclass, a table of presets, ``--set key=value``."""

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

from models.system.foreign import parse_json
from models.training.run_config import RunConfig, checked_types

PREDICTED = ("epsilon", "v_prediction", "sample")
KINDS = ("ddpm", "ddgan", "wavediff")


@dataclass(frozen=True)
class TeacherConfig(RunConfig):
    """Everything that determines a teacher's weights, together with the photos.

    Attributes:
        kind: ``ddpm``, ``ddgan`` or ``wavediff``.
        size: side of the images in pixels, a multiple of 2 for each width but the last (twice that for ``wavediff``).
        batch: images of a step, of all processes together.
        steps: optimiser steps.
        learning_rate: of Adam, after a linear warm-up and with a linear decay.
        warmup_steps: length of the warm-up.
        decay_steps: length of the decay to zero, at the end.
        beta1: of Adam; 0.9 for a denoiser (Ho et al., 2020), 0.5 where there is an opponent (Xiao et al., 2022, appendix C).
        ema_decay: of the moving average of the weights, which is what samples; ramped up from the start.
        clip_norm: each network's gradient is clipped to this norm.
        widths: channels of each resolution, finest first; multiples of 8.
        layers: residual blocks of each resolution.
        noise_steps: T; a thousand for a denoiser, a handful for the others.
        prediction: what a denoiser predicts, by diffusers' names; the others predict x_0.
        latent: length of the random vector that makes a few-step generator's answer a draw; not used by a denoiser.
        opponent_widths: channels of the discriminator's resolutions.
        opponent_rate: its learning rate.
        r1_gamma: weight of the gradient penalty is half of this.
        r1_interval: the penalty is taken in every so many steps and weighs as many times as much.
        reconstruction: weight of the L1 distance of x_0 (Phung et al., 2023, eq. 9); 0 for plain DDGAN.
        precision: ``fp32``, ``bf16`` or ``auto``, as for the student.
        seed: of initial weights, crops, noise and steps.
    """

    TITLE: ClassVar[str] = "teacher's configuration"
    FIXED: ClassVar[str] = "kind"
    FORMAT: ClassVar[str] = "wavefill-teacher-training-1"
    STATE: ClassVar[str] = "teacher's training state"

    kind: str = "ddpm"
    size: int = 64
    batch: int = 16
    steps: int = 20_000
    learning_rate: float = 2e-4
    warmup_steps: int = 500
    decay_steps: int = 0
    beta1: float = 0.9
    ema_decay: float = 0.999
    clip_norm: float = 1.0
    widths: tuple[int, ...] = (32, 64, 128, 128)
    layers: int = 1
    noise_steps: int = 1000
    prediction: str = "v_prediction"
    latent: int = 64
    opponent_widths: tuple[int, ...] = (32, 64, 128, 128)
    opponent_rate: float = 2e-4
    r1_gamma: float = 0.05
    r1_interval: int = 16
    reconstruction: float = 0.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        self.require(self.kind in KINDS, f"kind is {self.kind!r}; allowed: {', '.join(KINDS)}")
        for name in ("size", "batch", "steps", "layers", "latent", "r1_interval"):
            self.require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}; at least 1 is needed")
        # A configuration can come from a file's header: what is built from it is bounded before it is built.
        for name, most in (("size", 4096), ("layers", 64), ("latent", 65_536)):
            self.require(getattr(self, name) <= most, f"{name} is {getattr(self, name)}; at most {most} is allowed")
        for name in ("widths", "opponent_widths"):
            widths = getattr(self, name)
            fit = 2 <= len(widths) <= 8 and all(type(w) is int and 8 <= w <= 4096 and w % 8 == 0 for w in widths)
            self.require(fit, f"{name} are {str(list(widths))[:80]}; two to eight multiples of 8 up to 4096 are needed")
            cell = 2 ** (len(widths) - (0 if self.kind == "wavediff" else 1))
            self.require(self.size % cell == 0, f"size is {self.size}; {len(widths)} {name} need a multiple of {cell}")
        rates = 0 < self.learning_rate < 1 and 0 < self.opponent_rate < 1 and 0 <= self.ema_decay < 1 and 0 <= self.beta1 < 1
        self.require(rates, "learning_rate, opponent_rate, beta1 and ema_decay must lie between 0 and 1")
        self.require(0 < self.clip_norm < math.inf, f"clip_norm is {self.clip_norm}; it must be positive")
        least, most = (50, 10_000) if self.kind == "ddpm" else (1, 32)
        steps = f"noise_steps is {self.noise_steps}; {least} to {most} are allowed for {self.kind}"
        self.require(least <= self.noise_steps <= most, steps)
        self.require(self.prediction in PREDICTED, f"prediction is {self.prediction!r}; allowed: {', '.join(PREDICTED)}")
        self.require(self.precision in ("auto", "fp32", "bf16"), f"precision is {self.precision!r}; allowed: auto, fp32, bf16")
        for name in ("r1_gamma", "reconstruction"):
            self.require(0 <= getattr(self, name) < math.inf, f"{name} is {getattr(self, name)}; numbers from 0 on are needed")
        for name in ("warmup_steps", "decay_steps"):
            self.require(getattr(self, name) >= 0, f"{name} is {getattr(self, name)}; at least 0 is needed")
        self.require(0 <= self.seed < 2**63, f"seed is {self.seed}; it must be from 0 to 2^63 - 1")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what is diffused: pixels, or the subbands of one Haar level."""
        half = self.size // 2
        return (12, half, half) if self.kind == "wavediff" else (3, self.size, self.size)

    def share(self, rank: int, processes: int) -> range:
        """The samples of every batch that are one process's.

        Raises:
            ValueError: the batch cannot be split evenly.
        """
        self.require(self.batch % processes == 0, f"a batch of {self.batch} cannot be split over {processes} processes")
        own = self.batch // processes
        return range(rank * own, (rank + 1) * own)

    @property
    def opponents_peak(self) -> float:
        """Highest learning rate of the opponent."""
        return self.opponent_rate

    @classmethod
    def from_json(cls, text: str) -> "TeacherConfig":
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not the fields of this version's configuration.
        """
        try:
            raw = parse_json(text)
            for name in ("widths", "opponent_widths"):
                raw[name] = tuple(raw[name])
            return cls(**checked_types(cls, raw))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a teacher's configuration of this version: {error}") from error


_DDGAN = TeacherConfig(kind="ddgan", noise_steps=4, learning_rate=2e-4, beta1=0.5, prediction="sample")

PRESETS: dict[str, TeacherConfig] = {
    "ddpm": TeacherConfig(),
    "ddgan": _DDGAN,
    # Half the resolution, four times the channels: one resolution fewer.
    "wavediff": dataclasses.replace(
        _DDGAN, kind="wavediff", widths=(48, 96, 128), opponent_widths=(48, 96, 128), reconstruction=1.0
    ),
}
"""One row for each kind of teacher."""
