"""The shell's arithmetic on whole pixels, moved into the two Haar transforms beside it.

A shell scales 3 x H x W values to [-1, 1], clears the hole, and on the way out scales, shifts and rounds as many: nine passes
over memory around a network that is done in seven milliseconds. Both transforms are linear, so they can take and give levels.

The analysis of levels is exact in float32: filters are sixteenths, levels whole numbers. It is divided by 127.5 once, behind the
transform, where before every pixel was rounded by a division and again by the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.conventions import PIXEL_SCALE

if TYPE_CHECKING:
    from onnx import NodeProto

    from export.onnx.graph import Graph

ANALYSIS: Final = "core/analysis/Conv"
SYNTHESIS: Final = "core/synthesis/Conv"


def analyse_levels(graph: Graph) -> None:
    """Let the Haar analysis read ``image * known`` and the hole, and share the former with the composite.

    With x in levels and h the hole, (x / s - 1) (1 - h) = (x (1 - h) - s + s h) / s for s = 127.5, as h is 0 or 1: the analysis
    W of the left side is that of x (1 - h), less s times the sum of W's taps, plus s W h; and all that over s.

    Args:
        graph: named graph with the shell for pixels and ``rewrite.widen_masks`` done.

    Raises:
        ValueError: the shell is another.
    """
    from onnx import helper

    analysis, joined = _named(graph, ANALYSIS), _named(graph, "core/Concat")
    normalised, hole = joined.input
    cleared = _producer(graph, normalised, "Mul")
    shifted, known = (_producer(graph, name, kind) for name, kind in zip(cleared.input, ("Sub", "Sub"), strict=True))
    scaled = _producer(graph, shifted.input[0], "Div")
    image = scaled.input[0]
    (kept,) = (node for node in graph.users(image) if node.op_type == "Mul" and known.output[0] in node.input)
    for node in (cleared, shifted, scaled, kept):
        graph.nodes.remove(node)
    graph.nodes.insert(graph.nodes.index(known) + 1, kept)
    joined.input[:] = [kept.output[0], hole]
    weight = graph.constants[analysis.input[1]].astype(np.float64)
    ones = weight[:, :3].sum(1)
    weight[:, 3] = PIXEL_SCALE * (weight[:, 3] + ones)
    graph.constants["analysis.levels"] = weight.astype(np.float32)
    graph.constants["analysis.shift"] = (-PIXEL_SCALE * ones.sum((1, 2))).astype(np.float32)
    graph.constants["analysis.scale"] = np.array(PIXEL_SCALE, np.float32)
    analysis.input[1:] = ["analysis.levels", "analysis.shift"]
    bands, before = analysis.output[0], f"{analysis.output[0]}.levels"
    analysis.output[0] = before
    divide = helper.make_node("Div", [before, "analysis.scale"], [bands], name="core/analysis/Div")
    graph.nodes.insert(graph.nodes.index(analysis) + 1, divide)


def synthesise_levels(graph: Graph) -> None:
    """Let the Haar synthesis give levels, clip them before they are laid out as pixels, and leave rounding to the last cast.

    floor((f + 1) s + 1/2) = floor(s f + 128) for s = 127.5. The cast to bytes behind the composite rounds towards zero, which is
    down for what is not negative. Filters times 127.5 are exact.

    Args:
        graph: with the shell for pixels and ``rewrite.shuffle_synthesis`` done.

    Raises:
        ValueError: the shell is another.
    """
    convolution = _named(graph, SYNTHESIS)
    shuffle = _user(graph, convolution, "DepthToSpace")
    rest = [shuffle]
    for kind in ("Add", "Mul", "Add", "Floor", "Clip"):
        rest.append(_user(graph, rest[-1], kind))
    *scaling, clip = rest[1:]
    for node in (*scaling, clip):
        graph.nodes.remove(node)
    weight = graph.constants[convolution.input[1]]
    graph.constants["synthesis.levels"] = (weight.astype(np.float64) * PIXEL_SCALE).astype(np.float32)
    graph.constants["synthesis.shift"] = np.full(len(weight), PIXEL_SCALE + 0.5, np.float32)
    convolution.input[1:] = ["synthesis.levels", "synthesis.shift"]
    pixels, clipped = clip.output[0], shuffle.output[0]
    clip.input[0], clip.output[0] = convolution.output[0], clipped
    shuffle.input[0], shuffle.output[0] = clipped, pixels
    graph.nodes.insert(graph.nodes.index(shuffle), clip)


def _named(graph: Graph, name: str) -> NodeProto:
    found = [node for node in graph.nodes if node.name == name]
    if len(found) != 1:
        raise ValueError(f"{len(found)} nodes called {name}, 1 is expected")
    return found[0]


def _producer(graph: Graph, value: str, kind: str) -> NodeProto:
    node = graph.producer(value)
    if node is None or node.op_type != kind:
        raise ValueError(f"{value} is made by {node.op_type if node is not None else 'no node'}, {kind} is expected")
    return node


def _user(graph: Graph, node: NodeProto, kind: str) -> NodeProto:
    users = graph.users(node.output[0])
    if [user.op_type for user in users] != [kind]:
        raise ValueError(f"{node.name} is read by {[user.op_type for user in users]}, one {kind} is expected")
    return users[0]
