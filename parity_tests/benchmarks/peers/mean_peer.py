"""Peers whose fill is known in closed form: ONNX files of every adapter's signature, answering with the known pixels' mean."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}

PORTS = {
    # adapter          inputs                     type
    "migan": ({"input": 4}, "float32"),
    "migan-pipeline": ({"image": 3, "mask": 1}, "uint8"),
    "lama": ({"image": 3, "mask": 1}, "float32"),
    "aotgan": ({"image": 3, "mask": 1}, "float32"),
}


def save(path, name, size, nodes, constants=(), *, last=False, out_size=None):
    """A file with an adapter's inputs, and ``output`` with three channels.

    Args:
        path: where it goes.
        name: the adapter.
        size: height and width of the inputs.
        nodes: the graph, from the adapter's inputs to ``output``.
        constants: name -> array.
        last: channels come last.
        out_size: height and width of the answer, where these are others.
    """
    inputs, dtype = PORTS[name]

    def port(port_name, channels, side):
        shape = [1, side, side, channels] if last else [1, channels, side, side]
        return helper.make_tensor_value_info(port_name, KINDS[dtype], shape)

    held = [numpy_helper.from_array(np.asarray(array), key) for key, array in dict(constants).items()]
    graph = helper.make_graph(
        nodes, "peer", [port(*one, size) for one in inputs.items()], [port("output", 3, out_size or size)], held
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def mean_peer(path, name, size, *, last=False, inverted=False):
    """Answers with the mean of the known pixels; ``inverted`` takes the hole for what is known."""
    node = helper.make_node
    channel, plane = (3, [1, 2]) if last else (1, [2, 3])
    constants = {
        "one": np.float32(1),
        "half": np.float32(0.5),
        "full": np.float32(255),
        "from0": np.array([0]),
        "from1": np.array([1]),
        "to4": np.array([4]),
        "axis": np.array([channel]),
        "plane": np.array(plane),
        "shape": np.array([1, size, size, 3] if last else [1, 3, size, size]),
    }
    known = {
        "migan": [
            node("Slice", ["input", "from0", "from1", "axis"], ["said"]),
            node("Add", ["said", "half"], ["known"]),
            node("Slice", ["input", "from1", "to4", "axis"], ["picture"]),
        ],
        "migan-pipeline": [
            node("Cast", ["mask"], ["said"], to=TensorProto.FLOAT),
            node("Div", ["said", "full"], ["known"]),
            node("Cast", ["image"], ["picture"], to=TensorProto.FLOAT),
        ],
    }.get(name, [node("Sub", ["one", "mask"], ["known"]), node("Identity", ["image"], ["picture"])])
    if inverted:
        known.append(node("Sub", ["one", "known"], ["weights"]))
    else:
        known.append(node("Identity", ["known"], ["weights"]))
    mean = [
        node("Mul", ["picture", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "plane"], ["sum"]),
        node("ReduceSum", ["weights", "plane"], ["count"]),
        node("Div", ["sum", "count"], ["mean"]),
        node("Expand", ["mean", "shape"], ["flat"]),
    ]
    if name == "migan-pipeline":
        mean += [node("Round", ["flat"], ["levels"]), node("Cast", ["levels"], ["output"], to=TensorProto.UINT8)]
    else:
        mean.append(node("Identity", ["flat"], ["output"]))
    return save(path, name, size, [*known, *mean], constants, last=last)
