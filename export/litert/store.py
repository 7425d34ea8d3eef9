"""w8 for LiteRT: learned weights stored in 8 bits, each behind a DEQUANTIZE.

Not as the 8-bit input of a CONV_2D on floats, which is TensorFlow Lite's "dynamic range" form: there the runtime rounds the
activations, too, to a scale that it finds anew in every run. With the DEQUANTIZE written out the arithmetic is that of floats,
and runtimes widen the constants once, when the model is loaded (XNNPACK) or in every run (CPU kernels without a delegate).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.litert.flatbuffer import graph, is_constant, operator_name, require_runtime, tensor_type

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, TensorT

_VERSION = 5
"""Version of DEQUANTIZE that takes a scale for each channel (tflite/tools/versioning/op_version.cc)."""

_RUNTIME = "2.7.0"
"""The first TensorFlow Lite that has it (tflite/tools/versioning/runtime_version.cc)."""

_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
"""Where a weight has its output channels: (outputs, kh, kw, inputs / groups), or (1, kh, kw, outputs)."""


def store_bytes(model: "ModelT", weights: Iterable[tuple[NDArray[np.int8], NDArray[np.float32]]]) -> None:
    """Replace float weights by the integers that they stand for, in place.

    Nothing is rounded here: a weight is found by being equal, bit for bit, to what its integers stand for.

    Args:
        model: file of a program whose weights stand for integers (``quantize.wide.weights_only``, not folded).
        weights: integers (outputs, inputs / groups, kh, kw) and scales (outputs,) of every one.

    Raises:
        ValueError: a weight that is not in the file.
    """
    from ai_edge_litert import schema_py_generated as schema

    wanted: dict[tuple[int, bytes], tuple[NDArray[np.int8], NDArray[np.float32]]] = {}
    for integers, scales in weights:
        for axis in _CHANNEL_AXIS.values():
            turned = integers.transpose(0, 2, 3, 1) if axis == 0 else integers.transpose(1, 2, 3, 0)
            shape = [-1 if i == axis else 1 for i in range(4)]
            values = turned.astype(np.float32) * scales.astype(np.float32).reshape(shape)
            wanted[axis, np.ascontiguousarray(values).tobytes()] = np.ascontiguousarray(turned), scales
    subgraph, found = graph(model), []
    code = len(model.operatorCodes)
    for operator in list(subgraph.operators):
        name = operator_name(model, operator)
        if name not in _CHANNEL_AXIS:
            continue
        axis, index = _CHANNEL_AXIS[name], int(operator.inputs[1])
        tensor = subgraph.tensors[index]
        if not is_constant(model, tensor) or tensor_type(tensor) != "float32":
            continue
        match = wanted.get((axis, bytes(model.buffers[tensor.buffer].data)))
        if match is None:
            continue  # a Haar transform
        stored = _stored(model, tensor, *match, axis)
        subgraph.tensors.append(stored)
        tensor.buffer = 0  # by convention the empty buffer: the tensor is computed now
        found.append(
            schema.OperatorT(
                opcodeIndex=code, inputs=np.array([len(subgraph.tensors) - 1], np.int32), outputs=np.array([index], np.int32)
            )
        )
    expected = len(wanted) // len(_CHANNEL_AXIS)
    if len(found) != expected:
        raise ValueError(f"{len(found)} of {expected} weights found in the converter's file")
    dequantize = schema.BuiltinOperator.DEQUANTIZE
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=dequantize, builtinCode=dequantize, version=_VERSION))
    subgraph.operators[:0] = found
    require_runtime(model, _RUNTIME)
    empty_unused_buffers(model)


def _stored(model: "ModelT", tensor: "TensorT", integers: NDArray[np.int8], scales: NDArray[np.float32], axis: int) -> "TensorT":
    from ai_edge_litert import schema_py_generated as schema

    numbers = schema.QuantizationParametersT(
        scale=scales.astype(np.float32), zeroPoint=np.zeros(len(scales), np.int64), quantizedDimension=axis
    )
    model.buffers.append(schema.BufferT(data=np.frombuffer(integers.tobytes(), np.uint8)))
    return schema.TensorT(
        name=tensor.name + b";bytes",
        shape=tensor.shape,
        type=schema.TensorType.INT8,
        buffer=len(model.buffers) - 1,
        quantization=numbers,
    )


def empty_unused_buffers(model: "ModelT") -> None:
    """Take the bytes out of buffers that no tensor points at any more; several may have pointed at one."""
    used = {tensor.buffer for tensor in graph(model).tensors} | {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
