"""What may be claimed of a saved LiteRT graph: integer from stem to head, and one region that GPU delegates take whole."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export.litert.flatbuffer import graph, is_constant, operator_name, read, shape, tensor_type

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, OperatorT

GPU_DELEGATE_OPS: dict[str, str] = {
    # operator                 how the delegate takes it
    "CONV_2D": "Conv2DOperationParser; constant weights, a fused ReLU",
    "DEPTHWISE_CONV_2D": "DepthwiseConvolutionOperationParser; constant weights, a fused ReLU",
    "ADD": "ElementwiseOperationParser; equal shapes or a constant",
    "MUL": "ElementwiseOperationParser; equal shapes or a constant, here (1, H, W, 1)",
    "CONCATENATION": "ConcatenationOperationParser",
    "PAD": "PadOperationParser; constant zeros",
    "RESIZE_NEAREST_NEIGHBOR": "Resize2DOperationParser",
    "DEQUANTIZE": "float16 constants are read directly; int8 only with quantised inference allowed (the default)",
    "QUANTIZE": "QuantizeOperationParser, with quantised inference allowed (the default)",
}
"""Operators that LiteRT's GPU delegate takes, as far as our core may use them: an allow-list, shorter than the delegate's own.

Source: google-ai-edge/LiteRT, ``tflite/delegates/gpu/common/model_builder.cc`` (``NewOperationParser``), and the list in
tensorflow/tensorflow, ``tensorflow/lite/delegates/gpu/README.md``. Left out on purpose, though some delegates take them:
TRANSPOSE_CONV (refused at the version the converter writes), RELU_0_TO_1, SELECT_V2, GATHER_ND, BROADCAST_TO, SPLIT, MIRROR_PAD
(refused or computed wrongly on phones), RESHAPE and TRANSPOSE (slow; the core needs none).
"""

GPU_DELEGATE_MAX_RANK = 4
"""``IsAllAllowedTensors`` of the same file refuses tensors of five dimensions and more."""

_CORE = ("CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
"""Operators that only the core has: the joining of picture and hole, and convolutions."""

_INTEGER_KINDS = {"CONV_2D": "conv", "DEPTHWISE_CONV_2D": "conv", "ADD": "add", "RESIZE_NEAREST_NEIGHBOR": "resize"}


@dataclass(frozen=True)
class IntegerCoverage:
    """What lies between the first QUANTIZE and the last DEQUANTIZE of a file; a stem or head in float lies outside.

    Attributes:
        integer: operators that compute on int8, by kind as ``quantize.coverage.region_counts`` names them (a ReLU is fused).
        left_in_float: names of the results of operators that do not.
        quantises: QUANTIZE operators that take floats.
        dequantises: DEQUANTIZE operators that take int8 (not those that widen float16 constants).
        requantises: QUANTIZE operators that only change a scale.
    """

    integer: Mapping[str, int]
    left_in_float: tuple[str, ...]
    quantises: int
    dequantises: int
    requantises: int


def integer_coverage(path: Path) -> IntegerCoverage:
    """Count integer and float operators between stem and head in a saved file.

    Raises:
        ValueError: not a LiteRT file, or it quantises nothing.
    """
    model = read(path)
    tensors = graph(model).tensors

    def takes(operator: "OperatorT", name: str, dtype: str) -> bool:
        return operator_name(model, operator) == name and tensor_type(tensors[operator.inputs[0]]) == dtype

    operators = graph(model).operators
    entries = [op for op in operators if takes(op, "QUANTIZE", "float32")]
    exits = [op for op in operators if takes(op, "DEQUANTIZE", "int8")]
    if not entries or not exits:
        raise ValueError(f"{path}: not a quantised model ({len(entries)} QUANTIZE, {len(exits)} DEQUANTIZE)")
    integer: Counter[str] = Counter()
    left, requantises = [], 0
    for operator in _between(model, lambda op: op in entries, lambda op: op in exits):
        name = operator_name(model, operator)
        if takes(operator, "QUANTIZE", "int8"):
            requantises += 1
        elif operator in entries or operator in exits:
            continue
        elif name == "CONCATENATION" and _is_integer(model, operator):
            continue  # the grain beside the subbands, put together after quantising: integers of one scale, nothing to compute
        elif name in _INTEGER_KINDS and _is_integer(model, operator):
            integer[_INTEGER_KINDS[name]] += 1
        else:
            left.append(f"{name} {tensors[operator.outputs[0]].name.decode()}")
    return IntegerCoverage(dict(integer), tuple(left), len(entries), len(exits), requantises)


def _is_integer(model: "ModelT", operator: "OperatorT") -> bool:
    tensors = graph(model).tensors
    types = [tensor_type(tensors[i]) for i in (*operator.inputs, *operator.outputs) if i >= 0]
    # int32: the bias of a convolution, the size of a resize.
    return types[0] == types[-1] == "int8" and set(types) <= {"int8", "int32"}


def core_operators(model: "ModelT") -> "list[OperatorT]":
    """The core: every operator on a path from one of the core's own operators to another."""

    def anchor(operator: "OperatorT") -> bool:
        return operator_name(model, operator) in _CORE

    return _between(model, anchor, anchor)


def refused_by_gpu_delegates(path: Path) -> tuple[str, ...]:
    """What keeps the core of a saved file from being one region on a GPU delegate.

    A delegate takes connected operators as one region unless something on a path between two of them is refused, so it is
    enough to look at every operator on such a path.

    Args:
        path: a bare core or a public artefact.

    Returns:
        A line for each operator that is not on ``GPU_DELEGATE_OPS`` or has a tensor of too many dimensions; empty is good.

    Raises:
        ValueError: not a LiteRT file, or it has no convolution.
    """
    model = read(path)
    core = core_operators(model)
    if not core:
        raise ValueError(f"{path}: no convolution in it")
    tensors = graph(model).tensors
    lines = []
    for operator in core:
        name = operator_name(model, operator)
        if name not in GPU_DELEGATE_OPS:
            lines.append(f"{name} {tensors[operator.outputs[0]].name.decode()}: not on the list")
        ranks = [len(shape(tensors[i])) for i in (*operator.inputs, *operator.outputs) if i >= 0]
        if max(ranks) > GPU_DELEGATE_MAX_RANK:
            lines.append(f"{name} {tensors[operator.outputs[0]].name.decode()}: a tensor of {max(ranks)} dimensions")
    return tuple(lines)


def _between(model: "ModelT", first: "Callable[[OperatorT], bool]", last: "Callable[[OperatorT], bool]") -> "list[OperatorT]":
    """Operators on a path from one for which ``first`` holds to one for which ``last`` holds, both ends included.

    Operators are stored in execution order, so one pass each way finds descendants and ancestors.
    """
    operators = graph(model).operators
    tensors = graph(model).tensors
    below: set[int] = set()  # tensors computed from a first operator
    after = []
    for operator in operators:
        inside = first(operator) or any(int(i) in below for i in operator.inputs)
        after.append(inside)
        if inside:
            below.update(int(i) for i in operator.outputs)
    above: set[int] = set()  # tensors that a last operator is computed from
    found = []
    for operator, inside in zip(reversed(operators), reversed(after), strict=True):
        if last(operator) or any(int(i) in above for i in operator.outputs):
            above.update(int(i) for i in operator.inputs if i >= 0 and not is_constant(model, tensors[i]))
            if inside:
                found.append(operator)
    return found[::-1]
