"""Float islands and costs of operators, on graphs that are made here."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.latency import convolution
from benchmarks.latency.operators import profile


def with_island(path):
    """Quantise, an integer convolution, a sine that nobody has in integers, and on."""
    model = onnx.load(convolution.write(path.parent, "u8s8", 8, 16, 3))
    nodes = list(model.graph.node)
    at = next(i for i, node in enumerate(nodes) if node.output[0] == "q1")
    nodes[at].input[0] = "sine"
    nodes.insert(at, helper.make_node("Sin", ["c1"], ["sine"], name="island"))
    first = helper.make_node("QuantizeLinear", ["pixels", "s", "z"], ["input"], name="entry")
    last = helper.make_node("DequantizeLinear", ["q3", "s", "z"], ["result"], name="exit")
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 16, 16]) for name in ("pixels", "result")]
    graph = helper.make_graph([first, *nodes, last], "island", ports[:1], ports[1:], list(model.graph.initializer))
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_an_island_is_found(tmp_path):
    told = profile(with_island(tmp_path / "model.onnx"))
    assert any("island" in line for line in told["float_islands"])
    assert told["delegated"] == 0
    assert 0 < sum(one["share"] for one in told["costliest"]) <= 1 + 1e-9
    assert len(told["costliest"]) <= 10


@pytest.mark.parametrize(("numbers", "islands"), [("u8s8", []), ("fp32", None)])
def test_where_there_is_none(tmp_path, numbers, islands):
    told = profile(convolution.write(tmp_path, numbers, 8, 16, 3))
    assert told["float_islands"] == islands
    kinds = {one["kind"] for one in told["costliest"]}
    assert ("QLinearConv" in kinds) == (numbers == "u8s8"), "the w8a8 ceiling must be computed in integers"


def test_the_convolutions_compute(tmp_path):
    """The integer one against the same in NumPy: what is timed is a convolution."""
    from export.onnx.session import open_session

    model = convolution.write(tmp_path, "fp32", 4, 8, 1)
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in onnx.load(model).graph.initializer}
    x = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    expected = x
    for _ in range(convolution.LAYERS):
        expected = np.einsum("oi,nihw->nohw", weights["w"][:, :, 0, 0], expected)
    (got,) = open_session(model, 1).run(None, {"input": x})
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert convolution.macs(4, 8, 1) == 4 * 4 * 4 * 64
