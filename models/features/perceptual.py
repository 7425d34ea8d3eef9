"""Networks of perceptual distances, from a file that a user gives.

| file (safetensors, torchvision's key names)                    | distance                         |
|----------------------------------------------------------------|----------------------------------|
| SqueezeNet v1.1, the authors' Caffe weights                    | ``squeezenet_distance``          |
| torchvision's, with LPIPS's heads ``lin0.model.1.weight`` to 6 | ``lpips_squeezenet_distance``    |
| VGG-16, its ``features``                                       | ``vgg16_distance``               |
| VGG-16 with LPIPS's heads ``lin0.model.1.weight`` to 4         | ``lpips_vgg16_distance``         |

Heads are those of Zhang et al., 2018, version 0.1.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import check_finite, read_safetensors
from models.features import lpips
from models.features.distance import perceptual_distance
from models.features.squeezenet import SqueezeNetTaps
from models.features.vgg import VGG_WIDTHS, VggTaps
from models.photo.images import Pixels
from models.system.foreign import reader


@dataclass(frozen=True)
class PerceptualNetwork:
    """A network whose activations are compared.

    Attributes:
        name: of the distance.
        taps: module (N, 3, H, W) float in [-1, 1] -> activations, finest first.
        heads: weight of each channel of each tap, or None.
    """

    name: str
    taps: nn.Module
    heads: list[Tensor] | None

    @staticmethod
    @reader
    def read(path: Path) -> "PerceptualNetwork":
        """Read a network; frozen, in eval mode.

        Raises:
            ValueError: not safetensors, none of the known networks, or heads that do not belong to it.
        """
        tensors, _ = read_safetensors(path)
        check_finite(path, tensors)
        names = [name for name in (f"lin{i}.model.1.weight" for i in range(8)) if name in tensors]
        if "features.28.weight" in tensors:
            if len(names) not in (0, 5):
                raise ValueError(f"{path}: {len(names)} heads; LPIPS on VGG-16 has lin0.model.1.weight to lin4.model.1.weight")
            heads = [tensors[name].float().flatten() for name in names] or None
            if heads and [len(head) for head in heads] != list(VGG_WIDTHS):
                raise ValueError(f"{path}: heads for {[len(head) for head in heads]} channels; {list(VGG_WIDTHS)} are needed")
            name = "lpips_vgg16_distance" if heads else "vgg16_distance"
            return PerceptualNetwork(name, VggTaps(tensors).eval().requires_grad_(False), heads)
        if "features.3.squeeze.weight" in tensors:
            if not names:
                return PerceptualNetwork("squeezenet_distance", SqueezeNetTaps.read(path), None)
            taps = SqueezeNetTaps(tensors, caffe=False).eval().requires_grad_(False)
            heads = [tensors[name].float().flatten() for name in names]
            lpips.check(path, taps, heads)
            return PerceptualNetwork("lpips_squeezenet_distance", taps, heads)
        raise ValueError(f"{path}: no feature network that is known here; torchvision's squeezenet1_1 or vgg16 is needed")


class ImageDistance:
    """Perceptual distance of whole images, result against photo.

    Args:
        network: what compares them.
    """

    def __init__(self, network: PerceptualNetwork) -> None:
        self._network = network
        self._photo: Pixels | None = None

    def __call__(self, result: Pixels, photo: Pixels) -> float:
        """Distance of two (H, W, 3) uint8 images of one size; 0 for equal ones."""
        if photo is not self._photo:  # one photo is compared with the fills of every method
            self._photo, self._taps = photo, self._features(photo)
        return max(0.0, float(perceptual_distance(self._features(result), self._taps, self._network.heads)[0]))

    def _features(self, image: Pixels) -> list[Tensor]:
        rgb = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            taps: list[Tensor] = self._network.taps(rgb)
        return taps
