"""VGG-16 up to its last convolution: five feature taps."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

VGG_BLOCKS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Indices of VGG-16's convolutions in torchvision's ``features``; a tap is taken after each block's last ReLU."""


VGG_WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each block."""


class VggTaps(nn.Module):
    """VGG-16 up to relu5_3 (Simonyan and Zisserman, 2015, table 1, D), the five taps of Zhang et al. (2018).

    Args:
        tensors: weights under torchvision's names, ``features.0.weight`` and so on.

    Raises:
        ValueError: a tensor is missing or has another shape.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        for index in (i for block in VGG_BLOCKS for i in block):
            weight, bias = (_fitting(tensors, f"features.{index}.{part}", index) for part in ("weight", "bias"))
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layer.load_state_dict({"weight": weight, "bias": bias})
            self.convolutions[str(index)] = layer
        # torchvision's normalisation of RGB in 0..1, moved to -1..1.
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", (2 * mean - 1).view(1, 3, 1, 1))
        self.register_buffer("deviation", (2 * deviation).view(1, 3, 1, 1))

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """(N, 3, H, W) float in [-1, 1] -> five activations, finest first."""
        x = (rgb - self.mean) / self.deviation
        taps: list[Tensor] = []
        for block in VGG_BLOCKS:
            if taps:
                x = F.max_pool2d(x, 2)
            for index in block:
                x = F.relu(self.convolutions[str(index)](x))
            taps.append(x)
        return taps


def _fitting(tensors: dict[str, Tensor], name: str, index: int) -> Tensor:
    """One tensor, of the shape that VGG-16 has there."""
    places = [place for block in VGG_BLOCKS for place in block]
    widths = [width for block, width in zip(VGG_BLOCKS, VGG_WIDTHS, strict=True) for _ in block]
    number = places.index(index)
    whole = (widths[number], 3 if number == 0 else widths[number - 1], 3, 3)
    shape: tuple[int, ...] = whole if name.endswith("weight") else whole[:1]
    if name not in tensors or tuple(tensors[name].shape) != shape:
        raise ValueError(f"not VGG-16 under torchvision's names: {name} is missing or has another shape")
    return tensors[name].float()
