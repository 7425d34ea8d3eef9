"""One list of operators for every format, and what is counted over it: multiply-accumulates, integers, what a delegate refuses.

Each format's ``inspect.py`` reads a saved file into this list; nothing here knows a format.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from export.backend import Coverage

CONV, ADD, RESIZE, RELU, CONCAT = "conv", "add", "resize", "relu", "concat"
QUANTISE, DEQUANTISE = "quantise", "dequantise"

COUNTED: Final = (CONV, ADD, RESIZE)
"""Kinds between stem and head that must be integer, as ``quantize.coverage`` names them; a ReLU joins its convolution."""

BYTES: Final = ("int8", "uint8")
"""What weights are stored in."""

LEVELS: Final = (*BYTES, "int16", "uint16")
"""What activations and weights are stored in."""

INTEGERS: Final = (*LEVELS, "int32", "int64")
"""What an integer operator may read: int32 and int64 are the bias of a convolution, int32 the size of a resize."""


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of a file. Two are equal only if they are the same object: files may give two tensors one name.

    Attributes:
        name: as the file has it.
        shape: () for a scalar; None where the file does not say.
        dtype: ``float32``, ``float16``, ``int8`` ...; empty where the file does not say.
        constant: whether the file holds its numbers.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    constant: bool = False


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator of a file.

    Attributes:
        type: the format's own name of it: ``Conv``, ``CONV_2D``, ``conv``.
        kind: ``conv``, ``add``, ``resize``, ``relu``, ``concat``, ``quantise`` or ``dequantise``; of any other its type.
        inputs: what it computes with, data first; not the sizes, pads and scales that say how.
        outputs: what it computes.
        macs: multiply-accumulates of one run; None where they cannot be counted.
    """

    type: str
    kind: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    macs: int | None = 0


def convolution_macs(result: Value, terms: Sequence[int]) -> int | None:
    """Multiply-accumulates of a convolution: every output value sums over (input channels / groups) kh kw products.

    Args:
        result: its output.
        terms: sides of the sum: kernel height and width, input channels of a group.

    Returns:
        Their number; None where the file does not say the output's shape.
    """
    return None if result.shape is None else math.prod(result.shape) * math.prod(terms)


def count_macs(operators: Sequence[Operator]) -> int:
    """Multiply-accumulates of all operators.

    Raises:
        ValueError: an operator whose multiply-accumulates cannot be counted.
    """
    total = 0
    for operator in operators:
        if operator.macs is None:
            raise ValueError(f"{operator.type}: cannot count its multiply-accumulates")
        total += operator.macs
    return total


def count_types(operators: Sequence[Operator]) -> dict[str, int]:
    """How often each operator type occurs, in the format's own names, sorted."""
    return dict(sorted(Counter(operator.type for operator in operators).items()))


def between(operators: Sequence[Operator], first: Callable[[Operator], bool], last: Callable[[Operator], bool]) -> list[Operator]:
    """Operators on a path from one for which ``first`` holds to one for which ``last`` holds, both ends included.

    Args:
        operators: in execution order, so that one pass each way finds descendants and ancestors.
        first: whether a path may begin at an operator.
        last: whether it may end there.
    """
    below: set[Value] = set()  # computed from a first operator
    after = []
    for operator in operators:
        inside = first(operator) or not below.isdisjoint(operator.inputs)
        after.append(inside)
        if inside:
            below.update(operator.outputs)
    above: set[Value] = set()  # what a last operator is computed from
    found = []
    for operator, inside in zip(reversed(operators), reversed(after), strict=True):
        if last(operator) or not above.isdisjoint(operator.outputs):
            above.update(value for value in operator.inputs if not value.constant)
            if inside:
                found.append(operator)
    return found[::-1]


# ---------------------------------------------------------------- integers


def byte_weights(operators: Sequence[Operator]) -> int:
    """How many convolutions have a weight that the file stores in 8 bits, whatever makes floats of it."""
    producers = {value: operator for operator in operators for value in operator.outputs}

    def stored_in(value: Value) -> set[str]:
        if value.constant:
            return {value.dtype}
        maker = producers.get(value)
        return {""} if maker is None else {dtype for one in maker.inputs for dtype in stored_in(one)}

    # A scale beside the integers is a constant, too; an input of the model is neither.
    found = [stored_in(operator.inputs[1]) for operator in operators if operator.kind == CONV and len(operator.inputs) > 1]
    return sum("" not in dtypes and not dtypes.isdisjoint(BYTES) for dtypes in found)


@dataclass(frozen=True)
class IntegerCoverage:
    """What of a region computes on integers.

    Attributes:
        integer: how many operators do, by kind.
        left: the operators that do not.
        quantises: operators of the file that make integers of floats.
        dequantises: operators of the file that make floats of integers (not those that widen float16).
        requantises: operators of the region that only change a scale.
    """

    integer: Mapping[str, int]
    left: tuple[Operator, ...]
    quantises: int
    dequantises: int
    requantises: int

    @property
    def left_in_float(self) -> tuple[str, ...]:
        """Type and result of each operator that does not compute on integers."""
        return tuple(f"{operator.type} {operator.outputs[0].name}" for operator in self.left)

    def by_kind(self) -> dict[str, Coverage]:
        """As ``Inspection.coverage`` holds it."""
        floating = Counter(operator.kind for operator in self.left)
        if self.requantises:
            floating["requantise"] = self.requantises
        return {kind: Coverage(self.integer.get(kind, 0), floating[kind]) for kind in sorted({*self.integer, *floating})}


def quantises(operator: Operator) -> bool:
    """Whether an operator makes integers of floats."""
    return operator.kind == QUANTISE and operator.inputs[0].dtype not in INTEGERS


def dequantises(operator: Operator) -> bool:
    """Whether an operator makes floats of 8-bit or 16-bit integers."""
    return operator.kind == DEQUANTISE and operator.inputs[0].dtype in LEVELS


def is_quantised(operators: Sequence[Operator]) -> bool:
    """Whether a file quantises anything."""
    return any(operator.kind == QUANTISE for operator in operators)


def integer_coverage(
    operators: Sequence[Operator],
    *,
    pairs: bool,
    first: Callable[[Operator], bool] = quantises,
    last: Callable[[Operator], bool] = dequantises,
) -> IntegerCoverage:
    """How many operators between two ends compute on integers, and which do not.

    An operator is integer when all that it computes with is integer, and its result too. Runtimes that fuse take it for integer
    also where its operands come from a dequantise and its result, or that of the ReLU that alone reads it, goes into one
    quantise and nowhere else.

    Args:
        operators: of a file, in execution order.
        pairs: whether the runtime fuses so (ONNX Runtime, Core ML). LiteRT computes what is written.
        first: where the region begins; by default what quantises, so that a stem left in float lies outside.
        last: where it ends; by default what dequantises, so that a head left in float lies outside.

    Returns:
        The counts; of a file that quantises nothing, without ends of its own, none.
    """
    producers = {value: operator for operator in operators for value in operator.outputs}
    readers: dict[Value, list[Operator]] = {}
    for operator in operators:
        for value in operator.inputs:
            readers.setdefault(value, []).append(operator)

    def reads_integers(operator: Operator) -> bool:
        return all(
            value.dtype in INTEGERS or (pairs and value in producers and producers[value].kind == DEQUANTISE)
            for value in operator.inputs
        )

    def makes_integers(operator: Operator) -> bool:
        (result,) = operator.outputs
        if result.dtype in LEVELS or not pairs:
            return result.dtype in LEVELS
        users = readers.get(result, [])
        if [user.kind for user in users] == [RELU]:
            users = readers.get(users[0].outputs[0], [])
        return [user.kind for user in users] == [QUANTISE]

    integer: Counter[str] = Counter()
    left, requantised = [], 0
    for operator in between(operators, first, last):
        if operator.kind == QUANTISE:
            requantised += not quantises(operator)
        elif dequantises(operator) or (pairs and operator.kind == RELU):
            continue
        elif operator.kind in (*COUNTED, CONCAT) and reads_integers(operator) and makes_integers(operator):
            # Not a concatenation (the noise beside the subbands): integers of one scale, nothing to compute.
            integer.update([operator.kind] if operator.kind in COUNTED else [])
        else:
            left.append(operator)
    entries, exits = sum(map(quantises, operators)), sum(map(dequantises, operators))
    return IntegerCoverage(dict(integer), tuple(left), entries, exits, requantised)


# ---------------------------------------------------------------- delegates


def refused(operators: Sequence[Operator], taken: Collection[str], max_rank: int) -> tuple[str, ...]:
    """What in a region a delegate does not take; empty is good.

    Args:
        operators: the region.
        taken: operator types that the delegate takes.
        max_rank: most dimensions of a tensor.

    Returns:
        A line for each operator of another type, and for each with a tensor of too many dimensions.
    """
    lines = []
    for operator in operators:
        what = f"{operator.type} {operator.outputs[0].name}"
        if operator.type not in taken:
            lines.append(f"{what}: not on the list")
        rank = max(len(value.shape or ()) for value in (*operator.inputs, *operator.outputs))
        if rank > max_rank:
            lines.append(f"{what}: a tensor of {rank} dimensions")
    return tuple(lines)
