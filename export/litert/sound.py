"""Is a LiteRT file consistent in itself? The interpreter believes what a file says, and ends its process where that is not so."""

import math
from typing import TYPE_CHECKING

import numpy as np

from export.litert.flatbuffer import graph, operator_name, shape, tensor_type

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, TensorT

_BYTES = {"float32": 4, "float16": 2, "int32": 4, "int64": 8, "uint8": 1, "int8": 1, "int16": 2, "bool": 1}
_NARROW = 127
_ELEMENTWISE = ("CAST", "DEQUANTIZE", "QUANTIZE", "RELU")
"""Operators with one input whose output has its shape."""


def check_sound(model: "ModelT") -> None:
    """Refuse a model that the interpreter would read beyond its memory for.

    Every operator reads what is there by then, and writes what nothing else writes; constants are as long as their shapes say;
    integers have scales.

    Raises:
        ValueError: saying what is wrong.
    """
    subgraph = graph(model)
    tensors, operators = subgraph.tensors, subgraph.operators
    for number, code in enumerate(model.operatorCodes):
        # The type stands in two fields, the older of which is too narrow for later types; 0 in the later one: an older file.
        if code.builtinCode and code.deprecatedBuiltinCode != min(code.builtinCode, _NARROW):
            raise ValueError(f"operator type {number} is {code.builtinCode} and {code.deprecatedBuiltinCode} at once")
    for number, tensor in enumerate(tensors):
        _check_tensor(model, tensor, f"tensor {number}")
    constants = (number for number, tensor in enumerate(tensors) if _data(model, tensor) is not None)
    made = {*map(int, subgraph.inputs), *constants}
    for number, operator in enumerate(operators):
        what = f"operator {number} ({operator_name(model, operator)})"
        inputs, outputs = ([int(i) for i in ports] for ports in (operator.inputs, operator.outputs))
        if missing := [i for i in inputs if i != -1 and i not in made]:  # -1: an optional input that is left out
            raise ValueError(f"{what} reads tensor {missing[0]}, which nothing has made")
        if wrong := [i for i in outputs if not 0 <= i < len(tensors) or i in made]:
            raise ValueError(f"{what} writes tensor {wrong[0]}, which is not there or not its own")
        if operator_name(model, operator) in _ELEMENTWISE and shape(tensors[inputs[0]]) != shape(tensors[outputs[0]]):
            raise ValueError(f"{what} changes the shape of what it is given")
        made.update(outputs)
    if missing := [int(i) for i in subgraph.outputs if int(i) not in made]:
        raise ValueError(f"the graph returns tensor {missing[0]}, which nothing has made")


def _check_tensor(model: "ModelT", tensor: "TensorT", what: str) -> None:
    kind, data = tensor_type(tensor), _data(model, tensor)
    if kind not in _BYTES:
        raise ValueError(f"{what} has type {kind}; allowed: {', '.join(_BYTES)}")
    if any(side < 0 for side in shape(tensor)):
        raise ValueError(f"{what} has shape {shape(tensor)}")
    if data is not None and len(data) != math.prod(shape(tensor)) * _BYTES[kind]:
        raise ValueError(f"{what} has {len(data)} bytes, which are not {shape(tensor)} of {kind}")
    if kind == "int8":
        quantisation = tensor.quantization
        scales = None if quantisation is None else quantisation.scale
        zeros = None if quantisation is None else quantisation.zeroPoint
        if scales is None or zeros is None or len(scales) != len(zeros) or not np.all(np.isfinite(scales) & (scales > 0)):
            raise ValueError(f"{what} is int8 without scales")
        channels = shape(tensor)[quantisation.quantizedDimension : quantisation.quantizedDimension + 1]
        if len(scales) != 1 and channels != (len(scales),):
            raise ValueError(f"{what} has {len(scales)} scales, which are neither one nor its channels")


def _data(model: "ModelT", tensor: "TensorT") -> "np.ndarray[tuple[int], np.dtype[np.uint8]] | None":
    """A constant's bytes; None: no constant."""
    data = model.buffers[tensor.buffer].data
    return None if data is None or not len(data) else data
