"""Puts the module paths back into a converted graph.

`convert_pt2e` returns a flat graph whose weights are called ``_frozen_param0`` and whose operators lose their origin when the
graph is exported again inside a shell. `with_module_paths` moves each operator into a small module at its old path
(``down.0.1.conv2``), so that names in the artefacts say what they are. The arithmetic is untouched.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from quantize.coverage import CONV, RELU, RESIZE, integer_nodes, module_path
from quantize.schemes import Scheme

_QDQ = torch.ops.quantized_decomposed


class IntegerConv2d(nn.Module):
    """A convolution whose weight is quantised; what surrounds it is quantised by the graph.

    Args:
        weight: (outputs, inputs / groups, kh, kw), int8 for a folded program and float32 for an unfolded one.
        scale: (outputs,) float32.
        zero_point: (outputs,) zeros.
        bias: (outputs,) float32, whole steps of the accumulator (:func:`on_integers`).
        geometry: stride, padding, dilation and groups as ``aten.conv2d`` takes them.
        relu: whether a ReLU is fused.
        largest: integer that a weight may be, ``Scheme.weight_max``.
    """

    weight: Tensor
    weight_scale: Tensor
    weight_zero_point: Tensor
    bias: Tensor

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor,
        zero_point: Tensor,
        bias: Tensor,
        geometry: tuple[Any, ...],
        *,
        relu: bool,
        largest: int,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach())
        self.register_buffer("weight_scale", scale.detach())
        self.register_buffer("weight_zero_point", zero_point.detach())
        self.register_buffer("bias", bias.detach())
        self.geometry, self.relu, self.largest = geometry, relu, largest

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) dequantised in, result before quantisation out."""
        numbers = (self.weight_scale, self.weight_zero_point, 0, -self.largest, self.largest, torch.int8)
        integers = self.weight
        if integers.is_floating_point():
            integers = _QDQ.quantize_per_channel(integers, *numbers)
        y = F.conv2d(x, _QDQ.dequantize_per_channel(integers, *numbers), self.bias, *self.geometry)
        return F.relu(y) if self.relu else y


class Add(nn.Module):
    """A residual or skip addition."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum of two tensors of one shape."""
        return a + b


class Resize(nn.Module):
    """Nearest-neighbour upsampling by two."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2.0, mode="nearest")


def with_module_paths(converted: GraphModule, scheme: Scheme) -> GraphModule:
    """A graph module that computes the same, with each operator of the integer region in a module at its own path.

    Args:
        converted: result of `convert_pt2e`; used up.
        scheme: number format.
    """
    graph = converted.graph
    for node in integer_nodes(converted):
        kind, path, last = str(node.target), module_path(node), node
        if kind == CONV:
            follower = next(iter(node.users))
            fused = str(follower.target) == RELU
            last = follower if fused else node
            module: nn.Module = _convolution(converted, node, scheme, relu=fused)
            inputs = node.args[:1]
        elif kind == RELU:
            continue  # moved together with its convolution
        elif kind == RESIZE:
            module, inputs, path = Resize(), node.args[:1], f"{path}.resize"
        else:
            module, inputs, path = Add(), node.args[:2], f"{path}.add"
        if kind == CONV:
            converted.delete_submodule(path)
        converted.add_submodule(path, module)
        with graph.inserting_before(last):
            call = graph.call_module(path, inputs)
        call.meta = dict(last.meta)
        last.replace_all_uses_with(call)
        graph.erase_node(last)
        if last is not node:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    # A fresh graph module: convert_pt2e forbids train() and eval(), which a shell around it calls on all its parts.
    result = GraphModule(converted, graph)
    result.delete_all_unused_submodules()
    return result


def _convolution(converted: GraphModule, node: Node, scheme: Scheme, *, relu: bool) -> IntegerConv2d:
    _, dequantised, bias, *geometry = node.args
    assert isinstance(dequantised, Node)
    assert isinstance(bias, Node)
    weight, scale, zero_point, *_ = dequantised.args
    assert isinstance(weight, Node)
    if weight.op == "call_function":  # quantise, then dequantise: the unfolded form
        weight = weight.args[0]
    integers, scales, zeros, offset = (stored_value(converted, argument) for argument in (weight, scale, zero_point, bias))
    entry = node.args[0]
    assert isinstance(entry, Node)
    if integers.is_floating_point():
        integers = on_grid(integers, scales, scheme.weight_max)
    step = _scale(converted, entry.args[1]) * scales.double()
    offset = on_integers(offset, step)
    return IntegerConv2d(integers, scales, zeros, offset, tuple(geometry), relu=relu, largest=scheme.weight_max)


def on_grid(weight: Tensor, scales: Tensor, largest: int) -> Tensor:
    """A float weight rounded to what its integers stand for, so that whoever rounds it again finds the same integers.

    LiteRT's converter divides by the scale where torch multiplies by its reciprocal. Of the 1.4 million weights of wavefill-s
    two lay so close to k + 1/2 that the file held another integer than ONNX's and Core ML's.

    Args:
        weight: (outputs, inputs / groups, kh, kw) float32.
        scales: (outputs,) float32.
        largest: integer that a weight may be.
    """
    numbers = (scales, torch.zeros(len(scales), dtype=torch.int64), 0, -largest, largest, torch.int8)
    return _QDQ.dequantize_per_channel(_QDQ.quantize_per_channel(weight, *numbers), *numbers)


def on_integers(bias: Tensor, step: Tensor) -> Tensor:
    """A bias rounded to the step of its convolution's accumulator, scale of the input x scale of the weight.

    Integer kernels add the bias to an int32 accumulator, so they can hold no other value (Jacob et al., 2018, eq. 11). A bias
    left in float would move some of every thousand results of a layer to the next integer; a sharp network amplifies that.

    Args:
        bias: (outputs,) float32.
        step: (outputs,) float64, positive.

    Returns:
        (outputs,) float32, whole multiples of ``step`` up to the last bit.
    """
    return (torch.round(bias.double() / step) * step).float()


def _scale(module: nn.Module, argument: object) -> float:
    return float(stored_value(module, argument)) if isinstance(argument, Node) else float(argument)  # type: ignore[arg-type]


def stored_value(module: nn.Module, node: object) -> Tensor:
    """The parameter or buffer of a module that a node of its graph reads."""
    assert isinstance(node, Node)
    assert node.op == "get_attr"
    value: object = module
    for name in str(node.target).split("."):
        value = getattr(value, name)
    assert isinstance(value, Tensor)
    return value
