"""Training configuration: a frozen dataclass, a table of presets, ``--set key=value``."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

from models.discriminators import DISCRIMINATORS
from models.losses import LOSSES
from models.losses.adversarial import ADVERSARIAL
from models.spec import SPECS
from models.system.foreign import parse_json
from models.training.run_config import RunConfig, checked_types

RENAMED = {"rounding": "fake_quantisation", "rounding_interval": "fake_quantisation_interval"}
"""Settings as states of before the renaming call them."""


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Everything that determines the weights, together with the photos and, where given, the weights to start from.

    Every schedule is a function of the step alone, so a run that is stopped and resumed takes the same path.

    Attributes:
        preset: row of ``PRESETS`` that it began as.
        spec: name of a row of ``SPECS``.
        stages: (first step, image size, batch) in ascending order of first step; the batch is that of all processes together.
        steps: total optimiser steps; the learning rates fall to zero over the last ``decay_steps`` of them.
        decay_steps: length of the linear decay.
        warmup_steps: length of the linear warm-up.
        learning_rate: peak learning rate of Adam; normalised weights have entries of about 1, so this is a relative step.
        betas: Adam's betas.
        clip_norm: the norm of each network's gradient is clipped to this.
        ema_decay: decay of the moving average of the weights, which is what a checkpoint holds; ramped up from the start.
        losses: weight of each row of ``LOSSES``.
        distillation: weight of each row of ``LOSSES`` between the fill and a teacher's; needs a teacher (``models distill``).
        discriminators: weight of each row of ``DISCRIMINATORS`` in the generator's loss; none: reconstruction only.
        adversarial: row of ``ADVERSARIAL`` that they play.
        coarse_gradient: share of their gradient that passes through the fill's moving means (``losses/coarse.py``).
        discriminator_rate: their peak learning rate.
        r1_gamma: weight of the gradient penalty on photographs is half of this (Mescheder et al., 2018, eq. 9).
        r1_interval: the penalty is taken in every so many steps and weighs as many times as much (Karras et al., 2020, "lazy").
        feature_matching: weight of the distance of the discriminators' features.
        perceptual: weight of the distance of a given network's features; needs its file.
        perceptual_interval: that distance is taken in every so many steps and weighs as many times as much, like the penalty.
        fake_quantisation: weight of the squared distance in the hole to the fill of the network rounded to eight bits
            (``losses/fake_quantisation.py``), which makes it calm under quantisation (QAT).
        fake_quantisation_interval: that distance is taken in every so many steps and weighs as many times as much.
        judged_share: holes of more than this share of the image count in the losses above and not in the game: in the middle of
            a hole that leaves a narrow frame there is nothing to go by, and what the discriminators ask for there is invention.
        large_holes: how many of the samples have one box of 60 to 80 % as their hole (``models.data.masks.large_box``); 0 to 1.
        pairs_share: how many of the samples are a teacher's completions where a run is given some (``--pairs``); 0 to 1.
        precision: ``fp32``, or ``bf16`` for autocast, or ``auto``: bf16 where the processor multiplies it natively.
        seed: of initial weights, crops and masks.
    """

    TITLE: ClassVar[str] = "training configuration"
    FIXED: ClassVar[str] = "preset"
    FORMAT: ClassVar[str] = "wavefill-training-2"
    STATE: ClassVar[str] = "training state"

    preset: str = "l1"
    spec: str = "wavefill-s"
    stages: tuple[tuple[int, int, int], ...] = ((0, 128, 16), (7000, 256, 8))
    steps: int = 14600
    decay_steps: int = 5000
    warmup_steps: int = 300
    learning_rate: float = 8e-3
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    losses: dict[str, float] = field(default_factory=lambda: {"hole_l1": 1.0, "band_l1": 0.5, "hole_l2": 1.0})
    distillation: dict[str, float] = field(default_factory=dict)
    discriminators: dict[str, float] = field(default_factory=dict)
    adversarial: str = "non_saturating"
    coarse_gradient: float = 1.0
    discriminator_rate: float = 2e-3
    r1_gamma: float = 0.002
    r1_interval: int = 16
    feature_matching: float = 0.0
    perceptual: float = 0.0
    perceptual_interval: int = 1
    fake_quantisation: float = 0.0
    fake_quantisation_interval: int = 2
    judged_share: float = 1.0
    large_holes: float = 0.0
    pairs_share: float = 0.5
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        self.require(self.spec in SPECS, f"spec is {self.spec!r}; allowed: {', '.join(SPECS)}")
        self.require(self.precision in ("auto", "fp32", "bf16"), f"precision is {self.precision!r}; allowed: auto, fp32, bf16")
        self.require(self.steps >= 1 and self.decay_steps >= 0, "steps must be at least 1 and decay_steps at least 0")
        triples = all(isinstance(s, tuple) and len(s) == 3 and all(type(v) is int for v in s) for s in self.stages)
        self.require(bool(self.stages) and triples, f"stages are {self.stages}; each is [first step, image size, batch]")
        self.require(self.stages[0][0] == 0, "the first stage must begin at step 0")
        self.require([s[0] for s in self.stages] == sorted({s[0] for s in self.stages}), "stages must begin at ascending steps")
        multiple = SPECS[self.spec].multiple
        for _, size, batch in self.stages:
            self.require(size > 0 and size % multiple == 0, f"stage size {size} is no multiple of {multiple}")
            self.require(1 <= batch <= 4096, f"stage batch is {batch}; allowed: 1 to 4096")
        _require_rows("losses", self.losses, list(LOSSES))
        self.require(bool(self.losses), f"losses are none; allowed: {', '.join(LOSSES)}")
        _require_rows("distillation", self.distillation, list(LOSSES))
        aims = [*self.losses.values(), *self.distillation.values(), *self.discriminators.values(), self.perceptual]
        self.require(any(aims), "every loss of the generator has weight 0; give one of them a weight")
        _require_rows("discriminators", self.discriminators, list(DISCRIMINATORS))
        self.require(self.adversarial in ADVERSARIAL, f"adversarial is {self.adversarial!r}; allowed: {', '.join(ADVERSARIAL)}")
        rates = 0 < self.learning_rate < 1 and 0 < self.discriminator_rate < 1 and 0 <= self.ema_decay < 1
        self.require(rates, "learning_rate, discriminator_rate and ema_decay must lie between 0 and 1")
        betas = len(self.betas) == 2 and all(type(b) is float and 0 <= b < 1 for b in self.betas)
        self.require(betas, f"betas are {self.betas}; two numbers between 0 and 1 are needed")
        self.require(0 < self.clip_norm < math.inf, f"clip_norm is {self.clip_norm}; it must be positive")
        for name in ("r1_gamma", "feature_matching", "perceptual", "fake_quantisation"):
            self.require(0 <= getattr(self, name) < math.inf, f"{name} is {getattr(self, name)}; numbers from 0 on are needed")
        for name in ("coarse_gradient", "judged_share", "large_holes", "pairs_share"):
            self.require(0 <= getattr(self, name) <= 1, f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        for name in ("r1_interval", "perceptual_interval", "fake_quantisation_interval"):
            self.require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}; it must be at least 1")
        matched = self.feature_matching == 0 or bool(self.discriminators)
        self.require(matched, "feature_matching needs a discriminator, whose features it compares")
        self.require(0 <= self.seed < 2**63, f"seed is {self.seed}; it must be from 0 to 2^63 - 1")
        # Sums are taken, and networks are drawn, in the order of these; a configuration read back from JSON must have the same.
        for name in ("losses", "distillation", "discriminators"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    def stage(self, step: int) -> tuple[int, int]:
        """(image size, batch of all processes together) at a step."""
        return next((size, batch) for first, size, batch in reversed(self.stages) if step >= first)

    def is_perceptual_step(self, step: int) -> bool:
        """Whether the perceptual distance is taken at a step."""
        return self.perceptual > 0 and step % self.perceptual_interval == 0

    def is_fake_quantisation_step(self, step: int) -> bool:
        """Whether the distance to the fill of the quantised network is taken at a step."""
        return self.fake_quantisation > 0 and step % self.fake_quantisation_interval == 0

    @property
    def opponents_peak(self) -> float:
        """Highest learning rate of the discriminators."""
        return self.discriminator_rate

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, or not the fields of this version's configuration.
        """
        try:
            raw = parse_json(text)
            raw = {RENAMED.get(key, key): value for key, value in raw.items()}
            raw["stages"] = tuple(tuple(stage) for stage in raw["stages"])
            raw["betas"] = tuple(raw["betas"])
            return cls(**checked_types(cls, raw))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a training configuration of this version: {error}") from error


def _require_rows(what: str, weights: dict[str, float], allowed: list[str]) -> None:
    TrainConfig.require(weights.keys() <= set(allowed), f"{what} are {', '.join(weights)}; allowed: {', '.join(allowed)}")
    numbers = all(type(w) in (int, float) and 0 <= w < math.inf for w in weights.values())
    TrainConfig.require(numbers, f"{what} have weights {list(weights.values())}; numbers from 0 on are needed")


_ADVERSARIAL = TrainConfig(
    preset="adversarial",
    stages=((0, 128, 16), (4200, 256, 8)),
    steps=7000,
    decay_steps=2000,
    warmup_steps=200,
    learning_rate=1e-3,
    betas=(0.0, 0.99),
    # Short: over hundreds of steps an average loses the detail that is in every one of its terms (docs/results/runs.md).
    ema_decay=0.99,
    # Tone and shape are tied to the photo by moving means, texture is left to the discriminators.
    losses={"coarse_l1": 1.5, "coarse_l2": 3.0, "hole_l1": 0.3},
    coarse_gradient=0.1,
    discriminators={"image": 0.2, "wavelet": 0.5},
    discriminator_rate=1e-3,
    r1_gamma=2e-3,
    feature_matching=0.25,
)

PRESETS: dict[str, TrainConfig] = {
    # A few CPU hours: context is learned at 128, detail and scale at 256.
    "l1": TrainConfig(),
    # From the weights that `l1` ends with (--init): what to fill in is known, how it looks is learned here.
    "adversarial": _ADVERSARIAL,
    # A short game over the half-size picture, eight bits in the loop; to be played several times over (docs/training.md). The
    # weights that ship are a mean of such games, played on photographs and calm scenes. From weights that are trained, and
    # discriminators that know photographs but not yet these fills.
    "structure": dataclasses.replace(
        _ADVERSARIAL,
        preset="structure",
        stages=((0, 256, 8),),
        steps=1000,
        decay_steps=750,
        warmup_steps=50,
        learning_rate=8e-4,
        losses={"hole_l1": 0.35, "band_l1": 0.5, "hole_l2": 0.5, "hole_log_l2": 0.4},
        coarse_gradient=1.0,
        discriminators={"structure": 0.1, "structure_wavelet": 0.1},
        discriminator_rate=2e-3,
        feature_matching=0.0,
        fake_quantisation=60.0,
        large_holes=0.15,
        judged_share=0.6,
    ),
    # The full recipe; needs a feature network's file (--perceptual).
    "perceptual": dataclasses.replace(_ADVERSARIAL, preset="perceptual", perceptual=1.0, perceptual_interval=2),
    # A teacher's fills beside the photos, in outputs and in subbands; the weights of `l1`, half for each target.
    "distill": TrainConfig(
        preset="distill",
        losses={"hole_l1": 0.5, "band_l1": 0.25, "hole_l2": 0.5},
        distillation={"hole_l1": 0.5, "band_l1": 0.25, "hole_l2": 0.5},
    ),
    # What eight bits compute (`quantize finetune`): small steps at full size, from weights that are trained and their table.
    # bf16 would round beside the integers.
    "finetune": TrainConfig(
        preset="finetune",
        stages=((0, 256, 8),),
        steps=2000,
        decay_steps=1500,
        warmup_steps=100,
        learning_rate=5e-4,
        ema_decay=0.99,
        precision="fp32",
    ),
    # Seconds: for tests, and to see that a machine is set up.
    "smoke": TrainConfig(preset="smoke", stages=((0, 128, 2),), steps=8, decay_steps=4, warmup_steps=2),
}
