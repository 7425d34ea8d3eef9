"""How much of the colours a judge of pictures sees."""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def paled(image: Tensor, share: float) -> Tensor:
    """Colours brought towards grey of the same luma.

    What judges grey pictures asks a generator for shapes and for no colours: those are left to distances from the photo. Judges
    of colours reward tints that stand out to an eye, faint blue in a sky and yellow in sand (docs/results/runs.md, game 11).

    Args:
        image: (N, 3, H, W) float.
        share: of the colours that is kept, 0 (grey) to 1 (the image itself).

    Returns:
        (N, 3, H, W).
    """
    if share == 1:
        return image
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    grey = (image * weights).sum(1, keepdim=True)
    return grey + share * (image - grey)
