"""What a saved ONNX file says of itself: ports, metadata, its operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from export import operators
from export.backend import Inspection, Port
from export.onnx.graph import value_shapes
from export.operators import ADD, CONCAT, CONV, DEQUANTISE, QUANTISE, RELU, RESIZE, IntegerCoverage, Operator, Value

if TYPE_CHECKING:
    from onnx import ModelProto

KINDS: Final = {
    "Add": ADD,
    "Concat": CONCAT,
    "Conv": CONV,
    "DequantizeLinear": DEQUANTISE,
    "QuantizeLinear": QUANTISE,
    "Relu": RELU,
    "Resize": RESIZE,
}

OPERANDS: Final = {"Conv": 3, "DequantizeLinear": 1, "QuantizeLinear": 1, "Resize": 1}
"""How many inputs an operator computes with, where the others say how. ONNX Runtime wants the bias as integers too."""


def inspect(model: ModelProto) -> Inspection:
    """A model's own statements.

    Raises:
        ValueError: a convolution without a shape.
    """
    found = operators_of(model)
    return Inspection(
        metadata={entry.key: entry.value for entry in model.metadata_props},
        inputs=tuple(_ports(model.graph.input)),
        outputs=tuple(_ports(model.graph.output)),
        macs=operators.count_macs(found),
        operators=operators.count_types(found),
        coverage=operators.integer_coverage(found, pairs=True).by_kind() if operators.is_quantised(found) else None,
        byte_weights=operators.byte_weights(found),
    )


def integer_coverage(model: ModelProto) -> IntegerCoverage:
    """What a saved model computes on integers between its first QuantizeLinear and its last DequantizeLinear."""
    return operators.integer_coverage(operators_of(model), pairs=True)


def operators_of(model: ModelProto) -> list[Operator]:
    """A model's nodes, in execution order."""
    values = _values(model)

    def value(name: str) -> Value:
        return values.setdefault(name, Value(name, None, ""))

    found = []
    for node in model.graph.node:
        inputs = tuple(value(name) for name in list(node.input)[: OPERANDS.get(node.op_type)] if name)
        outputs = tuple(value(name) for name in node.output)
        macs: int | None = 0
        if node.op_type == "Conv":
            weight = inputs[1].shape  # (outputs, inputs / groups, kh, kw)
            macs = None if weight is None else operators.convolution_macs(outputs[0], weight[1:])
        found.append(Operator(node.op_type, KINDS.get(node.op_type, node.op_type), inputs, outputs, macs))
    return found


def _values(model: ModelProto) -> dict[str, Value]:
    """Values and constants whose types the model states, by name."""
    graph, shapes = model.graph, value_shapes(model)
    stated = {port.name: port.type.tensor_type.elem_type for port in (*graph.input, *graph.value_info, *graph.output)}
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {
        name: Value(name, shapes[name], _dtype(kind) if kind else "", constant=name in stored)
        for name, kind in {**stated, **stored}.items()
    }


def _dtype(kind: int) -> str:
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name


def _ports(values: object) -> Iterator[Port]:
    for value in values:  # type: ignore[attr-defined] # protobuf's repeated fields have no public type
        kind = value.type.tensor_type
        yield Port(value.name, tuple(dim.dim_value for dim in kind.shape.dim), _dtype(kind.elem_type))
