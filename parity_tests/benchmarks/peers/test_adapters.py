"""Adapters: stand-in graphs of each signature that give back the picture they were handed, channels first and last."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.peers.adapters import ADAPTERS, feed, plan, read
from benchmarks.peers.networks import open_network
from export.parity import probes

SIZE = 32
FLOAT, BYTES = TensorProto.FLOAT, TensorProto.UINT8


def graph(path, kind, inputs, nodes, weights=(), *, last=False):
    """A file with the inputs given as name -> channels, and ``output`` with three channels."""

    def port(name, channels):
        shape = [1, SIZE, SIZE, channels] if last else [1, channels, SIZE, SIZE]
        return helper.make_tensor_value_info(name, kind, shape)

    made = helper.make_graph(nodes, "peer", [port(*one) for one in inputs.items()], [port("output", 3)], list(weights))
    onnx.save(helper.make_model(made, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def given_back(path, name, last, *, swapped):
    """A graph whose answer is the picture that it takes."""
    pictures = "input" if name == "migan" else "image"
    inputs = {"input": 4} if name == "migan" else {"image": 3, "mask": 1}
    if swapped:
        inputs = dict(reversed(inputs.items()))
    kind = BYTES if name == "migan-pipeline" else FLOAT
    cut = {"starts": [1], "ends": [4], "axes": [3 if last else 1]}
    weights = [helper.make_tensor(key, TensorProto.INT64, [1], value) for key, value in cut.items()]
    node = (
        helper.make_node("Slice", ["input", *cut], ["output"])
        if name == "migan"
        else helper.make_node("Identity", [pictures], ["output"])
    )
    return graph(path, kind, inputs, [node], weights if name == "migan" else (), last=last)


@pytest.mark.parametrize("last", [False, True], ids=["channels-first", "channels-last"])
@pytest.mark.parametrize("swapped", [False, True], ids=["image-first", "mask-first"])
@pytest.mark.parametrize("name", ADAPTERS)
def test_pictures_go_in_and_come_back(name, swapped, last, tmp_path):
    path = given_back(tmp_path / "peer.onnx", name, last, swapped=swapped)
    ports, run = open_network(path, 1)
    chosen = plan(name, ports, 999)
    assert (chosen.size, chosen.last) == (SIZE, last)
    probe = probes(SIZE)[0]
    result = read(name, chosen, run(feed(name, chosen, probe.image, probe.hole)))
    assert result.shape == probe.image.shape
    np.testing.assert_array_equal(result[~probe.hole], probe.image[~probe.hole])


def test_holes_are_where_each_network_looks_for_them():
    image = np.full((2, 2, 3), 255, np.uint8)
    hole = np.array([[True, False], [False, False]])
    (migan,) = ADAPTERS["migan"].prepare(image, hole)
    np.testing.assert_array_equal(migan[:, 0, 0], [-0.5, 0, 0, 0])
    np.testing.assert_array_equal(migan[:, 1, 1], [0.5, 1, 1, 1])
    pipeline = ADAPTERS["migan-pipeline"].prepare(image, hole)[1]
    np.testing.assert_array_equal(pipeline[0], [[0, 255], [255, 255]])
    for name in ("lama", "aotgan"):
        np.testing.assert_array_equal(ADAPTERS[name].prepare(image, hole)[1][0], hole)
    assert ADAPTERS["aotgan"].prepare(image // 2, hole)[0][0, 0, 0] == 1, "white in the hole"


def test_answers_in_levels_are_read_too():
    levels = np.full((3, 2, 2), 200.0, np.float32)
    assert (ADAPTERS["lama"].finish(levels) == 200).all()
    assert (ADAPTERS["lama"].finish(levels / 255) == 200).all()


@pytest.mark.parametrize(
    ("name", "inputs", "kind"),
    [
        ("migan", {"image": 3, "mask": 1}, FLOAT),
        ("lama", {"input": 4}, FLOAT),
        ("lama", {"image": 3, "mask": 1}, BYTES),
        ("migan-pipeline", {"image": 3, "mask": 3}, BYTES),
    ],
)
def test_other_signatures_are_refused(name, inputs, kind, tmp_path):
    node = helper.make_node("Identity", [next(iter(inputs))], ["output"])
    path = tmp_path / "peer.onnx"
    made = helper.make_graph(
        [node],
        "peer",
        [helper.make_tensor_value_info(key, kind, [1, count, SIZE, SIZE]) for key, count in inputs.items()],
        [helper.make_tensor_value_info("output", kind, [1, next(iter(inputs.values())), SIZE, SIZE])],
    )
    onnx.save(helper.make_model(made, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    ports, _ = open_network(path, 1)
    with pytest.raises(ValueError, match=f"unknown signature: .*{name} takes"):
        plan(name, ports, SIZE)


def test_open_sizes_are_filled_in():
    from benchmarks.peers.adapters import PeerPort

    ports = [PeerPort("image", (1, 3, 0, 0), "uint8"), PeerPort("mask", (1, 1, 0, 0), "uint8")]
    assert plan("migan-pipeline", ports, 64).size == 64


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.onnx or \.tflite is needed"):
        open_network(tmp_path / "model.pt", 1)
