"""What a saved Core ML package says of itself: ports, metadata, its operators."""

from pathlib import Path
from typing import Any

import numpy as np

from export import operators
from export.backend import Inspection, Port
from export.coreml.package import read_program
from export.operators import ADD, CONCAT, CONV, DEQUANTISE, QUANTISE, RELU, RESIZE, IntegerCoverage, Operator, Value
from models.system.foreign import reader

_CHANNELS = {"RGB": 3, "BGR": 3, "GRAYSCALE": 1}

KINDS = {
    "add": ADD,
    "concat": CONCAT,
    "constexpr_affine_dequantize": DEQUANTISE,
    "conv": CONV,
    "dequantize": DEQUANTISE,
    "quantize": QUANTISE,
    "relu": RELU,
    "upsample_nearest_neighbor": RESIZE,
}

OPERANDS = {
    "constexpr_affine_dequantize": ("quantized_data",),
    "conv": ("x", "weight"),
    "dequantize": ("input",),
    "quantize": ("input",),
    "upsample_nearest_neighbor": ("x",),
}
"""Arguments that an operator computes with, where the others say how. A convolution's bias may stay float: it is added to the
accumulator."""


@reader
def inspect(package: Path) -> Inspection:
    """Read a package's own statements.

    Raises:
        ValueError: not a package, or a damaged one.
    """
    program = read_program(package)
    description = program.spec.description
    found = operators_of(program.function)
    return Inspection(
        metadata={k: v for k, v in sorted(description.metadata.userDefined.items()) if k.startswith("wavefill.")},
        inputs=tuple(_port(port) for port in description.input),
        outputs=tuple(_port(port) for port in description.output),
        macs=operators.count_macs(found),
        operators=operators.count_types(found),
        coverage=_coverage(package, program.function, found).by_kind() if operators.is_quantised(found) else None,
        byte_weights=operators.byte_weights(found),
    )


@reader
def integer_coverage(package: Path) -> IntegerCoverage:
    """Count what is integer between the stem (first learned convolution) and the head (last), both included.

    Args:
        package: an ``.mlpackage``; in one that quantises nothing all are left in float.

    Raises:
        ValueError: a damaged package, or one without learned convolutions.
    """
    function = read_program(package).function
    return _coverage(package, function, operators_of(function))


def _coverage(package: Path, function: Any, found: list[Operator]) -> IntegerCoverage:  # noqa: ANN401
    learned = [
        operator
        for operator, op in zip(found, _operations(function), strict=True)
        if operator.kind == CONV and not _is_filter_bank(_weight(op))
    ]
    if not learned:
        raise ValueError(f"{package}: no learned convolution in it")
    return operators.integer_coverage(
        found, pairs=True, first=lambda operator: operator is learned[0], last=lambda operator: operator is learned[-1]
    )


def operators_of(function: Any) -> list[Operator]:  # noqa: ANN401
    """A MIL function's operations but its constants, in execution order."""
    values: dict[str, Value] = {}  # names are unique in MIL

    def value(var: Any) -> Value:  # noqa: ANN401
        if var.name not in values:
            constant = var.op is not None and var.op.op_type == "const"
            values[var.name] = Value(var.name, tuple(var.shape), _dtype(var), constant)
        return values[var.name]

    found = []
    for op in _operations(function):
        arguments = [op.inputs[name] for name in OPERANDS.get(op.op_type, op.inputs)]
        given = (var for one in arguments for var in (one if isinstance(one, list | tuple) else [one]))
        inputs, outputs = tuple(value(var) for var in given if var is not None), tuple(map(value, op.outputs))
        macs = operators.convolution_macs(outputs[0], op.weight.shape[1:]) if op.op_type == "conv" else 0
        found.append(Operator(op.op_type, KINDS.get(op.op_type, op.op_type), inputs, outputs, macs))
    return found


def _operations(function: Any) -> list[Any]:  # noqa: ANN401
    return [op for op in function.operations if op.op_type != "const"]


def _dtype(var: Any) -> str:  # noqa: ANN401
    """numpy's name of a tensor's type, MIL's own name of any other."""
    from coremltools.converters.mil.mil import types

    name = str(types.builtin_to_string(var.dtype))
    return name.replace("fp", "float") if name.startswith("fp") else name


def _port(port: Any) -> Port:  # noqa: ANN401
    if port.type.WhichOneof("Type") == "imageType":
        image = port.type.imageType
        colours = image.ColorSpace.Name(image.colorSpace)
        return Port(port.name, (1, image.height, image.width, _CHANNELS.get(colours, 0)), colours.lower())
    array = port.type.multiArrayType
    return Port(port.name, tuple(array.shape), array.ArrayDataType.Name(array.dataType).lower())


def _weight(op: Any) -> np.ndarray:  # noqa: ANN401
    """Weight of a convolution, floats or stored integers: which, does not matter to :func:`_is_filter_bank`."""
    source = op.weight.op
    value = source.quantized_data if source.op_type == "constexpr_affine_dequantize" else op.weight
    if value.val is None:
        raise ValueError(f"{op.name}: its weight is computed ({source.op_type}), not stored")
    return np.asarray(value.val)


def _is_filter_bank(weight: np.ndarray) -> bool:
    """Whether a weight is a fixed Haar bank: one magnitude for each output channel, or for each input channel."""
    magnitudes = np.abs(weight.astype(np.float64))
    by_output, by_input = magnitudes.reshape(len(magnitudes), -1), magnitudes.swapaxes(0, 1).reshape(magnitudes.shape[1], -1)
    return any(all(len(np.unique(row[row > 0])) <= 1 for row in rows) for rows in (by_output, by_input))
