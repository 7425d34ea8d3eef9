"""w8a8 in ONNX: every operator from stem to head is integer, in the saved file and in the graph that ONNX Runtime runs."""

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.artifact.declared import faults
from export.onnx.backend import OnnxBackend, build_model, read_model
from export.onnx.graph import Graph
from export.onnx.inspect import integer_coverage
from export.onnx.integer import lower_quantisation
from export.onnx.levels import ANALYSIS, SYNTHESIS
from export.onnx.mobile import optimised_model
from models.generator import fold
from parity_tests.support.formats.onnx_cells import SIZE, converted, small_calibration, small_program
from parity_tests.support.small import small_generator
from quantize.integer_modules import on_integers

SMALL_COUNTS = {"Conv": 1 + 4 + 3 + 2 + 2 + 4 + 1, "Add": 3 + 2 + 2, "Resize": 2}
"""SMALL from stem to head: stem, blocks down (2, 2, 3 convolutions), shrink, grow, blocks up, head; blocks down and up, skips."""


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return build_model(small_program("w8a8"))


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_everything_from_stem_to_head_is_integer(model):
    coverage = integer_coverage(model)
    assert coverage.integer == {name.lower(): number for name, number in SMALL_COUNTS.items()}
    assert coverage.left_in_float == ()


def test_the_bias_is_the_programs_multiple_of_the_step_however_large():
    """Up to the 2^23 steps that float32 tells apart; a float32 step would give the neighbours of the largest."""
    rng = np.random.default_rng(0)
    wanted = rng.integers(-(2**23), 2**23, 4000)
    scale, factors = np.float32(0.0173), rng.uniform(1e-6, 1e-3, wanted.size).astype(np.float32)
    step = torch.from_numpy(factors).double() * float(scale)
    bias = on_integers(torch.from_numpy(wanted * step.numpy()).float(), step)
    constants = {
        "x": np.array(3, np.uint8), "x.scale": np.array(scale), "w": np.zeros((wanted.size, 1, 1, 1), np.int8),
        "w.scale": factors, "b": bias.numpy(),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "x.scale", "x"], ["image"], name="image"),
        helper.make_node("DequantizeLinear", ["w", "w.scale"], ["weight"], name="weight", axis=0),
        helper.make_node("Conv", ["image", "weight", "b"], ["y"], name="layer/Conv"),
    ]
    graph = Graph(nodes, constants, [], [])
    lower_quantisation(graph)
    np.testing.assert_array_equal(constants["layer/bias/DequantizeLinear.input"], wanted)


def test_float_models_have_no_integer_operators():
    assert integer_coverage(build_model(small_program("fp32"))).integer == {}


@pytest.mark.parametrize("victim", ["core/down.1.0/conv1/Conv", "core/up.0.0/Add", "core/grow.1/Resize", "core/head/Conv"])
def test_the_count_finds_one_float_operator(model, victim):
    """Planted: one operand by-passes its dequantisation."""
    spoiled = onnx.ModelProto.FromString(model.SerializeToString())
    node = next(node for node in spoiled.graph.node if node.name == victim)
    producer = next(other for other in spoiled.graph.node if other.output[0] == node.input[0])
    quantise = next(other for other in spoiled.graph.node if other.output[0] == producer.input[0])
    node.input[0] = quantise.input[0]
    coverage = integer_coverage(spoiled)
    assert f"{node.op_type} {node.output[0]}" in coverage.left_in_float
    assert coverage.integer[node.op_type.lower()] < SMALL_COUNTS[node.op_type]


def test_the_count_finds_a_foreign_operator_between(model):
    spoiled = onnx.ModelProto.FromString(model.SerializeToString())
    node = next(node for node in spoiled.graph.node if node.op_type == "Relu")
    node.op_type = "LeakyRelu"
    left = [line.split()[0] for line in integer_coverage(spoiled).left_in_float]
    assert left.count("LeakyRelu") == 1


def dissolve(model: onnx.ModelProto, dequantise: onnx.NodeProto) -> None:
    """Its readers get the float tensor that was quantised before it."""
    quantise = next(node for node in model.graph.node if node.output[0] == dequantise.input[0])
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == dequantise.output[0]:
                node.input[index] = quantise.input[0]
    for node in (quantise, dequantise):
        model.graph.node.remove(node)


@pytest.mark.parametrize("end", ["stem", "head"])
def test_a_stem_or_head_left_in_float_is_refused(model, end, tmp_path):
    """Planted: the integers begin behind the stem, or end before the head; all between them is integer."""
    spoiled = onnx.ModelProto.FromString(model.SerializeToString())
    node = next(node for node in spoiled.graph.node if node.name == f"core/{end}/Conv")
    if end == "stem":
        dissolve(spoiled, next(other for other in spoiled.graph.node if other.output[0] == node.input[0]))
    else:
        quantise = next(other for other in spoiled.graph.node if other.input[0] == node.output[0])
        dissolve(spoiled, next(other for other in spoiled.graph.node if other.input[0] == quantise.output[0]))
    assert integer_coverage(spoiled).left_in_float == ()
    path = tmp_path / "model.onnx"
    path.write_bytes(spoiled.SerializeToString())
    program = small_program("w8a8")
    wanted = SMALL_COUNTS["Conv"]
    found = faults(OnnxBackend().inspect(path), SIZE, "uint8", program.metadata("NHWC"), program.generator.spec)
    assert found == [f"conv: {wanted - 1} integer between stem and head, small has {wanted}"]


def test_default_sessions_run_integer_kernels(tmp_path):
    path = converted(small_program("w8a8"), tmp_path)
    optimised_model(path, tmp_path / "optimised.onnx")
    kernels = Counter(node.op_type for node in read_model(tmp_path / "optimised.onnx").graph.node)
    assert kernels["QLinearConv"] == SMALL_COUNTS["Conv"]
    assert kernels["QLinearAdd"] == SMALL_COUNTS["Add"]
    assert kernels["QuantizeLinear"] == kernels["DequantizeLinear"] == 1, "one way into the integer region and one out"
    assert kernels["Conv"] == 2, "the two fixed Haar transforms"
    assert kernels["Relu"] == 0


def test_activations_carry_the_table_as_uint8(model):
    constants, table = constants_of(model), small_calibration().activations
    found = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero_point = constants[node.input[1]], constants[node.input[2]]
            assert zero_point.dtype == np.uint8
            found[node.name] = (float(scale), int(zero_point) - 128)
    for name, operator in {
        "stem": "stem/Conv",
        "down.0.0": "down.0.0/Add",
        "up.1.0.conv2": "up.1.0/conv2/Conv",
        "head": "head/Conv",
    }.items():
        assert found[f"core/{operator}/QuantizeLinear"] == (np.float32(table[name].scale), table[name].zero_point)
    assert len(found) == len(table) + SMALL_COUNTS["Resize"]


def test_bias_is_int32_in_steps_of_input_times_weight(model):
    constants = constants_of(model)
    makers = {node.output[0]: node for node in model.graph.node}
    folded = dict(fold(small_generator(), SIZE, SIZE).named_parameters())
    seen = 0
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name not in (ANALYSIS, SYNTHESIS):
            source, weight, bias = (makers[name] for name in node.input)
            scale = constants[source.input[1]] * constants[weight.input[1]]
            assert constants[bias.input[0]].dtype == np.int32
            assert np.array_equal(constants[bias.input[1]], scale)
            path = node.name.removeprefix("core/").removesuffix("/Conv").replace("/", ".")
            error = constants[bias.input[0]] * scale.astype(np.float64) - folded[f"{path}.bias"].numpy()
            assert np.abs(error).max() <= scale.max() / 2 * (1 + 1e-5)
            seen += 1
    assert seen == SMALL_COUNTS["Conv"]


@pytest.mark.slow
def test_shipped_network_is_integer(shipped_artifacts, tmp_path):
    path = shipped_artifacts / "wavefill-s-256-onnx-w8a8" / OnnxBackend.model_file
    coverage = integer_coverage(read_model(path))
    assert coverage.integer == {"conv": 67, "add": 26, "resize": 5}
    assert coverage.left_in_float == ()
    optimised_model(path, tmp_path / "optimised.onnx")
    kernels = Counter(node.op_type for node in read_model(tmp_path / "optimised.onnx").graph.node)
    assert (kernels["QLinearConv"], kernels["QLinearAdd"], kernels["Conv"]) == (67, 26, 2)
