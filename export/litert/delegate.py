"""One region that GPU delegates take whole: the core of a saved LiteRT graph, and what in it they refuse."""

from pathlib import Path
from typing import TYPE_CHECKING

from export.litert.flatbuffer import read
from export.litert.inspect import operators_of
from export.operators import Operator, between, refused

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT

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
"""Operators that only the core has, from the joining of image and hole on."""


def core_operators(model: "ModelT") -> list[Operator]:
    """The core: every operator on a path from one of the core's own operators to another.

    It begins with the first concatenation, of image and hole; a convolution before that is the shell's, which repeats the hole
    for each colour.
    """
    operators = operators_of(model)
    first = next((index for index, operator in enumerate(operators) if operator.type == "CONCATENATION"), 0)

    def anchor(operator: Operator) -> bool:
        return operator.type in _CORE

    return between(operators[first:], anchor, anchor)


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
    core = core_operators(read(path))
    if not core:
        raise ValueError(f"{path}: no convolution in it")
    return refused(core, GPU_DELEGATE_OPS, GPU_DELEGATE_MAX_RANK)
