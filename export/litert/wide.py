"""w8a16 for LiteRT ("int16x8"): what the converter's file lacks to be what the interpreter takes.

litert-torch 0.10.0 writes biases of 32 bits. ai-edge-litert 2.3.0 refuses them in a depthwise convolution ("bias->type !=
kTfLiteInt64"); in a plain one it takes them and computes something else: 5 dB of hole PSNR to the program, 63 dB with 64 bits.
"""

from typing import TYPE_CHECKING

import numpy as np

from export.litert.flatbuffer import graph, operator_name, tensor_type
from export.litert.store import empty_unused_buffers

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")

_GENERAL_SUM_VERSION = 3
"""Version of ADD that takes 16 bits of any scale (tflite/tools/versioning/op_version.cc)."""


def widen_biases(model: "ModelT") -> int:
    """Store the biases of convolutions on 16 bits as int64, in place.

    Returns:
        How many there were.

    Raises:
        ValueError: a bias is no int32 constant.
    """
    from ai_edge_litert import schema_py_generated as schema

    subgraph, widened = graph(model), set()
    for operator in subgraph.operators:
        if operator_name(model, operator) not in _CONVOLUTIONS or tensor_type(subgraph.tensors[operator.inputs[0]]) != "int16":
            continue
        index = int(operator.inputs[2])
        if index in widened:
            continue
        tensor = subgraph.tensors[index]
        data = model.buffers[tensor.buffer].data
        if tensor_type(tensor) != "int32" or data is None:
            raise ValueError(f"{tensor.name!r}: bias is {tensor_type(tensor)}, a constant of int32 is expected")
        steps = np.frombuffer(bytes(data), "<i4")
        model.buffers.append(schema.BufferT(data=np.frombuffer(steps.astype("<i8").tobytes(), np.uint8)))
        tensor.buffer, tensor.type = len(model.buffers) - 1, schema.TensorType.INT64
        widened.add(index)
    empty_unused_buffers(model)
    return len(widened)


def general_sums(model: "ModelT") -> None:
    """Say of additions on 16 bits that their scales are no powers of two, in place; the converter leaves the opposite there.

    Current kernels do not look at it. Older ones would shift instead of multiplying.
    """
    subgraph = graph(model)
    for operator in subgraph.operators:
        if operator_name(model, operator) == "ADD" and tensor_type(subgraph.tensors[operator.inputs[0]]) == "int16":
            operator.builtinOptions.potScaleInt16 = False
            code = model.operatorCodes[operator.opcodeIndex]
            code.version = max(code.version, _GENERAL_SUM_VERSION)
