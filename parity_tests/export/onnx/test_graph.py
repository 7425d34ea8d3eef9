"""The graph that is written: names, constants, shapes, rewrites; nothing of the exporter's noise."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.onnx.backend import build_model
from export.onnx.graph import IR_VERSION, IR_VERSIONS, OPSET, WIDE_OPSET, Graph, value_shapes
from export.onnx.names import core_trace, module_label, name_nodes
from models.generator import fold
from models.spec import TWO_LEVEL_GAINS
from models.system.privacy import import_onnxruntime
from models.wavelet import inverse_wavelet_packet, synthesis_matrix
from parity_tests.support.formats.onnx_cells import HASH, SIZE, small_program
from parity_tests.support.small import SMALL, small_generator

SCHEMES = ("fp32", "fp16", "w8", "w8a16", "w8a8")


LARGEST = {"w8": 127, "w8a16": 127, "w8a8": 63}
"""Magnitude of a weight's integer."""


@pytest.fixture(scope="module")
def models() -> dict[str, onnx.ModelProto]:
    return {scheme: build_model(small_program(scheme)) for scheme in SCHEMES}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nodes_are_named_after_modules(models, scheme):
    names = [node.name for node in models[scheme].graph.node]
    assert len(set(names)) == len(names)
    modules = {
        name for name, module in fold(small_generator(), SIZE, SIZE).named_modules() if isinstance(module, torch.nn.Conv2d)
    }
    assert {f"core/{module_label(module)}/Conv" for module in modules} <= set(names)
    assert {"core/analysis/Conv", "core/down.0.0/conv2/Conv", "core/down.0.0/Add", "core/grow.1/Resize"} <= set(names)
    assert all(name.startswith(("core/", "shell/")) for name in names)
    assert all(node.output[0] in (node.name, "result") for node in models[scheme].graph.node)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_belong_to_the_convolutions_they_are_named_after(models, scheme):
    """An exchange of two equally shaped weights would go unseen by shapes."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in models[scheme].graph.initializer}
    for name, module in fold(small_generator(), SIZE, SIZE).named_modules():
        if isinstance(module, torch.nn.Conv2d):
            weight, label = module.weight.numpy(), module_label(name)
            if scheme in LARGEST:
                names = ("Mul.1", "Cast.0") if scheme == "w8" else ("DequantizeLinear.scale", "DequantizeLinear.input")
                scale, integers = (constants[f"core/{label}/weight/{name}"] for name in names)
                scale = scale.reshape(-1, 1, 1, 1)
                assert integers.dtype == np.int8
                assert np.abs(integers).max() == LARGEST[scheme]
                assert np.abs(integers * scale - weight).max() <= scale.max() / 2 * (1 + 1e-5)
            else:
                saved = constants[f"core/{label}.weight"]
                assert saved.dtype == {"fp32": np.float32, "fp16": np.float16}[scheme]
                assert np.allclose(saved, weight, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_model_says_what_it_must_and_nothing_else(models, scheme):
    model = models[scheme]
    opset = WIDE_OPSET if scheme == "w8a16" else OPSET
    assert (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import]) == (
        IR_VERSIONS[opset],
        [("", opset)],
    )
    assert (model.producer_name, model.producer_version, model.graph.doc_string) == ("wavefill", "", "")
    assert {entry.key: entry.value for entry in model.metadata_props} == small_program(scheme).metadata("NHWC")
    assert not model.functions
    for node in model.graph.node:
        assert not node.doc_string
        assert not node.metadata_props
        assert node.op_type not in ("Constant", "Identity", "Shape")
    assert b".py" not in model.SerializeToString()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constants_are_stored_once_and_read(models, scheme):
    graph = models[scheme].graph
    contents = [(t.data_type, tuple(t.dims), t.raw_data) for t in graph.initializer]
    assert len(set(contents)) == len(contents)
    assert {t.name for t in graph.initializer} <= {name for node in graph.node for name in node.input}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_value_has_a_static_shape(models, scheme):
    shapes = value_shapes(models[scheme])
    for node in models[scheme].graph.node:
        assert shapes[node.output[0]], node.name
        assert min(shapes[node.output[0]]) > 0


def test_traces_are_cached_and_leave_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    core_trace.cache_clear()
    assert core_trace(SMALL) is core_trace(SMALL)
    assert torch.equal(torch.rand(1), expected)


def test_a_graph_that_is_not_the_architecture_is_refused():
    graph = Graph.of(build_model(small_program("fp32")))
    with pytest.raises(ValueError, match="its trace"):
        name_nodes(graph, core_trace(SMALL))  # the synthesis has been rewritten already


@pytest.mark.parametrize("path", [("down.0.1.conv2", "down.0.1/conv2"), ("stem", "stem"), ("grow.3.conv", "grow.3/conv")])
def test_module_labels(path):
    assert module_label(path[0]) == path[1]


def run_nodes(nodes: list, constants: dict, x: np.ndarray) -> np.ndarray:
    """Evaluate nodes from "x" to "y" in ONNX Runtime, independently of the backend."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("gains", [TWO_LEVEL_GAINS, (0.5, 2.0, 1.0, 4.0), tuple(2.0 ** ((i % 5) - 2) for i in range(16))])
def test_synthesis_by_depth_to_space_is_the_inverse_transform(gains):
    block = int(len(gains) ** 0.5)
    bands = torch.randn(1, 3 * len(gains), 5, 7, generator=torch.Generator().manual_seed(0))
    expected = inverse_wavelet_packet(bands / torch.tensor(gains).repeat(3).view(1, -1, 1, 1), {2: 1, 4: 2}[block]).numpy()
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["t"]),
        helper.make_node("DepthToSpace", ["t"], ["y"], blocksize=block, mode="DCR"),
    ]
    assert np.abs(run_nodes(nodes, {"w": synthesis_matrix(3, gains).numpy()}, bands.numpy()) - expected).max() < 1e-5


def test_graph_reads_constants_and_drops_identities():
    nodes = [
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.float32([1]))),
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Add", ["same", "one"], ["y"], name="add", doc_string="/somewhere/file.py"),
        helper.make_node("Neg", ["x"], ["unread"], name="neg"),
    ]
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = Graph.of(helper.make_model(helper.make_graph(nodes, "g", port[:1], port[1:])))
    model = graph.to_model({"b": HASH, "a": "1"})
    assert [node.op_type for node in model.graph.node] == ["Add"]
    assert list(model.graph.node[0].input) == ["x", "one"]
    assert not model.graph.node[0].doc_string
    assert [entry.key for entry in model.metadata_props] == ["a", "b"]


def test_clashing_names_and_foreign_operators_are_refused():
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    twice = [helper.make_node("Neg", ["x"], ["t"], name="n"), helper.make_node("Neg", ["t"], ["y"], name="n")]
    with pytest.raises(ValueError, match=r"not unique: \['n'\]"):
        Graph.of(helper.make_model(helper.make_graph(twice, "g", port[:1], port[1:]))).to_model({})
    foreign = [helper.make_node("Gelu", ["x"], ["y"], name="n", domain="com.microsoft")]
    with pytest.raises(ValueError, match=r"com\.microsoft\.Gelu"):
        Graph.of(helper.make_model(helper.make_graph(foreign, "g", port[:1], port[1:])))


@pytest.mark.parametrize("operator", ["Identity", "Constant"])
def test_an_output_that_is_not_computed_is_refused(operator):
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    given = {"Identity": (["x"], {}), "Constant": ([], {"value_floats": [1.0]})}[operator]
    node = helper.make_node(operator, given[0], ["y"], **given[1])
    with pytest.raises(ValueError, match="output y is not computed"):
        Graph.of(helper.make_model(helper.make_graph([node], "g", port[:1], port[1:])))


def test_equal_constants_are_shared_only_where_type_and_shape_are_equal_too():
    values = {"a": np.float32([1, 2]), "b": np.float32([1, 2]), "c": np.float32([[1, 2]]), "d": np.float32([1, 2]).view(np.int32)}
    casts = [helper.make_node("Cast", ["d"], ["e"], name="cast", to=TensorProto.FLOAT)]
    sums = [helper.make_node("Sum", ["x", "a", "b", "c", "e"], ["y"], name="sum")]
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy"]
    stored = [numpy_helper.from_array(value, name) for name, value in values.items()]
    model = Graph.of(helper.make_model(helper.make_graph(casts + sums, "g", port[:1], port[1:], stored))).to_model({})
    assert list(model.graph.node[-1].input) == ["x", "a", "a", "c", "e"]
    assert sorted(tensor.name for tensor in model.graph.initializer) == ["a", "c", "d"]
