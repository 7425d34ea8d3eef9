"""Inpainter = core + shell: the public signature around the generator.

The core is float NCHW and knows nothing of pixels; a shell gives a format its pixels. Both shells threshold the mask after a
cast to float, clear the hole, round inside the graph and composite in 0..255, where integers are exact even in fp16: kept
pixels come out bit for bit in every format. Neither owns weights.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from models.conventions import MASK_THRESHOLD, PIXEL_MAX, PIXEL_SCALE


class Core(Protocol):
    """What a shell wraps: the folded generator in fp32 or fp16, or its quantised program."""

    def __call__(self, normalised: Tensor, hole: Tensor) -> Tensor:
        """(N, 3, H, W) and (N, 1, H, W) float in, (N, 3, H, W) float out; see ``models.generator.Generator.forward``."""
        ...


class _Shell(nn.Module):
    """The arithmetic that both shells share.

    Args:
        core: float network; its dtype may be float16, then its inputs are cast to that.
        dtype: dtype of the core's inputs.
    """

    def __init__(self, core: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.core, self.dtype = core, dtype

    def composite(self, image: Tensor, mask: Tensor) -> Tensor:
        """Fill the hole of an image.

        Args:
            image: (N, 3, H, W) float, whole numbers 0..255; values under the hole do not matter.
            mask: (N, 1, H, W) float, 0..255; >= 128 is the hole.

        Returns:
            (N, 3, H, W) float, whole numbers 0..255, equal to ``image`` outside the hole.
        """
        hole = (mask >= MASK_THRESHOLD).to(image.dtype)
        known = 1 - hole
        normalised = (image / PIXEL_SCALE - 1) * known
        fill = self.core(normalised.to(self.dtype), hole.to(self.dtype)).to(image.dtype)
        # maximum and minimum, not clamp: RELU_0_TO_1 is refused by GPU delegates. floor(x + 1/2), not round: runtimes
        # disagree on halves.
        levels = torch.floor((fill + 1) * PIXEL_SCALE + 0.5)
        levels = torch.minimum(torch.maximum(levels, levels.new_tensor(0.0)), levels.new_tensor(PIXEL_MAX))
        return image * known + levels * hole


class Uint8Shell(_Shell):
    """Public signature of torch, ONNX and LiteRT: uint8 NHWC in and out."""

    def forward(self, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Fill the hole of a photo.

        Args:
            image: (N, H, W, 3) uint8 RGB.
            mask: (N, H, W, 1) uint8, >= 128: fill, < 128: keep.

        Returns:
            ``result``: (N, H, W, 3) uint8 RGB, bit for bit ``image`` wherever the mask says keep.
        """
        result = self.composite(image.permute(0, 3, 1, 2).float(), mask.permute(0, 3, 1, 2).float())
        return {"result": result.permute(0, 2, 3, 1).to(torch.uint8)}


class ImageTypeShell(_Shell):
    """Core ML's form: float NCHW in 0..255, behind ImageType (RGB in, grayscale mask in, RGB out)."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """(1, 3, H, W) and (1, 1, H, W) float in 0..255 -> (1, 3, H, W) float, whole numbers 0..255."""
        return self.composite(image, mask)
