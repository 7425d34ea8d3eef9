"""Distance between what a discriminator makes of the fill and of the photo."""

import torch
from torch import Tensor

from models.losses.adversarial import hole_weights


def feature_matching(fake: list[Tensor], real: list[Tensor], hole: Tensor) -> Tensor:
    """Mean absolute difference of activations, mean over layers (Wang et al., *pix2pixHD*, 2018, eq. 4), in the hole.

    Args:
        fake: activations of the composite, (N, C, h, w) each.
        real: activations of the photo; no gradient flows into them.
        hole: (N, 1, H, W) float, 1 inside the hole; positions count by their share of it.

    Returns:
        Scalar, mean over samples.
    """
    terms = []
    for a, b in zip(fake, real, strict=True):
        distance = torch.abs(a.float() - b.detach().float()).mean(1, keepdim=True)
        terms.append((distance * hole_weights(hole, (a.shape[2], a.shape[3]))).sum((1, 2, 3)).mean())
    return torch.stack(terms).mean()
