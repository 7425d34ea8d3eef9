"""Multiply-accumulates of a network, counted from the shapes of its tensors."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from models.generator import Generator, fold

Shape = tuple[int, ...]


def conv2d(weight: Shape, inputs: Shape, output: Shape) -> int:
    """Each output value is a sum over the weight's (inputs / groups, kh, kw)."""
    return math.prod(output) * math.prod(weight[1:])


def conv_transpose2d(weight: Shape, inputs: Shape, output: Shape) -> int:
    """Each input value is spread over the weight's (outputs / groups, kh, kw)."""
    return math.prod(inputs) * math.prod(weight[1:])


COSTS: dict[str, Callable[[Shape, Shape, Shape], int]] = {"conv2d": conv2d, "conv_transpose2d": conv_transpose2d}
"""Functions that multiply matrices; additions, resizing and the comb of the inverse wavelet transform are not counted."""

MATRIX_FUNCTIONS = {
    *("mm", "bmm", "addmm", "baddbmm", "linear", "matmul", "__matmul__", "__rmatmul__", "einsum", "scaled_dot_product_attention"),
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
}
"""Functions that would make a count wrong if they were passed over: one that is not in ``COSTS`` is an error."""


class _Counter(TorchFunctionMode):
    """Adds up ``COSTS`` over every torch function that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in COSTS:
            self.total += COSTS[name](args[1].shape, args[0].shape, result.shape)
        elif name in MATRIX_FUNCTIONS:
            raise ValueError(f"{name}: multiply-accumulates of this function are not counted")
        return result


def count_macs(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    """Multiply-accumulates of one call.

    Args:
        module: network, not changed; only shapes are computed, on the ``meta`` device.
        inputs: tensors of the shapes to count for.

    Raises:
        ValueError: the network calls a matrix function that is not in ``COSTS``.
    """
    shapes_only = copy.deepcopy(module).to("meta")
    with _Counter() as counter, torch.inference_mode():
        shapes_only(*(tensor.to("meta") for tensor in inputs))
    return counter.total


def generator_macs(generator: Generator, size: int) -> int:
    """Multiply-accumulates of the deployed (folded) generator for one image of size x size pixels.

    Raises:
        ValueError: the size is no multiple of ``generator.spec.multiple``.
    """
    core = fold(generator, size, size)
    return count_macs(core, (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size)))


def parameters(generator: Generator) -> int:
    """Learned values of the deployed generator: weights and biases of its convolutions, gains folded in."""
    multiple = generator.spec.multiple
    return sum(parameter.numel() for parameter in fold(generator, multiple, multiple).parameters())
