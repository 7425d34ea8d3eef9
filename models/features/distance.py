"""How far two images are apart in a network's features."""

from collections.abc import Sequence

import torch
from torch import Tensor

FLOOR = 1e-10
"""Added to squared norms, so that positions where every channel is 0 have a unit vector of 0 and a finite gradient."""


def perceptual_distance(a: Sequence[Tensor], b: Sequence[Tensor], heads: Sequence[Tensor] | None = None) -> Tensor:
    """Mean over positions of the squared distance of channel-wise unit-normalised features (Zhang et al., 2018, eq. 1).

    Args:
        a: taps of N images, (N, C, h, w) each.
        b: taps of N others.
        heads: weight of each channel of each tap, (C,) each: LPIPS, the sum over taps. None: all weights 1 and the mean over
            taps, which is not LPIPS.

    Returns:
        (N,) float32, 0 for equal images (up to rounding, 1e-7).
    """
    if heads is None:
        return torch.stack([_unweighted(x, y).mean((1, 2)) for x, y in zip(a, b, strict=True)]).mean(0)
    pairs = zip(a, b, heads, strict=True)
    terms = [((_unit(x.float()) - _unit(y.float())).square() * w.view(1, -1, 1, 1)).sum(1).mean((1, 2)) for x, y, w in pairs]
    return torch.stack(terms).sum(0)


def _unweighted(x: Tensor, y: Tensor) -> Tensor:
    """||u - v||^2 = u u + v v - 2 u v of the unit vectors u, v, from three scalar products: half the memory traffic."""
    xx, yy, xy = (torch.sum(p * q, dim=1, dtype=torch.float32) for p, q in ((x, x), (y, y), (x, y)))
    return xx / (xx + FLOOR) + yy / (yy + FLOOR) - 2 * xy / ((xx + FLOOR) * (yy + FLOOR)).sqrt()


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True) + FLOOR).sqrt()
