"""ROWS: what is trained for the table. Every row differs from the first in what its name says, and in nothing else."""

import dataclasses
from dataclasses import dataclass

from models.training.config import TrainConfig

ADVERSARIAL_WEIGHT = 0.2
"""Of all critics of a row together: a row with two gives each the half, so that none is pushed harder than another."""

REFERENCE = "both critics"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        discriminators: rows of ``DISCRIMINATORS``, which share ``ADVERSARIAL_WEIGHT``.
        reconstruction: weight of ``hole_l1``.
        perceptual: weight of the perceptual distance; needs a network's file.
        pixels: whether the generator works on the pixels of its cells instead of their Haar bands.
        critics_see_mask: whether the critics are shown the hole.
    """

    discriminators: tuple[str, ...] = ("image", "wavelet")
    reconstruction: float = 1.0
    perceptual: float = 0.0
    pixels: bool = False
    critics_see_mask: bool = True


ROWS: dict[str, Row] = {
    REFERENCE: Row(),
    "mask to the generator only": Row(critics_see_mask=False),
    "no critic": Row(discriminators=()),
    "image critic": Row(discriminators=("image",)),
    "wavelet critic": Row(discriminators=("wavelet",)),
    "pixel generator, image critic": Row(discriminators=("image",), pixels=True),
    "pixel generator, wavelet critic": Row(discriminators=("wavelet",), pixels=True),
    "pixel generator, both critics": Row(pixels=True),
    "no reconstruction loss": Row(reconstruction=0.0),
    "and a patch critic": Row(discriminators=("image", "multiscale", "wavelet")),
    "and a perceptual loss": Row(perceptual=0.5),
}


def configuration(row: Row, *, spec: str, seed: int, steps: int, size: int, batch: int, rate: float) -> TrainConfig:
    """The configuration of a row's run: the objective of the wavelet diffusion GAN, adversarial loss plus lambda L1
    (Phung et al., 2023, eq. 4 to 6), without a time step.

    Args:
        row: of the table.
        spec: row of ``SPECS``.
        seed: of initial weights, crops and masks.
        steps: of the optimiser.
        size: of the images.
        batch: images of a step.
        rate: peak learning rate of the generator.
    """
    share = ADVERSARIAL_WEIGHT / max(1, len(row.discriminators))
    return TrainConfig(
        preset="ablations",
        spec=spec,
        stages=((0, size, batch),),
        steps=steps,
        decay_steps=steps // 3,
        warmup_steps=min(200, steps // 10),
        learning_rate=rate,
        betas=(0.0, 0.99),
        ema_decay=0.99,
        losses={"hole_l1": row.reconstruction},
        discriminators=dict.fromkeys(row.discriminators, share),
        discriminator_rate=1e-3,
        r1_gamma=2e-3,
        perceptual=row.perceptual,
        seed=seed,
    )


def runs(names: list[str], seeds: list[int]) -> list[tuple[str, int]]:
    """Row and seed of every run, in the order in which they are made: all rows once before any is repeated."""
    return [(name, seed) for seed in seeds for name in names]


def plain(row: Row) -> dict[str, object]:
    """A row for JSON."""
    return dataclasses.asdict(row)
