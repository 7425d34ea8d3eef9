"""QDQ form of w8a8 that ONNX Runtime fuses into integer kernels; the same in 16 bits; and weights alone in 8.

A quantised program reaches ONNX as float operators between DequantizeLinear and QuantizeLinear. ONNX Runtime replaces such an
operator by an integer kernel (QLinearConv, QLinearAdd, Resize on bytes) where *all* its operands are dequantised, the bias as
int32 with scale = input scale x weight scale, and the result is quantised. :func:`lower_quantisation` brings the exported
graph into that form; ``export.operators`` counts in a saved model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from onnx import NodeProto

    from export.onnx.graph import Graph

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"

INT32_MAX: Final = 2**31 - 1

UNSIGNED: Final = {"int8": (128, np.uint8), "int16": (32768, np.uint16)}
"""What is added to an activation's integer, and what it is then stored in."""


def sink_weights(graph: Graph) -> None:
    """Move operators on constants (the dequantisation of weights) in front of the first operator that reads them."""
    early = [node for node in graph.nodes if all(name in graph.constants for name in node.input)]
    for node in early:
        graph.nodes.remove(node)
        graph.nodes.insert(graph.nodes.index(graph.users(node.output[0])[0]), node)


def lower_weights(graph: Graph) -> None:
    """w8: what a weight's integers stand for is written as Cast and Mul instead of DequantizeLinear.

    ONNX Runtime computes operators on constants once, when it loads a model, except DequantizeLinear, which it keeps for fusions
    that need integer activations: it would widen every weight in every run. Measured with ONNX Runtime 1.31 on x86, default
    session, wavefill-s at 256x256, one core of a busy machine: 130 ms with DequantizeLinear, 90 ms with Cast and Mul, fp32 97 ms.
    The results are equal, bit for bit.
    """
    from onnx import TensorProto, helper

    for node in [node for node in graph.nodes if node.op_type == DEQUANTIZE and node.input[0] in graph.constants]:
        stem, place = node.name.removesuffix(f"/{DEQUANTIZE}"), graph.nodes.index(node)
        integers, cast, scale = node.input[0], f"{stem}/Cast", f"{stem}.scale"
        shape = [-1] + [1] * (graph.constants[integers].ndim - 1)
        graph.constants[scale] = graph.constants[node.input[1]].astype(np.float32).reshape(shape)
        graph.nodes[place : place + 1] = [
            helper.make_node("Cast", [integers], [cast], name=cast, to=TensorProto.FLOAT),
            helper.make_node("Mul", [cast, scale], list(node.output), name=f"{stem}/Mul"),
        ]


def lower_quantisation(graph: Graph) -> None:
    """Give every integer convolution an int32 bias, and store activations as uint8 or uint16.

    Args:
        graph: named graph of a quantised program: int8 weights, and int8 or int16 activations.

    Raises:
        ValueError: a bias that int32 cannot hold.
    """
    for node in [node for node in graph.nodes if node.op_type == "Conv"]:
        if len(node.input) == 3 and node.input[2] in graph.constants:
            _quantise_bias(graph, node)
    _shift_activations(graph)


def _quantise_bias(graph: Graph, conv: NodeProto) -> None:
    from onnx import helper

    source, weight = graph.producer(conv.input[0]), graph.producer(conv.input[1])
    if source is None or weight is None or {source.op_type, weight.op_type} != {DEQUANTIZE}:
        return  # a float convolution outside the integer region keeps its float bias
    steps = [graph.constants[one.input[1]].astype(np.float32) for one in (source, weight)]
    scale = steps[0] * steps[1]
    # The program rounded the bias to whole multiples of the product in float64. Beyond 2^22 steps, the product rounded to float32
    # would give the next integer.
    exact_scale = steps[0].astype(np.float64) * steps[1].astype(np.float64)
    integers = np.rint(graph.constants[conv.input[2]].astype(np.float64) / exact_scale)
    if np.abs(integers).max() > INT32_MAX:
        raise ValueError(f"{conv.name}: a bias of {np.abs(integers).max():.3g} steps does not fit int32")
    stem = conv.name.removesuffix("/Conv")
    names = [f"{stem}/bias/{DEQUANTIZE}.{part}" for part in ("input", "scale")]
    graph.constants[names[0]], graph.constants[names[1]] = integers.astype(np.int32), scale
    conv.input[2] = f"{stem}/bias/{DEQUANTIZE}"
    dequantise = helper.make_node(DEQUANTIZE, names, [conv.input[2]], name=conv.input[2], axis=0)
    graph.nodes.insert(graph.nodes.index(conv), dequantise)


def _shift_activations(graph: Graph) -> None:
    """q + 128 in uint8 stands for q in int8: the same numbers with another zero point; likewise q + 32768 in uint16.

    Sixteen bits are shifted because the Neural Processing Units that take them through ONNX Runtime (QNN) know unsigned ones.

    Measured with ONNX Runtime 1.31 on x86, default session, wavefill-s at 256x256, one core: with int8 activations 27 of the 67
    convolutions and all 26 additions stay float and a run takes 20.1 ms; with uint8 all are integer and it takes 7.7 ms (fp32:
    17.5 ms).
    """
    weights = {node.output[0] for node in graph.nodes if node.op_type == DEQUANTIZE and node.input[0] in graph.constants}
    for node in graph.nodes:
        if node.op_type in (QUANTIZE, DEQUANTIZE) and node.output[0] not in weights:
            zero_point = graph.constants[node.input[2]]
            if zero_point.dtype.name not in UNSIGNED:
                continue  # is unsigned already
            half, unsigned = UNSIGNED[zero_point.dtype.name]
            shifted = f"{node.input[2]}+{half}"
            graph.constants[shifted] = (zero_point.astype(np.int32) + half).astype(unsigned)
            node.input[2] = shifted
