"""What a saved Core ML package says of itself: ports, metadata, multiply-accumulates, operators, integer coverage."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from export.backend import Coverage, Inspection, Port
from export.coreml.package import read_program
from models.system.foreign import reader

_CHANNELS = {"RGB": 3, "BGR": 3, "GRAYSCALE": 1}

_KINDS = {"conv": "conv", "add": "add", "upsample_nearest_neighbor": "resize", "concat": "concat"}
"""Operators that are counted, as ``quantize.coverage`` names them (our networks concatenate nothing behind the stem)."""


@reader
def inspect(package: Path) -> Inspection:
    """Read a package's own statements.

    Raises:
        ValueError: not a package, or a damaged one.
    """
    program = read_program(package)
    description = program.spec.description
    operations = _operations(program.function)
    coverage = None
    if any(op.op_type == "quantize" for op in operations):
        coverage = _coverage(package, operations)
    return Inspection(
        metadata={k: v for k, v in sorted(description.metadata.userDefined.items()) if k.startswith("wavefill.")},
        inputs=tuple(_port(port) for port in description.input),
        outputs=tuple(_port(port) for port in description.output),
        macs=sum(_macs(op) for op in operations if op.op_type == "conv"),
        operators=dict(sorted(Counter(op.op_type for op in operations).items())),
        coverage=coverage,
    )


def _operations(function: Any) -> list[Any]:  # noqa: ANN401
    return [op for op in function.operations if op.op_type != "const"]


def _port(port: Any) -> Port:  # noqa: ANN401
    if port.type.WhichOneof("Type") == "imageType":
        image = port.type.imageType
        colours = image.ColorSpace.Name(image.colorSpace)
        return Port(port.name, (1, image.height, image.width, _CHANNELS.get(colours, 0)), colours.lower())
    array = port.type.multiArrayType
    return Port(port.name, tuple(array.shape), array.ArrayDataType.Name(array.dataType).lower())


def _macs(op: Any) -> int:  # noqa: ANN401
    """Multiply-accumulates of a convolution: every output value sums over (channels / groups) kh kw products."""
    return int(math.prod(op.outputs[0].shape) * math.prod(op.weight.shape[1:]))


@reader
def integer_coverage(package: Path) -> dict[str, Coverage]:
    """Count what is integer between the stem (first learned convolution) and the head (last), both included.

    An operator is integer when each input is a dequantised integer tensor (activation or stored weight; a convolution's bias
    may stay float, it is added to the accumulator) and its result goes, directly or through a ReLU, into ``quantize`` only.

    Args:
        package: an ``.mlpackage``.

    Returns:
        Kind -> counts, for ``conv``, ``add``, ``resize`` and ``concat`` where they occur.

    Raises:
        ValueError: a damaged package, or one without learned convolutions.
    """
    return _coverage(package, _operations(read_program(package).function))


def _coverage(package: Path, operations: list[Any]) -> dict[str, Coverage]:
    learned = [op for op in operations if op.op_type == "conv" and not _is_filter_bank(_weight(op))]
    if not learned:
        raise ValueError(f"{package}: no learned convolution in it")
    region = _after(learned[0]) & _before(learned[-1])
    counts: dict[str, list[int]] = {}
    for op in operations:
        if op.op_type in _KINDS and op.name in region:
            counts.setdefault(_KINDS[op.op_type], [0, 0])[0 if _is_integer(op) else 1] += 1
    return {kind: Coverage(*pair) for kind, pair in sorted(counts.items())}


def _is_integer(op: Any) -> bool:  # noqa: ANN401
    if op.op_type == "conv":
        sources = [op.x, op.weight]
    elif op.op_type == "concat":
        sources = list(op.values)
    else:
        sources = [op.x, op.y] if op.op_type == "add" else [op.x]
    made = {var.op.op_type if var.op is not None else "input" for var in sources}
    return made <= {"dequantize", "constexpr_affine_dequantize"} and _goes_to_integers(op.outputs[0])


def _goes_to_integers(var: Any) -> bool:  # noqa: ANN401
    users = var.child_ops
    if len(users) == 1 and users[0].op_type == "relu":
        return _goes_to_integers(users[0].outputs[0])
    return bool(users) and all(user.op_type == "quantize" for user in users)


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


def _after(op: Any) -> set[str]:  # noqa: ANN401
    """Names of the operators that depend on one, and its own."""
    found, waiting = {op.name}, [op]
    while waiting:
        for user in (user for var in waiting.pop().outputs for user in var.child_ops):
            if user.name not in found:
                found.add(user.name)
                waiting.append(user)
    return found


def _before(op: Any) -> set[str]:  # noqa: ANN401
    """Names of the operators that one depends on, and its own."""
    found, waiting = {op.name}, [op]
    while waiting:
        inputs = waiting.pop().inputs.values()
        for var in (var for value in inputs for var in (value if isinstance(value, list | tuple) else [value])):
            if var is not None and var.op is not None and var.op.name not in found:
                found.add(var.op.name)
                waiting.append(var.op)
    return found
