"""Every operator of the MIL evaluator against numpy, and against coremltools' own value inference where it has one."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from export.coreml.evaluator import Evaluator
from export.coreml.ops import OPS
from export.coreml.package import SavedProgram
from export.coreml.toolkit import coremltools
from export.errors import Unsupported

RNG = np.random.default_rng(7)


def _floats(*shape: int, low: float = -3, high: float = 3) -> np.ndarray:
    return RNG.uniform(low, high, shape).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """One call of an operator.

    Attributes:
        inputs: arguments that arrive at run time.
        constants: arguments that stand in the program.
        reference: the same in numpy, on both; None: coremltools' value inference is the reference alone.
        tolerance: largest absolute difference allowed; 0 where the arithmetic has one right answer in float32.
    """

    inputs: dict[str, np.ndarray | list[np.ndarray]]
    constants: dict[str, object] = field(default_factory=dict)
    reference: Callable[..., np.ndarray] | None = None
    tolerance: float = 0.0


def flat(inputs: dict[str, np.ndarray | list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays by name; those of a list get numbers."""
    single = {name: value for name, value in inputs.items() if not isinstance(value, list)}
    return single | {f"{name}_{i}": a for name, value in inputs.items() if isinstance(value, list) for i, a in enumerate(value)}


def conv_reference(x, weight, strides, pad_type, dilations, groups, pad=(0, 0, 0, 0), bias=None):
    """Correlation by its definition: a loop over output pixels and channels, in float64."""
    top, bottom, left, right = pad if pad_type == "custom" else (0, 0, 0, 0)
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    outputs, depth, kh, kw = weight.shape
    reach = (kh - 1) * dilations[0] + 1, (kw - 1) * dilations[1] + 1
    rows, columns = (x.shape[2] - reach[0]) // strides[0] + 1, (x.shape[3] - reach[1]) // strides[1] + 1
    y = np.zeros((x.shape[0], outputs, rows, columns))
    for o in range(outputs):
        first = o // (outputs // groups) * depth
        for i in range(rows):
            for j in range(columns):
                r, c = i * strides[0], j * strides[1]
                patch = x[:, first : first + depth, r : r + reach[0] : dilations[0], c : c + reach[1] : dilations[1]]
                y[:, o, i, j] = (patch * weight[o]).sum(axis=(1, 2, 3)) + (0 if bias is None else bias[o])
    return y.astype(np.float32)


def dequantize_reference(x, scale, zero_point, axis):
    """x = scale (q - zero point), by a loop over the channels, in float64: products of these numbers are exact."""
    y = np.empty(x.shape)
    for c in range(x.shape[axis]):
        index = (slice(None),) * axis + (c,)
        y[index] = scale[c] * (x[index].astype(np.float64) - zero_point[c])
    return y.astype(np.float32)


def quantize_reference(input, scale, zero_point, output_dtype, axis):
    """q = clip(round(x / scale) + zero point), by a loop over the channels."""
    q = np.empty(input.shape, output_dtype)
    limits = np.iinfo(output_dtype)
    for c in range(input.shape[axis]):
        index = (slice(None),) * axis + (c,)
        q[index] = np.clip(np.rint(input[index] / scale[c]) + zero_point[c], limits.min, limits.max)
    return q


A, B = _floats(2, 3, 4, 5), _floats(2, 3, 4, 5)
# Ties, both ends and beyond: where quantisation can go wrong.
EDGES = np.array([[-100.0, -1.0, -0.75, -0.25, 0.0, 0.25, 0.75, 1.25, 63.0, 63.5, 100.0]], np.float32)
LEVELS = RNG.integers(-128, 128, (4, 3, 2, 2)).astype(np.int8)
CHANNEL_SCALES = np.array([0.5, 0.01, 2.0, 0.125], np.float32)
CHANNEL_ZEROS = np.array([0, 5, -7, 127], np.int8)

STEPS = np.array([-1.5, -1.0, -0.1, 0.0, 0.9, 254.999, 255.0], np.float32)
SAME_PAD = {"pad_type": "custom", "pad": [1, 0, 2, 1]}
HALF_STEP = {"scale": np.float32(0.5), "zero_point": np.int8(3), "output_dtype": "int8"}
BY_CHANNEL = {"scale": CHANNEL_SCALES, "zero_point": CHANNEL_ZEROS, "axis": 0}
UNIT = {"strides": [1, 1], "dilations": [1, 1]}

CASES: dict[str, list[Case]] = {
    "add": [Case({"x": A, "y": B}, {}, lambda x, y: x + y), Case({"x": A}, {"y": np.float32(0.3)})],
    "sub": [Case({"x": A, "y": B}, {}, lambda x, y: x - y), Case({"y": A}, {"x": np.float32(1)})],
    "mul": [Case({"x": A}, {"y": _floats(1, 1, 4, 5)}, lambda x, y: x * y)],
    "real_div": [Case({"x": A}, {"y": np.float32(127.5)}, lambda x, y: x / y)],
    "maximum": [Case({"x": A}, {"y": np.float32(0)}, lambda x, y: np.where(x > y, x, y)), Case({"x": A, "y": B})],
    "minimum": [Case({"x": A}, {"y": np.float32(0)}, lambda x, y: np.where(x < y, x, y)), Case({"x": A, "y": B})],
    "floor": [Case({"x": STEPS}, {}, lambda x: np.array([-2, -1, -1, 0, 0, 254, 255]))],
    "relu": [Case({"x": A}, {}, lambda x: x * (x > 0))],
    "greater_equal": [
        Case({"x": np.array([0, 127, 128, 255], np.float32)}, {"y": np.float32(128)}, lambda x, y: np.array([0, 0, 1, 1])),
    ],
    "cast": [
        Case({"x": STEPS}, {"dtype": "int32"}, lambda x, dtype: np.array([-1, -1, 0, 0, 0, 254, 255])),
        Case({"x": STEPS}, {"dtype": "bool"}, lambda x, dtype: np.array([1, 1, 1, 0, 1, 1, 1])),
        Case({"x": np.array([True, False])}, {"dtype": "fp32"}, lambda x, dtype: np.array([1, 0])),
        # 65504 is the largest half-precision number; 2049 lies between two of them, the even one is 2048.
        Case(
            {"x": np.array([1 / 3, 65504, 2049], np.float32)},
            {"dtype": "fp16"},
            lambda x, dtype: np.array([1365 / 4096, 65504, 2048]),
        ),
    ],
    "concat": [
        Case(
            {"values": [A, _floats(2, 1, 4, 5)]},
            {"axis": 1, "interleave": False},
            lambda values, axis, interleave: np.concatenate(values, axis),
        )
    ],
    "transpose": [Case({"x": A}, {"perm": [0, 2, 3, 1]}, lambda x, perm: np.moveaxis(x, 1, 3))],
    "pad": [
        Case(
            {"x": A},
            {"pad": [0, 0, 0, 0, 1, 0, 2, 3], "mode": "constant", "constant_val": np.float32(0.5)},
            lambda x, pad, mode, constant_val: np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)), constant_values=0.5),
        ),
        Case({"x": A[0, 0]}, {"pad": [1, 2], "mode": "constant", "constant_val": np.float32(0)}),
    ],
    "upsample_nearest_neighbor": [
        Case(
            {"x": A},
            {"scale_factor_height": np.float32(2), "scale_factor_width": np.float32(3)},
            lambda x, scale_factor_height, scale_factor_width: np.kron(x, np.ones((1, 1, 2, 3))),
        )
    ],
    "conv": [  # sums of up to 36 products of about 9: float32 rounds each at 1e-6
        Case(
            {"x": _floats(1, 4, 7, 6)},
            {"weight": _floats(5, 4, 3, 3), "bias": _floats(5), "groups": 1, **SAME_PAD, **UNIT},
            conv_reference,
            1e-4,
        ),
        Case(
            {"x": _floats(2, 4, 8, 8)},
            {"weight": _floats(4, 1, 5, 5), "groups": 4, **SAME_PAD, **UNIT, "strides": [1, 2]},
            conv_reference,
            1e-4,
        ),
        Case(
            {"x": _floats(1, 4, 8, 8)},
            {"weight": _floats(6, 2, 2, 2), "groups": 2, "pad_type": "valid", "strides": [2, 2], "dilations": [2, 1]},
            conv_reference,
            1e-4,
        ),
    ],
    "quantize": [
        Case({"input": EDGES}, HALF_STEP, lambda **_: np.array([[-128, 1, 1, 3, 3, 3, 5, 5, 127, 127, 127]])),
        Case({"input": EDGES}, {"scale": np.float32(0.5), "zero_point": np.uint8(128), "output_dtype": "uint8"}),
        Case({"input": EDGES}, {"scale": np.float32(0.25), "output_dtype": "int8"}),
        Case({"input": _floats(4, 3, 2)}, {**BY_CHANNEL, "output_dtype": "int8"}, quantize_reference),
    ],
    "dequantize": [
        Case({"input": LEVELS}, {"scale": np.float32(0.02), "zero_point": np.int8(-5)}),
        Case({"input": LEVELS}, {"scale": np.float32(0.02)}),
        Case({"input": LEVELS}, BY_CHANNEL, lambda input, **rest: dequantize_reference(input, **rest)),
    ],
    "constexpr_affine_dequantize": [
        Case({}, {"quantized_data": LEVELS, **BY_CHANNEL}, lambda quantized_data, **rest: dequantize_reference(LEVELS, **rest)),
        Case({}, {"quantized_data": LEVELS, "scale": np.float32(0.1), "zero_point": np.int8(0), "axis": 0}),
    ],
}


def build(operator: str, case: Case, *, fixed: bool):
    """A MIL program of one operator; ``fixed``: all arguments are constants, so that coremltools infers its value.

    Returns:
        The function and its output variable.
    """
    ct = coremltools()
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813 - coremltools' own abbreviation
    from coremltools.converters.mil.mil import Function, types

    arrays = flat(case.inputs)
    ports = {n: mb.placeholder(a.shape, dtype=types.numpy_type_to_builtin_type(a.dtype)) for n, a in arrays.items()}
    if fixed or not ports:  # a function must have an input
        ports = {"unused": mb.placeholder(shape=(1,))}
    with Function(ports, opset_version=ct.target.iOS17) as function:
        given = {n: mb.const(val=a) if fixed else function.inputs[n] for n, a in arrays.items()}
        inputs = {n: [given[i] for i in flat({n: v})] if isinstance(v, list) else given[n] for n, v in case.inputs.items()}
        output = getattr(mb, operator)(**inputs, **case.constants)
        function.set_outputs([output])
    return function, output


def evaluate(operator: str, case: Case) -> np.ndarray:
    """What our evaluator says."""
    evaluator = Evaluator(SavedProgram(None, build(operator, case, fixed=False)[0]))
    (got,) = evaluator(**{name: torch.from_numpy(a) for name, a in flat(case.inputs).items()}).values()
    return got.numpy()


@pytest.mark.parametrize("operator", OPS)
def test_operator(operator: str) -> None:
    assert CASES.get(operator), f"operator {operator} has no test case"
    for case in CASES[operator]:
        got = evaluate(operator, case)
        references = [] if case.reference is None else [case.reference(**case.inputs, **case.constants)]
        inferred = build(operator, case, fixed=True)[1]
        # Operators that unpack integers keep their value folded and show it only on request.
        unfold = getattr(inferred.op, "materialized_val_inference", None)
        value = unfold() if unfold else inferred.val
        if value is not None:
            references.append(value)
            assert got.dtype == (np.float32 if value.dtype == np.float16 else value.dtype)
        assert references, f"{operator}: coremltools infers no value here, so the case needs a reference of its own"
        for reference in references:
            assert got.shape == reference.shape
            np.testing.assert_allclose(got.astype(np.float64), reference.astype(np.float64), rtol=0, atol=case.tolerance)


def test_no_case_without_operator() -> None:
    assert CASES.keys() == OPS.keys()


@pytest.mark.parametrize("operator", OPS)
def test_arguments_are_mils(operator: str) -> None:
    known = build(operator, CASES[operator][0], fixed=False)[1].op.input_spec.input_types
    assert inspect.signature(OPS[operator]).parameters.keys() == known.keys()


UNKNOWN = {
    "MIL operator sigmoid": ("sigmoid", Case({"x": A})),
    "'reflect'": ("pad", Case({"x": A}, {"pad": [1, 1], "mode": "reflect"})),
    "'same'": ("conv", Case({"x": _floats(1, 1, 4, 4)}, {"weight": _floats(1, 1, 3, 3), "pad_type": "same"})),
    "interleave": ("concat", Case({"values": [A, B]}, {"axis": 1, "interleave": True})),
    "by (1.5, 2.0)": (
        "upsample_nearest_neighbor",
        Case({"x": A}, {"scale_factor_height": np.float32(1.5), "scale_factor_width": np.float32(2)}),
    ),
    "'uint8'": ("cast", Case({"x": A}, {"dtype": "uint8"})),
}


@pytest.mark.parametrize("message", UNKNOWN)
def test_anything_else_is_refused_by_name(message: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(message)):
        evaluate(*UNKNOWN[message])


def test_half_precision_is_rounded_after_each_operator() -> None:
    # 2048 + 1 is 2048 in half precision, so adding 1 twice stays there; exact sums would give 2050.
    ct = coremltools()
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813
    from coremltools.converters.mil.mil import Function, types

    with Function({"x": mb.placeholder(shape=(1,), dtype=types.fp16)}, opset_version=ct.target.iOS17) as function:
        once = mb.add(x=function.inputs["x"], y=np.float16(1))
        function.set_outputs([mb.add(x=once, y=np.float16(1)), mb.mul(x=once, y=np.float16(64))])
    twice, product = Evaluator(SavedProgram(None, function))(x=torch.tensor([2048.0])).values()
    assert twice.item() == 2048.0
    assert product.item() == np.inf  # 131072 overflows
