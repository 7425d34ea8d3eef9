"""fp16 for LiteRT: constants stored as float16, each behind a DEQUANTIZE.

This is the form of TensorFlow Lite's own "float16 quantization": every runtime takes it (CPU kernels widen the constants once,
when the model is loaded; GPU delegates drop the DEQUANTIZE and compute in half precision), which cannot be said of float16
activations. The shell keeps float32, where whole numbers to 255 are exact.

Not by ai-edge-quantizer 0.10 (FLOAT_CASTING), whose file of wavefill-s gives the same results bit for bit and the same bytes
twice, without a network: it leaves the combs in float32 (3.36 MB where the bar is 3.3, 3.20 here; and w8a8 needs them halved
too), turns weights beyond float16 into infinities without a word, and writes what older runtimes misread: DEQUANTIZE at version
1 with 0, which is ADD, in the old field of its type, and constants behind the end of the flatbuffer.
"""

from typing import TYPE_CHECKING

import numpy as np

from export.litert.flatbuffer import graph, is_constant, operator_name, tensor_type
from export.litert.store import empty_unused_buffers

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT

_DEQUANTIZE_FLOAT16_VERSION = 3
"""Version of DEQUANTIZE that takes float16 (tflite/tools/versioning/op_version.cc)."""

_HALVED = {
    # operator           which inputs
    "CONV_2D": (1,),
    "DEPTHWISE_CONV_2D": (1,),
    "MUL": (0, 1),  # the combs of the Haar synthesis, zeros and ones
}
"""Constants worth halving. Biases stay float32: a few KB, and half an operator fewer for each convolution."""

_SMALLEST = 64
"""Elements below which a DEQUANTIZE costs more bytes than it saves."""


def halve_constants(model: "ModelT") -> int:
    """Store the large constants of a float32 model as float16, in place.

    Returns:
        How many constants were halved.

    Raises:
        ValueError: a constant does not fit float16 (its magnitude is over 65504).
    """
    from ai_edge_litert import schema_py_generated as schema

    subgraph = graph(model)
    candidates = {
        int(operator.inputs[position]): None  # a dict, to keep the order and drop repetitions
        for operator in subgraph.operators
        for position in _HALVED.get(operator_name(model, operator), ())
    }
    widening = []
    for index in candidates:
        tensor = subgraph.tensors[index]
        if not is_constant(model, tensor) or tensor_type(tensor) != "float32":
            continue
        values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), "<f4")
        if values.size < _SMALLEST:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(f"{tensor.name!r}: largest magnitude {np.abs(values).max()} does not fit float16")
        stored = schema.TensorT(
            name=tensor.name + b";half", shape=tensor.shape, type=schema.TensorType.FLOAT16, buffer=len(model.buffers)
        )
        model.buffers.append(schema.BufferT(data=np.frombuffer(values.astype("<f2").tobytes(), np.uint8)))
        subgraph.tensors.append(stored)
        tensor.buffer = 0  # by convention the empty buffer: the tensor is computed now
        widening.append(
            schema.OperatorT(
                opcodeIndex=len(model.operatorCodes),
                inputs=np.array([len(subgraph.tensors) - 1], np.int32),
                outputs=np.array([index], np.int32),
            )
        )
    if widening:
        dequantize = schema.BuiltinOperator.DEQUANTIZE
        model.operatorCodes.append(
            schema.OperatorCodeT(deprecatedBuiltinCode=dequantize, builtinCode=dequantize, version=_DEQUANTIZE_FLOAT16_VERSION)
        )
        subgraph.operators[:0] = widening
        empty_unused_buffers(model)
    return len(widening)
