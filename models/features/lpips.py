"""Whether a file holds the network that LPIPS's heads were fitted to: two distances that are published say so.

SqueezeNet v1.1 exists twice: the authors' Caffe weights, and torchvision's, which were trained anew (pytorch/vision pull request
49). Names and shapes of their tensors are the same. LPIPS's heads weigh the channels of torchvision's; on another network's they
give some number, which is not LPIPS.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.features.distance import perceptual_distance

WIDTHS = (64, 128, 256, 384, 384, 512, 512)
"""Channels of the seven taps."""

PUBLISHED = (0.1024, 0.0938)
"""LPIPS with ``net_type="squeeze"`` of :func:`published_images`, as the documentation of torchmetrics 1.9.0 has it."""

TOLERANCE = 0.001
"""Published digits are good to 0.00005, and weights in half precision move the distances by less (measured by rounding the Caffe
weights). Those weights under LPIPS's heads are off by 0.053 and more."""


def published_images() -> tuple[Tensor, Tensor]:
    """The images of that example: two pairs, (2, 3, 100, 100) each, noise in [-1, 1] from seed 42."""
    generator = torch.Generator().manual_seed(42)
    first, second = (torch.rand(2, 3, 100, 100, generator=generator) * 2 - 1 for _ in range(2))
    return first, second


def check(path: Path, taps: nn.Module, heads: list[Tensor]) -> None:
    """Refuse a SqueezeNet and heads that are not LPIPS.

    Args:
        path: of their file, for the messages.
        taps: the network, (N, 3, H, W) in [-1, 1] -> seven activations.
        heads: weight of each channel of each.

    Raises:
        ValueError: another number of heads, for other channels, or distances that are not the published ones.
    """
    if [len(head) for head in heads] != list(WIDTHS):
        raise ValueError(f"{path}: heads for {[len(head) for head in heads]} channels; LPIPS on SqueezeNet has {list(WIDTHS)}")
    first, second = published_images()
    with torch.no_grad():
        got = perceptual_distance(taps(first), taps(second), heads).tolist()
    if any(abs(value - published) > TOLERANCE for value, published in zip(got, PUBLISHED, strict=True)):
        raise ValueError(
            f"{path}: not LPIPS: it gives {got[0]:.4f} and {got[1]:.4f} where LPIPS is {PUBLISHED[0]} and {PUBLISHED[1]}; "
            "its heads belong to torchvision's squeezenet1_1, not to the authors' Caffe weights"
        )
