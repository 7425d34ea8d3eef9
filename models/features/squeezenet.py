"""SqueezeNet v1.1 up to its last fire module: seven feature taps, for evaluation and as a perceptual loss."""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.checkpoint import check_finite, read_safetensors
from models.system.foreign import reader

FIRES = (3, 4, 6, 7, 9, 10, 11, 12)
"""Places of the fire modules in torchvision's ``squeezenet1_1().features``, which names the tensors of a file."""

POOLED_BEFORE = (3, 6, 9)
"""Fire modules behind a 3x3 maximum of stride 2."""

TAPS = (4, 7, 9, 10, 11, 12)
"""Fire modules whose output is a tap, behind the first convolution's: the seven of Zhang et al. (2018)."""

MEAN_BGR = (104.0, 117.0, 123.0)
"""Mean of ImageNet in levels (0..255), blue first: what the authors' Caffe weights were trained with."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What LPIPS takes from RGB in [-1, 1], and divides it by: torchvision's mean and deviation, rounded (Zhang et al., 2018)."""


class Fire(nn.Module):
    """A squeezing 1x1 convolution, then 1x1 and 3x3 side by side (Iandola et al., *SqueezeNet*, 2016, fig. 1).

    Args:
        inputs: channels of the input.
        squeezed: channels between.
        expanded: channels of each of the two branches.
    """

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, 2 expanded, h, w)."""
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], dim=1)


class SqueezeNetTaps(nn.Module):
    """SqueezeNet v1.1 with the activations after its stages.

    Args:
        tensors: weights under torchvision's names, ``features.0.weight``, ``features.3.squeeze.weight`` and so on.
        caffe: whether they are the authors', which want BGR in levels, or torchvision's own, which want RGB about [-2, 2].

    Raises:
        ValueError: a tensor is missing or has another shape.
    """

    mean: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, tensors: dict[str, Tensor], *, caffe: bool = True) -> None:
        super().__init__()
        self.caffe = caffe
        self.features = nn.ModuleDict({"0": nn.Conv2d(3, 64, 3, stride=2)})
        inputs = 64
        for place, (squeezed, expanded) in zip(FIRES, _WIDTHS, strict=True):
            self.features[str(place)] = Fire(inputs, squeezed, expanded)
            inputs = 2 * expanded
        own = self.state_dict()
        wrong = [name for name, value in own.items() if name not in tensors or tensors[name].shape != value.shape]
        if wrong:
            raise ValueError(f"not SqueezeNet v1.1 under torchvision's names: {wrong[0]} is missing or has another shape")
        self.load_state_dict({name: tensors[name].float() for name in own})
        for name, values in (("mean", MEAN_BGR), ("shift", SHIFT), ("scale", SCALE)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @staticmethod
    @reader
    def read(path: Path) -> "SqueezeNetTaps":
        """Read a safetensors file; frozen, in eval mode.

        Raises:
            ValueError: no such file, not safetensors, or another network.
        """
        tensors, _ = read_safetensors(path)
        check_finite(path, tensors)
        try:
            return SqueezeNetTaps(tensors).eval().requires_grad_(False)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Features of images.

        Args:
            rgb: (N, 3, H, W) float in [-1, 1].

        Returns:
            Seven activations (N, C, h, w), finest first.
        """
        x = (rgb.flip(1) + 1) * 127.5 - self.mean if self.caffe else (rgb - self.shift) / self.scale
        x = F.relu(self.features["0"](x))
        taps = [x]
        for place in FIRES:
            if place in POOLED_BEFORE:
                # Caffe rounds the size of a pooled map up.
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
            x = self.features[str(place)](x)
            if place in TAPS:
                taps.append(x)
        return taps


_WIDTHS = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""(squeezed, expanded) of each fire module of version 1.1."""
