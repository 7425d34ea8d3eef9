"""Fake quantisation (QAT): the generator with weights and activations rounded to eight bits, inside a step of training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models.generator import DepthwiseBlock, Generator, NormalisedConv2d, PlainBlock, Up

WEIGHT_STEPS = 63
"""From 0 to a channel's largest weight, as ``quantize.affine`` has it."""

ACTIVATION_STEPS = 127
"""From a sample's smallest to its largest value: half of the 255 of 8 bits, because one range will serve all photos."""


def fake_quantised_fill(generator: Generator, normalised: Tensor, hole: Tensor) -> Tensor:
    """The fill of a generator whose weights and activations are rounded to a grid; gradients pass as if they were not.

    Rounding in the forward pass and the straight-through gradient are those of Jacob et al., *Quantization and Training of Neural
    Networks for Efficient Integer-Arithmetic-Only Inference*, 2018, section 3; ranges are those of the step itself, and each
    sample has its own, so that splitting a batch over processes changes nothing. The width of the grid has the gradient of
    Esser et al., *Learned Step Size Quantization*, 2020, eq. 3: a large value, which makes the grid coarse for all, is drawn in.

    Args:
        generator: network in training; left as it is.
        normalised: (N, 3, H, W) as for :class:`Generator`.
        hole: (N, 1, H, W) likewise.

    Returns:
        (N, 3, H, W) as from the generator.
    """
    weights = {
        f"{name}.weight": fake_quantise_weight(layer.weight)
        for name, layer in generator.named_modules()
        if isinstance(layer, NormalisedConv2d)
    }
    with _fake_quantising(generator):
        fill: Tensor = torch.func.functional_call(generator, weights, (normalised, hole))
    return fill


def fake_quantise_weight(weight: Tensor) -> Tensor:
    """(outputs, ...) float -> the nearest of 2 x 63 + 1 values in each output channel.

    The normalised weight is a multiple of this one in each channel, so that its grid is the same.
    """
    step = weight.flatten(1).abs().amax(1).clamp_min(1e-12).div(WEIGHT_STEPS).view(-1, *(1,) * (weight.ndim - 1))
    return _snap(weight, step)


def fake_quantise_activation(x: Tensor) -> Tensor:
    """(N, C, H, W) float -> the nearest value of a grid through 0 that covers each sample's range."""
    flat = x.flatten(1)
    low, high = flat.amin(1).clamp_max(0), flat.amax(1).clamp_min(0)
    return _snap(x, (high - low).clamp_min(1e-12).div(ACTIVATION_STEPS).view(-1, 1, 1, 1))


def _snap(x: Tensor, step: Tensor) -> Tensor:
    places = torch.div(x.detach(), step.detach())
    return x + step * (places.round() - places)


def fake_quantised_layers(generator: Generator) -> dict[str, nn.Module]:
    """Layers whose results are rounded: those that a ``QuantizationTable`` has (``grain`` is ``analysis`` there).

    Results before a ReLU are rounded over their whole range, of which the quantised program stores the positive half.
    """
    kinds = (NormalisedConv2d, PlainBlock, DepthwiseBlock, Up)
    layers = {name: layer for name, layer in generator.named_modules() if isinstance(layer, kinds)}
    return {"grain": generator.grain, **layers}


@contextmanager
def _fake_quantising(generator: Generator) -> Iterator[None]:
    handles = [layer.register_forward_hook(_fake_quantised_result) for layer in fake_quantised_layers(generator).values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _fake_quantised_result(_layer: nn.Module, _arguments: object, result: Tensor) -> Tensor:
    return fake_quantise_activation(result)
