"""A larger generator that begins as the function of a smaller one, so that width can be bought after training.

Net2Net (Chen, Goodfellow and Shlens, 2016, sections 2.2 and 2.3): a wider layer repeats some of its channels, and what reads them
shares their weight among the copies; a deeper level ends with residual blocks that add nothing yet. Copies that were shared
equally would get equal gradients for ever, so each share is random.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from models.generator import DepthwiseBlock, Generator, NormalisedConv2d, PlainBlock, Up
from models.spec import ModelSpec


@dataclass(frozen=True)
class Channels:
    """Which channel of the small network each channel of the large one repeats.

    Attributes:
        origin: (large,) indices of small channels; the first ones are every channel once, in order.
        share: (large,) float64, what a reader takes from each copy; the shares of one small channel add up to 1.
    """

    origin: Tensor
    share: Tensor

    @classmethod
    def same(cls, count: int) -> "Channels":
        """Every channel once."""
        return cls(torch.arange(count), torch.ones(count, dtype=torch.float64))

    @classmethod
    def spread(cls, small: int, large: int, rng: torch.Generator) -> "Channels":
        """Every channel once, then random ones, none much more often than another."""
        rounds = [torch.randperm(small, generator=rng) for _ in range(-(-(large - small) // small))]
        origin = torch.cat([torch.arange(small), *rounds])[:large]
        share = 0.25 + 0.5 * torch.rand(large, generator=rng, dtype=torch.float64)
        total = torch.zeros(small, dtype=torch.float64).index_add_(0, origin, share)
        return cls(origin, share / total[origin])


def grow(generator: Generator, spec: ModelSpec, seed: int = 0) -> Generator:
    """A generator of a larger spec that computes what a smaller one does, up to rounding.

    Args:
        generator: trained, not folded; left as it is.
        spec: at least as wide and as deep on every level, otherwise alike.
        seed: of the choice of copies and of what is new.

    Returns:
        In eval mode, with new parameters.

    Raises:
        ValueError: the spec is smaller somewhere, or differs in more than widths and blocks.
    """
    _check(generator.spec, spec)
    small = generator.spec
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        large = Generator(spec)
    levels = [Channels.spread(a, b, rng) for a, b in zip(small.widths, spec.widths, strict=True)]
    with torch.no_grad():
        _convolution(generator.stem, large.stem, Channels.same(generator.stem.in_channels), levels[0])
        _convolution(generator.head, large.head, levels[0], Channels.same(generator.head.out_channels))
        for old, new, fine, coarse in zip(generator.shrink, large.shrink, levels, levels[1:], strict=False):
            _convolution(cast(NormalisedConv2d, old), cast(NormalisedConv2d, new), fine, coarse)
        for old, new, fine, coarse in zip(generator.grow, large.grow, levels, levels[1:], strict=False):
            _convolution(cast(Up, old).conv, cast(Up, new).conv, coarse, fine)
        for way in ("down", "up"):
            for old, new, channels in zip(getattr(generator, way), getattr(large, way), levels, strict=False):
                _level(old, new, channels, rng)
    return large.eval()


def _check(small: ModelSpec, large: ModelSpec) -> None:
    for name in ("plain_levels", "expansion", "band_gains", "noise_channels"):
        if getattr(small, name) != getattr(large, name):
            raise ValueError(f"{large.name} has other {name} than {small.name}; only widths and blocks can grow")
    for name in ("widths", "blocks"):
        a, b = getattr(small, name), getattr(large, name)
        if len(a) != len(b) or any(x > y for x, y in zip(a, b, strict=True)):
            raise ValueError(f"{large.name} has {name} {b}, {small.name} has {a}: no level may be lost or become smaller")


def _level(old: nn.Sequential, new: nn.Sequential, channels: Channels, rng: torch.Generator) -> None:
    for index, block in enumerate(new):
        if index >= len(old):  # adds nothing until its last gain has moved
            last = block.conv2 if isinstance(block, PlainBlock) else cast(DepthwiseBlock, block).project
            last.gain.zero_()
        elif isinstance(block, PlainBlock):
            source = cast(PlainBlock, old[index])
            hidden = Channels.spread(source.conv1.out_channels, block.conv1.out_channels, rng)
            _convolution(source.conv1, block.conv1, channels, hidden)
            _convolution(source.conv2, block.conv2, hidden, channels)
        else:
            deep, wide = cast(DepthwiseBlock, old[index]), cast(DepthwiseBlock, block)
            hidden = Channels.spread(deep.expand.out_channels, wide.expand.out_channels, rng)
            _convolution(deep.depthwise, wide.depthwise, Channels.same(1), channels)
            _convolution(deep.expand, wide.expand, channels, hidden)
            _convolution(deep.project, wide.project, hidden, channels)


def _convolution(old: NormalisedConv2d, new: NormalisedConv2d, inputs: Channels, outputs: Channels) -> None:
    """Copy rows by the outputs' origin, and columns by the inputs', each with its share; a depthwise one has a single column."""
    weight = old.effective_weight(torch.float64)[outputs.origin][:, inputs.origin] * inputs.share.view(1, -1, 1, 1)
    length = weight.flatten(1).norm(dim=1)
    # The direction keeps the length that it had: it decides how far a step of the optimiser turns it.
    before = old.weight.flatten(1).norm(dim=1)[outputs.origin].double()
    new.weight.copy_(weight * (before / length.clamp_min(1e-30)).view(-1, 1, 1, 1))
    new.gain.copy_(length)
    new.bias.copy_(old.bias[outputs.origin])
