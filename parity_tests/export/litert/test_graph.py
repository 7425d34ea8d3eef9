"""The structure of LiteRT files: integer from stem to head, one region for GPU delegates, the table's own numbers."""

import copy
from collections import Counter

import numpy as np
import pytest

from export.litert import flatbuffer
from export.litert.delegate import GPU_DELEGATE_OPS, core_operators, refused_by_gpu_delegates
from export.litert.inspect import integer_coverage, operators_of
from models.generator import DepthwiseBlock, PlainBlock, Up, fold
from parity_tests.support.formats.litert_models import BACKEND, SIZE, saved, small_table
from parity_tests.support.small import small_generator
from quantize.affine import weight_integers

SLOW = pytest.mark.slow
EVERY = [
    ("fp32", "uint8"),
    ("fp32", "float"),
    ("fp16", "uint8"),
    pytest.param("w8a8", "uint8", marks=SLOW),
    pytest.param("w8a8", "float", marks=SLOW),
]


def modules(*kinds):
    return sum(isinstance(module, kinds) for module in small_generator().modules())


def convolutions():
    """Learned convolutions: all between stem and head, both included; the Haar transforms are not ``nn.Conv2d``."""
    import torch

    return modules(torch.nn.Conv2d)


# ---------------------------------------------------------------- integer coverage


@SLOW
def test_everything_between_stem_and_head_is_integer():
    coverage = integer_coverage(saved("w8a8"))
    assert coverage.left_in_float == ()
    assert (coverage.quantises, coverage.dequantises, coverage.requantises) == (1, 1, 0)
    blocks, ups = modules(PlainBlock, DepthwiseBlock), modules(Up)
    assert coverage.integer == {"conv": convolutions(), "add": blocks + ups, "resize": ups}


@SLOW
def test_in_a_bare_core_one_resize_of_the_synthesis_is_integer_too():
    """The converter moves the DEQUANTIZE behind the first resize of the Haar synthesis."""
    coverage = integer_coverage(saved("w8a8", "float"))
    assert coverage.left_in_float == ()
    assert coverage.integer["resize"] == modules(Up) + 1


@SLOW
def test_planted_a_residual_in_float_is_found(tmp_path):
    """DEQUANTIZE both operands, add floats, QUANTIZE: what a toolkit's own quantiser leaves."""
    from ai_edge_litert import schema_py_generated as schema

    model = flatbuffer.read(saved("w8a8"))
    graph = flatbuffer.graph(model)
    operators = [flatbuffer.operator_name(model, op) for op in graph.operators]
    codes = {flatbuffer.operator_name(model, op): op.opcodeIndex for op in graph.operators}
    position = next(i for i, op in enumerate(graph.operators) if operators[i] == "ADD" and _is_int8(graph, op))
    add = graph.operators[position]

    def to_float(index):
        tensor = copy.copy(graph.tensors[index])
        tensor.type, tensor.quantization, tensor.buffer = schema.TensorType.FLOAT32, None, 0
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    pairs = [(int(i), to_float(i)) for i in add.inputs]
    result, floating = int(add.outputs[0]), to_float(add.outputs[0])
    add.inputs, add.outputs = np.array([f for _, f in pairs], np.int32), np.array([floating], np.int32)

    def operator(name, source, target):
        return schema.OperatorT(
            opcodeIndex=codes[name], inputs=np.array([source], np.int32), outputs=np.array([target], np.int32)
        )

    graph.operators[position : position + 1] = [
        *(operator("DEQUANTIZE", i, f) for i, f in pairs),
        add,
        operator("QUANTIZE", floating, result),
    ]
    planted = tmp_path / "model.tflite"
    planted.write_bytes(flatbuffer.pack(model))
    coverage = integer_coverage(planted)
    assert len(coverage.left_in_float) == 1
    assert coverage.left_in_float[0].startswith("ADD ")
    assert (coverage.quantises, coverage.dequantises) == (2, 3)
    assert coverage.integer["add"] == integer_coverage(saved("w8a8")).integer["add"] - 1


def _is_int8(graph, operator):
    return all(flatbuffer.tensor_type(graph.tensors[i]) == "int8" for i in (*operator.inputs, *operator.outputs))


def test_a_float_model_has_no_integer_region():
    with pytest.raises(ValueError, match="not a quantised model"):
        integer_coverage(saved("fp32"))


@SLOW
def test_weights_and_scales_are_the_tables():
    """The third lowering of the one table: integers equal bit for bit, scales and zero points equal as float32."""
    model, table = flatbuffer.read(saved("w8a8")), small_table()
    graph = flatbuffer.graph(model)
    stored, scales = Counter(), set()
    for operator in graph.operators:
        if flatbuffer.operator_name(model, operator) in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            tensor = graph.tensors[operator.inputs[1]]
            if flatbuffer.tensor_type(tensor) == "int8":
                values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8).reshape(flatbuffer.shape(tensor))
                depthwise = flatbuffer.operator_name(model, operator) == "DEPTHWISE_CONV_2D"
                values = values.transpose(3, 0, 1, 2) if depthwise else values.transpose(0, 3, 1, 2)
                stored[(values.shape, values.tobytes())] += 1
                assert np.abs(values.astype(int)).max() <= 63
        for i in operator.outputs:
            tensor = graph.tensors[i]
            if flatbuffer.tensor_type(tensor) == "int8":
                scales.add((np.float32(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])))
    wanted = Counter()
    parameters = dict(fold(small_generator(), SIZE, SIZE).named_parameters())
    for name, row in table.weights.items():
        integers = weight_integers(parameters[name].detach().numpy(), np.array(row.scales, np.float32))
        wanted[(integers.shape, integers.tobytes())] += 1
    assert stored == wanted
    assert scales == {(np.float32(row.scale), row.zero_point) for row in table.activations.values()}


# ---------------------------------------------------------------- accelerators


def stored(model, operator):
    """The flatbuffer's own record of an operator."""
    return flatbuffer.graph(model).operators[
        [found.outputs[0].name for found in operators_of(model)].index(operator.outputs[0].name)
    ]


@pytest.mark.parametrize(("scheme", "io"), EVERY)
def test_the_core_is_one_region_for_gpu_delegates(scheme, io):
    assert refused_by_gpu_delegates(saved(scheme, io)) == ()
    model = flatbuffer.read(saved(scheme, io))
    core = core_operators(model)
    # The check looks at the whole network, not at a corner of it: learned convolutions, the analysis, and of the synthesis two
    # in a bare core and one in a public artefact, behind which blocks of pixels are laid out on the processor.
    names = Counter(operator.type for operator in core)
    assert names["CONV_2D"] + names["DEPTHWISE_CONV_2D"] == convolutions() + (3 if io == "float" else 2)
    assert names["CONCATENATION"] == 1


@pytest.mark.parametrize(("scheme", "io"), EVERY)
def test_no_layout_is_turned_round(scheme, io):
    operators = BACKEND.inspect(saved(scheme, io)).operators
    assert "TRANSPOSE_CONV" not in operators
    # A bare core is NCHW: its image is turned on the way in, its fill on the way out (the hole has one channel). A public
    # artefact is NHWC; its one transposition lays out rows of the last blocks, 4 x 12 values at a time.
    assert operators.get("TRANSPOSE", 0) == (2 if io == "float" else 1)


def test_no_comb_is_repeated_for_each_channel():
    model = flatbuffer.read(saved("fp32", "float"))
    graph = flatbuffer.graph(model)
    combs = [
        flatbuffer.shape(graph.tensors[i])
        for operator in graph.operators
        if flatbuffer.operator_name(model, operator) == "MUL"
        for i in operator.inputs
        if flatbuffer.is_constant(model, graph.tensors[i])
    ]
    assert (1, SIZE, SIZE, 1) in combs
    assert all(len(comb) == 0 or comb[-1] == 1 for comb in combs)


@pytest.mark.parametrize("name", ["GATHER_ND", "SELECT_V2", "TRANSPOSE", "BROADCAST_TO", "RELU_0_TO_1"])
def test_planted_an_operator_that_delegates_refuse_is_found(name, tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    assert name not in GPU_DELEGATE_OPS
    model = flatbuffer.read(saved("fp32"))
    core = core_operators(model)
    victim = stored(model, core[len(core) // 2])
    code = schema.OperatorCodeT(
        builtinCode=getattr(schema.BuiltinOperator, name), deprecatedBuiltinCode=min(getattr(schema.BuiltinOperator, name), 127)
    )
    model.operatorCodes.append(code)
    victim.opcodeIndex = len(model.operatorCodes) - 1
    planted = tmp_path / "model.tflite"
    planted.write_bytes(flatbuffer.pack(model))
    assert [line.split()[0] for line in refused_by_gpu_delegates(planted)] == [name]


def test_planted_a_tensor_of_five_dimensions_is_found(tmp_path):
    model = flatbuffer.read(saved("fp32"))
    tensor = flatbuffer.graph(model).tensors[stored(model, core_operators(model)[5]).outputs[0]]
    tensor.shape = np.array([1, *tensor.shape], np.int32)
    planted = tmp_path / "model.tflite"
    planted.write_bytes(flatbuffer.pack(model))
    lines = refused_by_gpu_delegates(planted)
    assert lines
    assert all("5 dimensions" in line for line in lines)


# ---------------------------------------------------------------- fp16 and size


def test_fp16_stores_every_large_constant_in_half():
    model = flatbuffer.read(saved("fp16"))
    tensors = flatbuffer.graph(model).tensors
    weights = [t for t in tensors if flatbuffer.is_constant(model, t) and len(flatbuffer.shape(t)) == 4]
    assert {flatbuffer.tensor_type(t) for t in weights if np.prod(flatbuffer.shape(t)) >= 64} == {"float16"}
    # Full weights are gone, not left behind unused.
    assert saved("fp16").stat().st_size < 0.75 * saved("fp32").stat().st_size


def test_fp16_refuses_weights_that_do_not_fit():
    from export.litert.half import halve_constants

    model = flatbuffer.read(saved("fp32"))
    graph = flatbuffer.graph(model)
    convolution = next(op for op in graph.operators if flatbuffer.operator_name(model, op) == "CONV_2D")
    buffer = model.buffers[graph.tensors[convolution.inputs[1]].buffer]
    values = np.frombuffer(bytes(buffer.data), "<f4").copy()
    values[0] = 1e5
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    with pytest.raises(ValueError, match="does not fit float16"):
        halve_constants(model)


@SLOW
@pytest.mark.parametrize(("scheme", "megabytes"), [("fp32", 6.0), ("fp16", 3.1), ("w8a8", 1.8)])
def test_the_shipped_artefacts_keep_the_bars(scheme, megabytes, shipped_artifacts):
    path = shipped_artifacts / f"wavefill-s-256-litert-{scheme}" / BACKEND.model_file
    assert path.stat().st_size <= megabytes * 1e6
    assert refused_by_gpu_delegates(path) == ()
    assert BACKEND.inspect(path).operators["TRANSPOSE"] == 1
    if scheme == "w8a8":
        coverage = integer_coverage(path)
        assert coverage.left_in_float == ()
        assert (coverage.quantises, coverage.dequantises, coverage.requantises) == (1, 1, 0)
        assert coverage.integer == {"conv": 67, "add": 26, "resize": 5}
