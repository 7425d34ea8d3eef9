"""Perceptual loss: distance of two images in the features of a network that is given as a file, never substituted."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.features.distance import perceptual_distance
from models.features.perceptual import PerceptualNetwork


def read_perceptual(path: Path, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Read a network and make a loss of it (Johnson et al., 2016, eq. 2, on normalised features as Zhang et al., 2018, eq. 1).

    Args:
        path: see the table of ``models.features.perceptual``.
        device: where to put it.

    Returns:
        (image, photo), both (N, 3, H, W) float in [-1, 1] -> scalar, mean over samples; gradients reach the image only.

    Raises:
        ValueError: not safetensors, or none of the known networks.
    """
    network = PerceptualNetwork.read(path)
    taps = network.taps.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    heads = None if network.heads is None else [head.to(device) for head in network.heads]

    def distance(image: Tensor, photo: Tensor) -> Tensor:
        with torch.no_grad():
            target = taps(photo)
        return perceptual_distance(taps(image), target, heads).mean()

    return distance
