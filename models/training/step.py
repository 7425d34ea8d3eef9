"""One step of training: the losses of every network, their gradients over all processes, the optimisers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.conventions import PIXEL_SCALE
from models.discriminators import DiscriminatorOutput
from models.generator import Generator
from models.losses import LOSSES
from models.losses.adversarial import ADVERSARIAL, hole_weights, r1_penalty
from models.losses.coarse import scale_coarse_gradient
from models.losses.fake_quantisation import fake_quantised_fill
from models.losses.feature_matching import feature_matching
from models.losses.hole_l2 import hole_l2
from models.training.config import TrainConfig
from models.training.descent import descend
from models.training.state import TrainState

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.engine import Engine

Perceptual = Callable[[Tensor, Tensor], Tensor]
"""(image, photo) -> scalar distance; both (N, 3, H, W) in [-1, 1]."""


Forward = Callable[[Generator, Tensor, Tensor], Tensor]
"""(network in training, (N, 3, H, W), (N, 1, H, W)) -> its fill, (N, 3, H, W), with gradients for its parameters."""


def in_float(generator: Generator, normalised: Tensor, hole: Tensor) -> Tensor:
    """The fill as the network itself computes it."""
    fill: Tensor = generator(normalised, hole)
    return fill


@dataclass(frozen=True)
class Batch:
    """Photos and holes of one step: (N, 3, H, W) uint8 and (N, 1, H, W) bool."""

    photos: Tensor
    holes: Tensor


def train_step(
    state: TrainState,
    batch: Batch,
    config: TrainConfig,
    engine: "Engine",
    perceptual: Perceptual | None = None,
    teacher: Generator | None = None,
    forward: Forward = in_float,
) -> dict[str, float]:
    """One step of every optimiser, all gradients taken at the weights of the step before (simultaneous descent).

    A teacher's fill of the same hole is a second target beside the photo (Hinton et al., *Distilling the Knowledge in a Neural
    Network*, 2015, section 2; of images and their subbands in place of classes). The photo may be one of many that could stand
    there; what a larger network makes of the hole is one that a network can make.

    Args:
        state: of the run.
        batch: photos and holes.
        config: of the run.
        engine: this process's place.
        perceptual: distance of the perceptual loss, where the configuration has one.
        teacher: whose fills are learned from, where the configuration distils.
        forward: how the network is run; ``quantize finetune`` trains what its eight bits compute.

    Returns:
        The unweighted losses and the norms of the gradients, means over all processes.

    Raises:
        Diverged: a loss or a gradient is not finite; the weights are those of the step before, in every process.
    """
    real = batch.photos.to(engine.device, non_blocking=True).float() / PIXEL_SCALE - 1
    real = real.to(memory_format=torch.channels_last)
    hole = batch.holes.to(engine.device, non_blocking=True).float()
    state.zero_grad()
    with engine.autocast():
        fill = forward(state.generator, real * (1 - hole), hole)
    fill = fill.float()
    fake = real + (fill - real) * hole
    figures = {name: LOSSES[name](fill, real, hole) for name in config.losses}
    total = torch.stack([config.losses[name] * value for name, value in figures.items()]).sum()
    if config.distillation:
        assert teacher is not None, "main() refuses a weight of distillation without its teacher"
        with torch.no_grad(), engine.autocast():
            taught = teacher(real * (1 - hole), hole)
        for name, weight in config.distillation.items():
            figures[f"teacher_{name}"] = LOSSES[name](fill, taught.float(), hole)
            total = total + weight * figures[f"teacher_{name}"]
    if config.is_perceptual_step(state.step):
        assert perceptual is not None, "main() refuses a perceptual weight without its network"
        with engine.autocast():
            figures["perceptual"] = perceptual(fake, real)
        total = total + config.perceptual_interval * config.perceptual * figures["perceptual"]
    if config.is_fake_quantisation_step(state.step):
        with engine.autocast():
            rough = fake_quantised_fill(state.generator, real * (1 - hole), hole)
        # Gradients through both: what they have in common cancels, the network's response to the rounding is left.
        figures["fake_quantisation"] = hole_l2(rough.float(), fill, hole)
        total = total + config.fake_quantisation_interval * config.fake_quantisation * figures["fake_quantisation"]
    judged = scale_coarse_gradient(fake, config.coarse_gradient)
    for name, weight in config.discriminators.items():
        found = _adversarial_losses(
            state.discriminators[name], real, judged, hole, config, engine, with_penalty=config.is_penalty_step(state.step)
        )
        total = total + weight * found.generator + config.feature_matching * found.matching
        # Backward here: the generator's graph does not reach these parameters, and the other one can be freed.
        found.discriminator.backward()
        figures[f"{name}_generator"], figures[f"{name}_discriminator"] = found.generator, found.discriminator_alone
        if config.feature_matching:
            figures[f"{name}_matching"] = found.matching
        if found.penalty is not None:
            figures[f"{name}_r1"] = found.penalty
    total.backward()
    return descend(state, config, engine, figures)


@dataclass(frozen=True)
class AdversarialLosses:
    """Losses around one discriminator: its own with the penalty and without, the generator's, the distance of its features."""

    discriminator: Tensor
    discriminator_alone: Tensor
    generator: Tensor
    matching: Tensor
    penalty: Tensor | None


def _adversarial_losses(
    network: nn.Module, real: Tensor, fake: Tensor, hole: Tensor, config: TrainConfig, engine: "Engine", *, with_penalty: bool
) -> AdversarialLosses:
    rule = ADVERSARIAL[config.adversarial]
    count = len(real)
    with engine.autocast():
        both: list[DiscriminatorOutput] = network(torch.cat([real, fake.detach()]), torch.cat([hole, hole]))
        with _frozen(network):
            of_fake: list[DiscriminatorOutput] = network(fake, hole)
    # A sample without a judged hole has no weight anywhere.
    judged = hole * (hole.mean((1, 2, 3), keepdim=True) <= config.judged_share)
    weights = [hole_weights(judged, (j.logits.shape[2], j.logits.shape[3])) for j in of_fake]
    pairs = list(zip(both, weights, strict=True))
    alone = torch.stack([rule.discriminator(j.logits[:count], j.logits[count:], w) for j, w in pairs]).mean()
    own, penalty = alone, None
    if with_penalty:
        # In float32 and on its own: second derivatives are beyond what bf16 resolves.
        photo = real.detach().requires_grad_()
        penalty = r1_penalty(photo, [j.logits for j in network(photo, hole)])
        own = alone + config.r1_interval * config.r1_gamma / 2 * penalty
    matching = torch.zeros((), device=real.device)
    if config.feature_matching:
        terms = [
            feature_matching(a.features, [f[:count] for f in b.features], judged) for a, b in zip(of_fake, both, strict=True)
        ]
        matching = torch.stack(terms).mean()
    generator_loss = torch.stack([rule.generator(j.logits, w) for j, w in zip(of_fake, weights, strict=True)]).mean()
    return AdversarialLosses(own, alone, generator_loss, matching, penalty)


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """What is computed inside has gradients for its inputs only."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
