"""Cross-layer equalisation: channels of one tensor brought to like ranges, because they share one scale.

Nagel et al., *Data-Free Quantization Through Weight Equalization and Bias Correction*, 2019, section 4.1, with two differences.
Weights have a scale for each output channel here, so that scaling what a convolution makes costs its weight nothing; what is
balanced is the range of the *activation* against the weight that reads it, as Xiao et al., *SmoothQuant*, 2023, eq. 4 have it.
And a residual stream is scaled as a whole (``quantize.algorithms.groups``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.generator import Generator, fold
from quantize.algorithms.changes import LARGEST_EXPONENT, Changes, convolution
from quantize.algorithms.groups import Group, groups, rectified
from quantize.samples import Hook, Sample, run_watched

STRENGTH = 0.75
"""0 would even out the weights alone, 1 the activations alone. Of 0.5, 0.75 and 1 the best on this network, whose activations
cost more than its weights (docs/quantization.md)."""

FLOOR = 1e-3
"""Least share of its tensor's range that a channel is taken to have; one that is never used gets no huge factor."""


def equalise(network: Generator, samples: Sequence[Sample]) -> Changes:
    """Factors for every group.

    Args:
        network: with plain convolutions.
        samples: calibration images, of one size.
    """
    size = samples[0].photo.shape[0]
    core = fold(network, size, size)
    ranges = channel_ranges(core, samples)
    return Changes(exponents={group.name: _exponents(core, group, ranges) for group in groups(network.spec)})


def channel_ranges(core: Generator, samples: Sequence[Sample]) -> dict[str, Tensor]:
    """Largest magnitude of each channel of each tensor, mean over the images: of single images, some would be outliers.

    Returns:
        By tensor name, (channels,) float32.
    """
    wanted = {name for group in groups(core.spec) for name in group.tensors}
    relu = rectified(core.spec)
    seen: dict[str, list[Tensor]] = {name: [] for name in wanted}

    def watch(name: str) -> Hook:
        def hook(_module: nn.Module, _arguments: tuple[Tensor, ...], y: Tensor) -> None:
            seen[name].append((y.relu() if name in relu else y).abs().amax((0, 2, 3)))

        return hook

    run_watched(core, samples, {name: watch(name) for name in wanted})
    return {name: torch.stack(rows).mean(0) for name, rows in seen.items()}


def _exponents(core: Generator, group: Group, ranges: dict[str, Tensor]) -> tuple[int, ...]:
    shares = torch.stack([ranges[name] / ranges[name].max().clamp_min(1e-12) for name in group.tensors]).mean(0)
    used = [_column_shares(core, reader) for reader in group.readers]
    columns = torch.stack([share for share in used if share is not None]).amax(0) if any(s is not None for s in used) else None
    logarithms = -STRENGTH * torch.log2(shares.clamp_min(FLOOR))
    if columns is not None:
        logarithms += (1 - STRENGTH) * torch.log2(columns.clamp_min(FLOOR))
    centred = torch.round(logarithms - logarithms.mean()).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
    return tuple(int(power) for power in centred)


def _column_shares(core: Generator, reader: str) -> Tensor | None:
    """How much of a row's range, and so of its scale, the weights of each input channel take up at most; (inputs,)."""
    layer = convolution(core, reader)
    if layer.groups > 1:  # a row of a depthwise weight has one input channel: scaling it costs nothing
        return None
    magnitudes = layer.weight.abs()
    rows = magnitudes.amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (magnitudes / rows).amax((0, 2, 3))
