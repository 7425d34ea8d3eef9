"""Scales without ties: what they are for, checked pair by pair against exact arithmetic and ONNX Runtime's own kernel."""

from fractions import Fraction

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from models.checkpoint import SHIPPED, load_checkpoint
from models.generator import Generator
from models.system.privacy import import_onnxruntime
from parity_tests.conftest import TINY
from quantize import pt2e
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN
from quantize.integer_modules import on_integers
from quantize.runtime_sums import RUNTIMES, differing_pairs
from quantize.table import Activation, QuantizationTable, calibration_path
from quantize.ties import ENTRY_DISTANCE, additions, entry_distance, entry_without_ties, without_ties

INTEGERS = np.arange(ACTIVATION_MIN, ACTIVATION_MAX + 1)
A, B = Activation(0.0213, 3), Activation(0.0471, -20)
TIED = Activation(0.0426, 0)
"""Twice A's scale: half of all pairs whose second operand is 0 are exactly a tie."""


def exact_sums(a, b, c):
    """round((x + y) / s) to the nearest integer as exact rational numbers, halves to even; (256, 256)."""
    left = [Fraction(a.scale) * int(q - a.zero_point) / Fraction(c.scale) for q in INTEGERS]
    right = [Fraction(b.scale) * int(q - b.zero_point) / Fraction(c.scale) for q in INTEGERS]
    sums = np.array([[round(x + y) for y in right] for x in left])
    return np.clip(sums + c.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)


def runtime_sums(a, b, c):
    """The same by ONNX Runtime's integer addition, all pairs at once."""
    parts = {}
    for name, form in (("a", a), ("b", b), ("c", c)):
        parts[f"{name}_scale"], parts[f"{name}_zero"] = np.float32(form.scale), np.uint8(form.zero_point + 128)
    nodes = [
        helper.make_node("DequantizeLinear", ["a", "a_scale", "a_zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["b", "b_scale", "b_zero"], ["y"]),
        helper.make_node("Add", ["x", "y"], ["z"]),
        helper.make_node("QuantizeLinear", ["z", "c_scale", "c_zero"], ["c"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.UINT8, [256, 256]) for name in ("a", "b")]
    result = [helper.make_tensor_value_info("c", TensorProto.UINT8, [256, 256])]
    constants = [numpy_helper.from_array(np.array(value), name) for name, value in parts.items()]
    graph = helper.make_graph(nodes, "sum", ports, result, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    left, right = np.meshgrid(INTEGERS + 128, INTEGERS + 128, indexing="ij")
    (got,) = session.run(None, {"a": left.astype(np.uint8), "b": right.astype(np.uint8)})
    return got.astype(int) - 128


def torch_sums(a, b, c):
    """The same as the quantised program in PyTorch computes it."""
    left = (torch.from_numpy(INTEGERS).float() - a.zero_point) * np.float32(a.scale)
    right = (torch.from_numpy(INTEGERS).float() - b.zero_point) * np.float32(b.scale)
    assert pt2e  # registers the operators
    quantise = torch.ops.quantized_decomposed.quantize_per_tensor
    return quantise(left[:, None] + right[None, :], c.scale, c.zero_point, -128, 127, torch.int8).numpy().astype(int)


def test_the_real_sum_and_ties_are_those_of_exact_arithmetic(monkeypatch):
    """Without any runtime's arithmetic only ties are left, as rational numbers have them."""
    monkeypatch.setattr("quantize.runtime_sums.RUNTIMES", {})
    ties = 0
    for x in INTEGERS - A.zero_point:
        for y in INTEGERS - B.zero_point:
            scales = [Fraction(float(np.float32(form.scale))) for form in (A, B, TIED)]
            total = (scales[0] * int(x) + scales[1] * int(y)) / scales[2]
            ties += total % 1 == Fraction(1, 2) and abs(total) < 127
    assert ties == differing_pairs(A, B, TIED) > 50


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_arithmetic_is_within_its_errors_of_the_real_sum(name):
    """And where it differs from it is by one integer, in few places: a slip in its zero points or ratios would differ in many."""
    form = Activation(0.0431, 7)
    got = np.clip(RUNTIMES[name](A, B, form) + form.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)
    differs = got != exact_sums(A, B, form)
    assert differs.sum() <= 20
    assert np.abs(got - exact_sums(A, B, form)).max() <= 1


def test_this_machine_adds_as_one_of_them():
    """ONNX Runtime here, with a tie in many places: its integers are those of one row of the table, all of them."""
    got = runtime_sums(A, B, TIED)
    expected = {name: np.clip(sums(A, B, TIED) + TIED.zero_point, -128, 127) for name, sums in RUNTIMES.items()}
    assert any(np.array_equal(got, one) for one in expected.values()), {name: (got != e).sum() for name, e in expected.items()}
    assert np.array_equal(torch_sums(A, B, TIED), expected["PyTorch"])
    assert len({one.tobytes() for one in expected.values()}) > 1


def test_without_ties_every_runtime_gives_the_exact_sum():
    forms = (Activation(float(np.float32(0.06 * (1 + k * 1.7e-4))), 5) for k in range(400))
    result = next(form for form in forms if differing_pairs(A, B, form) == 0)
    exact = exact_sums(A, B, result)
    assert np.array_equal(runtime_sums(A, B, result), exact)
    assert np.array_equal(torch_sums(A, B, result), exact)


def test_with_ties_runtimes_do_differ():
    """The planted error: what the search is for does happen."""
    half_up = np.floor(np.add.outer((INTEGERS - A.zero_point) * A.scale, (INTEGERS - B.zero_point) * B.scale) / TIED.scale + 0.5)
    half_up = np.clip(half_up, ACTIVATION_MIN, ACTIVATION_MAX)
    assert (half_up != exact_sums(A, B, TIED)).sum() > 50


def test_additions_of_a_small_network():
    """Two levels with a block each: down.0.0, down.1.0, the skip connection, up.0.0."""
    found = list(additions(Generator(TINY)))
    assert [result for *_, result in found] == ["down.0.0", "down.1.0", "grow.0", "up.0.0"]
    assert found[0][0] == "stem"
    assert set(found[2][:2]) == {"grow.0.conv", "down.0.0"}


def test_search_raises_only_sums_and_only_a_little():
    generator = Generator(TINY)
    table = {name: Activation(0.02, 0) for names in additions(generator) for name in names}
    assert differing_pairs(table["stem"], table["down.0.0.conv2"], Activation(0.02, 0)) == 0  # whole numbers: nothing to round
    tied = {**table, "down.0.0": Activation(0.04, 0), "up.0.0": Activation(0.03, 7)}
    found = without_ties(tied, generator)
    for left, right, result in additions(generator):
        assert differing_pairs(found[left], found[right], found[result]) == 0
        assert tied[result].scale <= found[result].scale <= 1.04 * tied[result].scale
        assert found[result].zero_point == tied[result].zero_point
    assert found["stem"] == tied["stem"]
    assert found["down.0.0"].scale > 0.04


def test_shipped_table_has_no_ties():
    table = QuantizationTable.load(calibration_path(SHIPPED)).activations
    for left, right, result in additions(load_checkpoint(SHIPPED)):
        assert differing_pairs(table[left], table[right], table[result]) == 0, result


@pytest.mark.parametrize("seed", range(3))
def test_biases_are_whole_steps_of_the_accumulator(seed):
    rng = np.random.default_rng(seed)
    bias = torch.from_numpy(rng.normal(0, 1, 40).astype(np.float32))
    step = torch.from_numpy(rng.uniform(1e-5, 1e-2, 40))
    integers = np.rint(bias.numpy().astype(np.float64) / step.numpy())
    snapped = on_integers(bias, step)
    assert snapped.dtype == torch.float32
    assert np.array_equal(snapped.numpy(), (integers * step.numpy()).astype(np.float32))
    assert np.array_equal(np.rint(snapped.numpy().astype(np.float64) / step.numpy()), integers)
    assert (torch.abs(snapped - bias) <= step / 2 * 1.001).all()


def test_the_shipped_entry_has_a_scale_nearby_that_no_photo_ties_on():
    """Distances by another way: every whole number of 255ths that four by four pixels can sum up to, in exact fractions."""
    entry = QuantizationTable.load(calibration_path(SHIPPED)).activations["analysis"]
    generator = load_checkpoint(SHIPPED)
    better = entry_without_ties(entry, generator)
    assert better.zero_point == entry.zero_point
    assert 1 <= better.scale / entry.scale < 1.035
    nearest = {}
    for row in {entry, better}:
        scale, closest = Fraction(row.scale), Fraction(1)
        for gain in (Fraction(1, 2), Fraction(1)):
            for total in range(-16 * 255, 16 * 255 + 1):
                value = gain * Fraction(total, 4 * 255) / scale
                if -128 - row.zero_point < value < 127 - row.zero_point:
                    closest = min(closest, abs(value - (value.numerator // value.denominator) - Fraction(1, 2)))
        nearest[row] = float(closest)
        assert entry_distance(row, generator) == pytest.approx(nearest[row], abs=1e-9)
    assert nearest[better] >= ENTRY_DISTANCE
