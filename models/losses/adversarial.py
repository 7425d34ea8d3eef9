"""Adversarial losses over maps of patch logits, and the gradient penalty that keeps their discriminators smooth.

A logit counts by how much of its cell lies in the hole: what was kept is the same in both images and teaches nothing. Weights
add up to one for each sample, so that a batch split over processes gives the same gradients.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def hole_weights(hole: Tensor, size: tuple[int, int]) -> Tensor:
    """Share of the hole that lies in each cell of a coarser grid.

    Args:
        hole: (N, 1, H, W) float, 1 inside the hole; not empty.
        size: (h, w) of the grid.

    Returns:
        (N, 1, h, w), at least 0; each sample adds up to 1.
    """
    area = F.adaptive_avg_pool2d(hole, size)
    return area / area.sum((1, 2, 3), keepdim=True).clamp_min(1e-12)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum((1, 2, 3)).mean()


def non_saturating_discriminator(real: Tensor, fake: Tensor, weights: Tensor) -> Tensor:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))) (Goodfellow et al., 2014, eq. 1, as a loss of D)."""
    return _mean(F.softplus(-real) + F.softplus(fake), weights)


def non_saturating_generator(fake: Tensor, weights: Tensor) -> Tensor:
    """-log sigmoid(D(G(z))) (Goodfellow et al., 2014, section 3: the form that does not saturate)."""
    return _mean(F.softplus(-fake), weights)


def hinge_discriminator(real: Tensor, fake: Tensor, weights: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim and Ye, *Geometric GAN*, 2017, eq. 10; Miyato et al., 2018, eq. 16)."""
    return _mean(F.relu(1 - real) + F.relu(1 + fake), weights)


def hinge_generator(fake: Tensor, weights: Tensor) -> Tensor:
    """-D(G(z)) (Miyato et al., 2018, eq. 17)."""
    return _mean(-fake, weights)


@dataclass(frozen=True)
class AdversarialLoss:
    """Both sides of one game.

    Attributes:
        discriminator: (real logits, fake logits, weights) -> scalar.
        generator: (fake logits, weights) -> scalar.
    """

    discriminator: Callable[[Tensor, Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


ADVERSARIAL: dict[str, AdversarialLoss] = {
    "non_saturating": AdversarialLoss(non_saturating_discriminator, non_saturating_generator),
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
}


def r1_penalty(real: Tensor, logits: list[Tensor]) -> Tensor:
    """Squared norm of the gradient on photographs, mean over samples (Mescheder et al., 2018, eq. 9, without gamma / 2).

    Args:
        real: (N, 3, H, W) photographs that require a gradient.
        logits: maps of logits computed from them; their values are added up.

    Returns:
        Scalar with a graph: the penalty is differentiated again with respect to the discriminator.
    """
    total = torch.stack([values.sum() for values in logits]).sum()
    (gradient,) = torch.autograd.grad(total, real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
