"""Rewrites of the exported graph that compute the same with less memory traffic.

Together they took an fp32 run of wavefill-s at 256x256 from 22.9 to 17.5 ms of one core; what is left runs at the core's peak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from export.onnx.graph import attributes
from models.wavelet import packet_levels, synthesis_matrix

if TYPE_CHECKING:
    from onnx import NodeProto

    from export.onnx.graph import Graph

CHANNEL_BLOCK: Final = 16
"""Channels that ONNX Runtime's kernels for AVX-512 take at a time; 8 for AVX2."""

SYNTHESIS: Final = "core/synthesis/"
"""Names of the nodes that :class:`models.wavelet.StuffedSynthesis` becomes."""


def shuffle_synthesis(graph: Graph, channels: int, gains: tuple[float, ...]) -> None:
    """Replace the zero-stuffing synthesis by a 1x1 convolution and DepthToSpace, in mode DCR (row, column, colour).

    Zero-stuffing exists for delegates of LiteRT that take no DepthToSpace. ONNX Runtime's CPU, XNNPACK, NNAPI, QNN and Core ML
    providers take it (Core ML's in no other mode), and three quarters of the work on stuffed tensors is on zeros.

    Args:
        graph: named graph (``onnx_names.name_nodes``).
        channels: colours of the output.
        gains: ``ModelSpec.band_gains``.

    Raises:
        ValueError: the graph has no zero-stuffing synthesis.
    """
    from onnx import helper

    stuffed = [node for node in graph.nodes if node.name.startswith(SYNTHESIS)]
    levels = packet_levels(gains)
    if [node.op_type for node in stuffed] != ["Resize", "Mul", "Conv"] * levels:
        raise ValueError(f"synthesis of {levels} levels: found {[node.op_type for node in stuffed]}")
    weight = graph.constants[stuffed[-1].input[1]]
    matrix, shuffled = "synthesis.matrix", "synthesis.shuffled"
    graph.constants[matrix] = synthesis_matrix(channels, gains).numpy().astype(weight.dtype)
    replacement = [
        helper.make_node("Conv", [stuffed[0].input[0], matrix], [shuffled], name=f"{SYNTHESIS}Conv", kernel_shape=[1, 1]),
        helper.make_node(
            "DepthToSpace", [shuffled], [stuffed[-1].output[0]], name=f"{SYNTHESIS}DepthToSpace", blocksize=2**levels, mode="DCR"
        ),
    ]
    start = graph.nodes.index(stuffed[0])
    graph.nodes[start : start + len(stuffed)] = replacement


def pad_stem(graph: Graph) -> None:
    """Give the stem a whole number of blocks of channels: zeros behind the bands and the noise, and zero weights for them.

    ONNX Runtime's convolutions on x86 work on blocks of 16 channels and take another, slower path for 66. Zeros are computed when
    the model is loaded, so that the file does not grow by them.

    Args:
        graph: named graph, weights not yet lowered. One without noise has whole blocks already.
    """
    from onnx import helper, numpy_helper

    (stem,) = (node for node in graph.nodes if node.name == "core/stem/Conv")
    joined = next((node for node in graph.nodes if node.name == "core/grain/Concat"), None)
    if joined is None:
        return
    stored = graph.producer(stem.input[1])
    name = stored.input[0] if stored is not None else stem.input[1]
    weight = graph.constants[name]
    missing = -weight.shape[1] % CHANNEL_BLOCK
    side = graph.constants[joined.input[1]].shape[2:]
    graph.constants[name] = np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
    graph.constants["stem.zeros"] = np.array([1, missing, *side], np.int64)
    zeros = numpy_helper.from_array(np.zeros(1, np.float32))
    fill = helper.make_node("ConstantOfShape", ["stem.zeros"], ["stem.padding"], name="core/grain/ConstantOfShape", value=zeros)
    graph.nodes.insert(graph.nodes.index(joined), fill)
    joined.input.append("stem.padding")


def reshape_masks(graph: Graph, size: int) -> None:
    """Replace a transposition of one channel, (1, H, W, 1) -> (1, 1, H, W), by a Reshape.

    It moves no data, and ONNX Runtime would push the transposition through the arithmetic of the shell, where broadcasting a
    mask over interleaved colours is fifteen times slower than over planes.
    """
    from onnx import helper

    single = {port.name for port in graph.inputs if port.type.tensor_type.shape.dim[-1].dim_value == 1}
    for index, node in enumerate(graph.nodes):
        if node.op_type == "Transpose" and node.input[0] in single and attributes(node)["perm"] == [0, 3, 1, 2]:
            shape = f"{node.name}.shape"
            graph.constants[shape] = np.array([1, 1, size, size], dtype=np.int64)
            name = node.name.replace("Transpose", "Reshape")
            graph.nodes[index] = helper.make_node("Reshape", [node.input[0], shape], list(node.output), name=name)


def state_rois(graph: Graph) -> None:
    """Give every Resize an empty ``roi``: the mobile usability checker takes a missing input for one of dynamic shape."""
    for node in graph.nodes:
        if node.op_type == "Resize" and not node.input[1]:
            graph.constants["roi"] = np.zeros(0, dtype=np.float32)
            node.input[1] = "roi"


def widen_masks(graph: Graph) -> None:
    """Repeat the thresholded mask for each colour before the shell's arithmetic, so that no product broadcasts.

    ONNX Runtime moves the transposition of the image behind the product with the mask, where it would be repeated over the
    innermost of three interleaved colours, value by value: 1.4 ms of a w8a8 run of 11 ms.
    """
    from onnx import helper

    (threshold,) = (node for node in graph.nodes if node.op_type == "GreaterOrEqual")
    (cast,) = graph.users(threshold.output[0])
    hole, wide = cast.output[0], f"{cast.output[0]}.wide"
    for node in graph.users(hole):
        if node.op_type in ("Sub", "Mul"):
            node.input[:] = [wide if name == hole else name for name in node.input]
    widen = helper.make_node("Concat", [hole] * 3, [wide], name="shell/Concat", axis=1)
    graph.nodes.insert(graph.nodes.index(cast) + 1, widen)


def cast_before_transposing(graph: Graph) -> None:
    """Transpose -> Cast becomes Cast -> Transpose where the cast narrows: a quarter of the bytes to move for the result."""
    for node in graph.nodes:
        users = graph.users(node.output[0])
        if node.op_type == "Transpose" and [user.op_type for user in users] == ["Cast"]:
            _swap(graph, node, users[0])


def _swap(graph: Graph, transpose: NodeProto, cast: NodeProto) -> None:
    if graph.producer(transpose.input[0]) is None:  # an input: uint8 is already the narrow side
        return
    between = transpose.output[0]
    cast.input[0], transpose.input[0] = transpose.input[0], between
    transpose.output[0], cast.output[0] = cast.output[0], between
    first, second = graph.nodes.index(transpose), graph.nodes.index(cast)
    graph.nodes[first], graph.nodes[second] = cast, transpose
