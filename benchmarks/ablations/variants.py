"""What a row changes in the networks themselves: a generator on pixels, critics that do not see the hole.

Neither is a product: their weights belong to networks that only this table has, so no checkpoint is written of them.
"""

import torch
from torch import Tensor, nn

from benchmarks.ablations.rows import Row
from models.generator import Generator, NormalisedConv2d
from models.training.state import TrainState


def prepare(state: TrainState, row: Row) -> None:
    """Make the networks of a fresh state those of a row, before anything is restored into it."""
    if row.pixels:
        for generator in (state.generator, state.shipped):
            on_pixels(generator)
    if not row.critics_see_mask:
        for critic in state.discriminators.values():
            critic.register_forward_pre_hook(_without_hole)


def _without_hole(_module: nn.Module, arguments: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    image, hole = arguments
    return image, torch.zeros_like(hole)


def on_pixels(generator: Generator) -> None:
    """Replace the Haar packet by the pixels of its blocks, in place, and the first and last weights so that it computes the same.

    Each block of 4x4 pixels becomes 16 channels as before, but they are the pixels (space to depth). The packet is invertible,
    so the first convolution can take it over and the last one its inverse: what the network computes does not change, and what
    does is the basis in which the optimiser moves its weights and in which weights are normalised.
    """
    analysis, synthesis = generator.analysis, generator.synthesis
    filters: Tensor = analysis.weight  # (4 bands, 4, s, s), one block of bands for each channel
    bands, stride = len(generator.spec.band_gains), analysis.stride
    to_bands = filters[:bands, 0].reshape(bands, bands).clone()  # (band, pixel of the block)
    inverse = torch.linalg.inv(to_bands.double()).to(to_bands)
    with torch.no_grad():
        weight = generator.stem.effective_weight().clone()
        of_bands = weight[:, : 4 * bands].unflatten(1, (4, bands))
        weight[:, : 4 * bands] = torch.einsum("ocbhw,bp->ocphw", of_bands, to_bands).flatten(1, 2)
        _set(generator.stem, weight, generator.stem.bias.clone())
        # In front of the synthesis, whose filters are the rows that bands have in pixels.
        head = generator.head.effective_weight().unflatten(0, (3, bands))
        bias = generator.head.bias.unflatten(0, (3, bands))
        weight = torch.einsum("pb,cbihw->cpihw", inverse, head).flatten(0, 1)
        _set(generator.head, weight, torch.einsum("pb,cb->cp", inverse, bias).flatten())
        pixels = torch.eye(bands).view(bands, 1, stride, stride).to(filters)
        filters.zero_()
        for channel in range(4):
            filters[channel * bands : (channel + 1) * bands, channel] = pixels[:, 0]
        synthesis.weight.copy_(pixels.repeat(3, 1, 1, 1))  # type: ignore[operator]  # a buffer


def _set(layer: NormalisedConv2d, weight: Tensor, bias: Tensor) -> None:
    """Give a normalised layer an effective weight."""
    norm = weight.flatten(1).norm(dim=1)
    layer.gain.copy_(norm)
    # Entries of about 1, as an initial weight has: the size of a step is relative to them.
    layer.weight.copy_(weight / norm.view(-1, 1, 1, 1).clamp_min(1e-8) * weight[0].numel() ** 0.5)
    layer.bias.copy_(bias)
