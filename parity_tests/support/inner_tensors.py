"""Runs a saved w8a8 file and gives the integers that enter its stem and those that leave its head, besides the picture."""

import numpy as np

from export.litert import flatbuffer
from export.onnx.backend import read_model
from export.onnx.graph import Graph
from models.system.privacy import import_onnxruntime
from parity_tests.support.saved_integers import QUANTISE, padded_channels
from quantize.table import Activation


def onnx_ends(path, image, mask):
    """Integers (C, H, W) int16 at both ends, of the file with two more outputs in ONNX Runtime.

    Args:
        path: ``model.onnx``.
        image: (S, S, 3) uint8.
        mask: (S, S, 1) uint8.
    """
    import onnx

    model = read_model(path)
    quantised = [node for node in model.graph.node if node.op_type == QUANTISE]
    ends = [quantised[0], quantised[-1]]
    assert "/head" in ends[1].output[0], ends[1].output[0]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(node.output[0]) for node in ends)
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run([node.output[0] for node in ends], {"image": image[None], "mask": mask[None]})
    entry, head = (one[0].astype(np.int16) - 128 for one in found)
    channels = len(entry) - padded_channels(Graph.of(read_model(path)))
    assert len(np.unique(entry[channels:])) <= 1, "the stem's padding is all one value, 0"
    return [entry[:channels], head]


def litert_ends(path, entry: Activation, head: Activation, image, mask):
    """The same in LiteRT; tensors are found by their number formats."""
    from ai_edge_litert.interpreter import Interpreter

    model = flatbuffer.read(path)
    graph = flatbuffer.graph(model)
    written = [index for operator in graph.operators for index in operator.outputs]
    wanted = [(float(np.float32(row.scale)), row.zero_point) for row in (entry, head)]
    by_format = [[index for index in written if _format(graph.tensors[index]) == one] for one in wanted]
    # The bands get their noise after they are quantised; and what the head made is first of all upsampled.
    ends = [by_format[0][-1], by_format[1][0]]
    graph.outputs = [*graph.outputs, *ends]
    model.signatureDefs = []  # a signature would have to name the new ones, too
    interpreter = Interpreter(model_content=flatbuffer.pack(model), num_threads=1)
    interpreter.allocate_tensors()
    for port in interpreter.get_input_details():
        interpreter.set_tensor(port["index"], (image if port["shape"][-1] == 3 else mask)[None])
    interpreter.invoke()
    return [interpreter.get_tensor(i)[0].transpose(2, 0, 1).astype(np.int16) for i in ends]


def _format(tensor):
    numbers = tensor.quantization
    if numbers is None or numbers.scale is None or len(numbers.scale) != 1:
        return None
    return float(np.float32(numbers.scale[0])), int(numbers.zeroPoint[0])
