"""Names: nodes of an ONNX file are called after the modules they come from, ``core/down.0.1/conv2/Conv``.

The exporter numbers its nodes, and a quantised program has lost its modules' names. Both keep the order of execution, so the
names are read from a trace of the folded float network and laid beside the graph, operator by operator.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import torch

from models.generator import Generator, fold
from models.spec import ModelSpec

if TYPE_CHECKING:
    from onnx import NodeProto

    from export.onnx.graph import Graph

OPERATORS: Final = {
    "aten.cat.default": "Concat",
    "aten.conv2d.default": "Conv",
    "aten.relu.default": "Relu",
    "aten.add.Tensor": "Add",
    "aten.mul.Tensor": "Mul",
    "aten.upsample_nearest2d.vec": "Resize",
}
"""ATen operators of the core, and what the exporter turns each into. Padding is fused into the convolution that follows."""

BETWEEN: Final = ("Cast", "QuantizeLinear", "DequantizeLinear")
"""Operators of the exported core that have no counterpart in the float trace; they are named after their neighbours."""

SLOTS: Final = {
    "Conv": ("input", "weight", "bias"),
    "QuantizeLinear": ("input", "scale", "zero_point"),
    "DequantizeLinear": ("input", "scale", "zero_point"),
    "Resize": ("input", "roi", "scales", "sizes"),
    "Clip": ("input", "min", "max"),
    "Reshape": ("input", "shape"),
}
"""What an operator's inputs are called in the names of constants."""


@functools.cache
def core_trace(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """Operators of the folded float core in the order of execution: (ONNX operator, module path).

    They depend neither on the weights nor on the size.

    Returns:
        Such as ``(("Concat", ""), ("Conv", "analysis"), ..., ("Conv", "down.0.1.conv2"), ...)``.
    """
    size = spec.multiple
    ports = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    with torch.random.fork_rng():  # weights are drawn for the trace; the caller's random numbers stay where they are
        trace = torch.export.export(fold(Generator(spec), size, size), ports).graph
    calls = [node for node in trace.nodes if str(node.target) in OPERATORS]
    return tuple((OPERATORS[str(node.target)], str(list(node.meta["nn_module_stack"].values())[-1][0])) for node in calls)


def name_nodes(graph: Graph, trace: Sequence[tuple[str, str]]) -> None:
    """Name every node: ``core/<module>/<operator>`` in the core, ``shell/<operator>`` around it.

    Args:
        graph: an exported program, in the exporter's order.
        trace: :func:`core_trace` of the same architecture.

    Raises:
        ValueError: the graph is not the trace with quantisation and casts added.
    """
    core = _core_nodes(graph)
    counted = [node for node in core if node.op_type not in BETWEEN]
    if [node.op_type for node in counted] != [operator for operator, _ in trace]:
        raise ValueError(
            f"the exported core has {dict(Counter(n.op_type for n in counted))}, its trace {dict(Counter(o for o, _ in trace))}"
        )
    inside = {id(node) for node in core}
    taken: Counter[str] = Counter()
    for node, (operator, path) in zip(counted, trace, strict=True):
        _give_name(node, f"core/{module_label(path)}/{operator}" if path else f"core/{operator}", taken)
    for node in graph.nodes:
        if id(node) not in inside:
            _give_name(node, f"shell/{node.op_type}", taken)
    for node in core:
        if node.op_type in BETWEEN:
            _give_name(node, f"{_neighbour(graph, node)}/{node.op_type}", taken)


def number_shell(graph: Graph) -> None:
    """Name the nodes around the core anew, in order, after rewrites have changed them."""
    taken: Counter[str] = Counter()
    for node in graph.nodes:
        if not node.name.startswith("core/"):
            _give_name(node, f"shell/{node.op_type}", taken)


def module_label(path: str) -> str:
    """``down.0.1.conv2`` -> ``down.0.1/conv2``: a slash before every part that is not a number."""
    first, *others = path.split(".")
    return first + "".join(f".{part}" if part.isdigit() else f"/{part}" for part in others)


def name_values(graph: Graph) -> None:
    """Call every value after the node that makes it, and every constant after the first node that reads it."""
    ports = {port.name for port in (*graph.inputs, *graph.outputs)}
    names: dict[str, str] = {}
    for node in graph.nodes:
        for output in node.output:
            if output not in ports:
                names[output] = node.name
        slots = SLOTS.get(node.op_type, ())
        for index, name in enumerate(node.input):
            if name in graph.constants and name not in names:
                owner = node.name.removesuffix(f"/{node.op_type}") if node.op_type == "Conv" else node.name
                names[name] = f"{owner}.{slots[index] if index < len(slots) else index}"
    graph.rename_values(names)


def _core_nodes(graph: Graph) -> list[NodeProto]:
    """From the concatenation of image and hole to the last convolution of the synthesis."""
    operators = [node.op_type for node in graph.nodes]
    if "Concat" not in operators or "Conv" not in operators:
        raise ValueError(f"not an exported generator: its operators are {sorted(set(operators))}")
    last = len(operators) - operators[::-1].index("Conv")
    return graph.nodes[operators.index("Concat") : last]


def _give_name(node: NodeProto, name: str, taken: Counter[str]) -> None:
    node.name = f"{name}_{taken[name]}" if taken[name] else name
    taken[name] += 1


def _neighbour(graph: Graph, node: NodeProto) -> str:
    """The node that made what is quantised or cast, or, for a weight, the node that reads it."""
    producer = graph.producer(node.input[0])
    if producer is None:
        reader = graph.users(node.output[0])[0]
        return (
            f"{reader.name.removesuffix('/' + reader.op_type)}/{SLOTS[reader.op_type][list(reader.input).index(node.output[0])]}"
        )
    while producer.op_type in BETWEEN and graph.producer(producer.input[0]) is not None:
        producer = graph.producer(producer.input[0])
        assert producer is not None
    return producer.name
