"""What a saved LiteRT file says of itself: ports, metadata, its operators."""

from pathlib import Path
from typing import TYPE_CHECKING

from export import operators
from export.backend import Inspection
from export.litert import flatbuffer
from export.litert.flatbuffer import graph, is_constant, operator_name, shape, tensor_type, text
from export.operators import ADD, CONCAT, CONV, DEQUANTISE, QUANTISE, RESIZE, IntegerCoverage, Operator, Value
from models.system.foreign import reader

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT

KINDS = {
    "ADD": ADD,
    "CONCATENATION": CONCAT,
    "CONV_2D": CONV,
    "DEPTHWISE_CONV_2D": CONV,
    "DEQUANTIZE": DEQUANTISE,
    "QUANTIZE": QUANTISE,
    "RESIZE_NEAREST_NEIGHBOR": RESIZE,
}
"""No RELU: the converter fuses it into its convolution, and one that stands alone is in the way."""

TERMS = {"CONV_2D": slice(1, None), "DEPTHWISE_CONV_2D": slice(1, 3)}
"""Sides of a weight that are summed over: it is (outputs, kh, kw, inputs / groups), or (1, kh, kw, outputs)."""

NOT_COUNTED = ("TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "CONV_3D")
"""Transposed convolutions and matrix products, which our networks do not have."""


@reader
def inspect(path: Path) -> Inspection:
    """Read a file's own statements.

    Raises:
        ValueError: the file is missing, truncated or no LiteRT model.
    """
    model = flatbuffer.read(path)
    inputs, outputs = flatbuffer.ports(model)
    found = operators_of(model)
    return Inspection(
        metadata={k: v for k, v in flatbuffer.read_metadata(model).items() if k.startswith(flatbuffer.METADATA_PREFIX)},
        inputs=inputs,
        outputs=outputs,
        macs=operators.count_macs(found),
        operators=operators.count_types(found),
        coverage=_coverage(path, found).by_kind() if operators.is_quantised(found) else None,
        byte_weights=operators.byte_weights(found),
    )


def integer_coverage(path: Path) -> IntegerCoverage:
    """What lies between the first QUANTIZE and the last DEQUANTIZE of a saved file.

    Raises:
        ValueError: not a LiteRT file, or it quantises nothing.
    """
    return _coverage(path, operators_of(flatbuffer.read(path)))


def _coverage(path: Path, found: list[Operator]) -> IntegerCoverage:
    coverage = operators.integer_coverage(found, pairs=False)
    if not coverage.quantises or not coverage.dequantises:
        raise ValueError(f"{path}: not a quantised model ({coverage.quantises} QUANTIZE, {coverage.dequantises} DEQUANTIZE)")
    return coverage


def operators_of(model: "ModelT") -> list[Operator]:
    """A model's operators, in execution order."""
    stored = graph(model).tensors
    tensors = [Value(text(one.name), shape(one), tensor_type(one), constant=is_constant(model, one)) for one in stored]
    found = []
    for operator in graph(model).operators:
        name = operator_name(model, operator)
        inputs = tuple(tensors[i] for i in operator.inputs if i >= 0)  # -1: an optional input that is left out
        outputs = tuple(tensors[i] for i in operator.outputs)
        macs: int | None = None if name in NOT_COUNTED else 0
        if name in TERMS:
            macs = operators.convolution_macs(outputs[0], shape(stored[operator.inputs[1]])[TERMS[name]])
        found.append(Operator(name, KINDS.get(name, name), inputs, outputs, macs))
    return found
