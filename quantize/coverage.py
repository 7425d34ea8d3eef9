"""Which operators lie between the stem and the head, and whether they are integer.

`region` walks the float graph and names its tensors; `float_operators` walks a quantised graph and lists what was left in float.
The exporters count the same thing in the saved files, and `expected_counts` says what they must find.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch.fx import GraphModule, Node

from models.generator import Generator, fold
from models.spec import ModelSpec

STEM, HEAD = "stem", "head"
"""Modules that the region begins and ends with."""

STEM_INPUT = "analysis"
"""Name of the tensor that enters the region."""

CONV, RELU, ADD, RESIZE = "aten.conv2d.default", "aten.relu.default", "aten.add.Tensor", "aten.upsample_nearest2d.vec"

INTEGER_OPERATORS = {CONV: "conv", RELU: "relu", ADD: "add", RESIZE: "resize"}
"""Operators that may occur in the region: every one has an int8 form in all three runtimes (ReLU by fusion)."""

QUANTISE, DEQUANTISE = "quantized_decomposed.quantize_per_tensor.default", "quantized_decomposed.dequantize_per_tensor.default"
WEIGHT_QUANTISE = "quantized_decomposed.quantize_per_channel.default"
WEIGHT_DEQUANTISE = "quantized_decomposed.dequantize_per_channel.default"


def expected_counts(spec: ModelSpec, floating: Mapping[str, int] | None = None) -> dict[str, int]:
    """How many operators of each kind compute on integers from stem to head, both included.

    Args:
        spec: the network; of the architecture alone no graph is asked.
        floating: how many of each kind a table keeps in float (``quantize.kept.Plan.floating``).

    Returns:
        By the values of ``INTEGER_OPERATORS``: ``{"conv": 67, "relu": 21, "add": 26, "resize": 5}`` for wavefill-s.
    """
    levels, blocks = len(spec.widths), [*spec.blocks, *spec.blocks[:-1]]
    plain = [i < spec.plain_levels for i in [*range(levels), *range(levels - 1)]]
    # Stem and head; a shrinking and a growing one between two levels; two in a plain block, three in a depthwise one.
    convolutions = 2 + 2 * (levels - 1) + sum(n * (2 if p else 3) for n, p in zip(blocks, plain, strict=True))
    counts = {"conv": convolutions, "relu": sum(blocks), "add": sum(blocks) + levels - 1, "resize": levels - 1}
    return {kind: number - (floating or {}).get(kind, 0) for kind, number in counts.items()}


@dataclass(frozen=True)
class RegionNode:
    """One operator of the region.

    Attributes:
        node: the operator in the exported graph.
        kind: a value of ``INTEGER_OPERATORS``, or "input" for the tensor that enters the region.
        tensor: name of its output, from the module path; None where the output is not stored under a scale of its own.
        weight: name of its weight, None for operators without.
        shares: the operator whose scale its output shares (resize), else None.
    """

    node: Node
    kind: str
    tensor: str | None
    weight: str | None = None
    shares: Node | None = None


def region(model: GraphModule) -> Iterator[RegionNode]:
    """Operators from the stem's input to the head's output, in execution order.

    Args:
        model: ``torch.export.export(folded_generator, ...).module()``, before `prepare_pt2e`.

    Raises:
        ValueError: an operator without an integer form, or the graph has no such region.
    """
    nodes = [node for node in model.graph.nodes if node.op == "call_function"]
    starts = [node for node in nodes if module_path(node) == STEM and str(node.target) == CONV]
    ends = [node for node in nodes if module_path(node) == HEAD and str(node.target) == CONV]
    if len(starts) != 1 or len(ends) != 1:
        raise ValueError(f"not a generator's graph: {len(starts)} stem and {len(ends)} head convolutions, not one of each")
    entry = starts[0].args[0]  # of the Haar analysis, or the noise input behind it
    assert isinstance(entry, Node)
    yield RegionNode(entry, "input", STEM_INPUT)
    for node in nodes[nodes.index(starts[0]) : nodes.index(ends[0]) + 1]:
        if str(node.target) not in INTEGER_OPERATORS:
            raise ValueError(
                f"{module_path(node)}: {node.target} has no integer form here; "
                f"between stem and head only {', '.join(INTEGER_OPERATORS)} may occur"
            )
        yield _region_node(node)


def with_operands(generator: Generator) -> Iterator[tuple[RegionNode, tuple[str, ...]]]:
    """Operators of a network's region but ReLUs, each with the names of the activations that it reads, in execution order.

    A resize stores its result under the scale, and here under the name, of what it copies.

    Args:
        generator: folded or not.
    """
    size = generator.spec.multiple  # the same operators at any size
    ports = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    names: dict[object, str] = {}
    for item in region(torch.export.export(fold(generator, size, size), ports).module(check_guards=False)):
        if item.kind not in ("input", "relu"):
            yield item, tuple(names[argument] for argument in item.node.args[: 2 if item.kind == "add" else 1])
        if item.shares is not None:
            names[item.node] = names[item.shares]
        elif item.tensor is not None:  # that of a convolution with a ReLU behind it is the ReLU's
            names[item.node] = item.tensor


def _region_node(node: Node) -> RegionNode:
    kind, path, source = INTEGER_OPERATORS[str(node.target)], module_path(node), node.args[0]
    assert isinstance(source, Node)
    if kind == "conv":
        fused = len(node.users) == 1 and str(next(iter(node.users)).target) == RELU
        return RegionNode(node, kind, None if fused else path, weight=f"{path}.weight")
    if kind == "relu":
        if str(source.target) != CONV or len(source.users) != 1:
            raise ValueError(f"{path}: a ReLU must follow a convolution that has no other consumer, to be fused with it")
        return RegionNode(node, kind, module_path(source))
    if kind == "resize":
        if list(node.args[1:]) != [None, [2.0, 2.0]]:
            raise ValueError(
                f"{path}: nearest-neighbour resizing by {node.args[1:]}; only by a factor of two has an integer form here"
            )
        return RegionNode(node, kind, None, shares=source)
    return RegionNode(node, kind, path)


def module_path(node: Node) -> str:
    """Path of the innermost module that a node was traced in, such as ``down.0.1.conv2``."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""


def region_counts(quantised: GraphModule) -> Counter[str]:
    """How many operators of each kind compute on integers: operands dequantised, result quantised.

    Args:
        quantised: a quantised program as a flat graph: result of `convert_pt2e`, or
            ``torch.export.export(program.apply(...), ...).module()``.
    """
    return Counter(INTEGER_OPERATORS[str(node.target)] for node in integer_nodes(quantised))


def integer_nodes(quantised: GraphModule) -> list[Node]:
    """The operators that :func:`region_counts` counts."""
    return [node for node in _between(quantised) if _is_integer(node)]


def float_operators(quantised: GraphModule) -> list[str]:
    """Operators between the first quantise and the last dequantise that are *not* computed on integers.

    Args:
        quantised: as for :func:`region_counts`.

    Returns:
        ``"add_3 (aten.add.Tensor)"`` for each; empty for a fully integer region.
    """
    return [f"{node.name} ({node.target})" for node in _between(quantised) if not _is_integer(node)]


def requantised(quantised: GraphModule) -> list[str]:
    """Tensors that are dequantised and at once quantised again, which runtimes would have to execute; empty is right."""
    nodes = [node for node in quantised.graph.nodes if str(node.target) == QUANTISE]
    return [node.name for node in nodes if str(node.args[0].target) == DEQUANTISE]


def _between(quantised: GraphModule) -> list[Node]:
    nodes = [node for node in quantised.graph.nodes if node.op in ("call_function", "call_module")]
    marks = [i for i, node in enumerate(nodes) if str(node.target) in (QUANTISE, DEQUANTISE)]
    if not marks:
        raise ValueError("the graph has no quantised tensor")
    quantisation = (QUANTISE, DEQUANTISE, WEIGHT_QUANTISE, WEIGHT_DEQUANTISE)
    return [node for node in nodes[marks[0] : marks[-1]] if str(node.target) not in quantisation]


def _is_integer(node: Node) -> bool:
    kind, users = str(node.target), list(node.users)
    if kind not in INTEGER_OPERATORS:
        return False
    # Of a convolution with a fused ReLU, the ReLU's own entry says whether the result is quantised.
    stored = len(users) == 1 and str(users[0].target) in ((QUANTISE, RELU) if kind == CONV else (QUANTISE,))
    if kind == RELU and isinstance(node.args[0], Node) and not _is_integer(node.args[0]):
        return False  # of a convolution that is kept in float
    operands = [str(argument.target) for argument in node.args[:2] if isinstance(argument, Node)]
    expected = {CONV: [DEQUANTISE, WEIGHT_DEQUANTISE], RELU: [CONV], ADD: [DEQUANTISE, DEQUANTISE], RESIZE: [DEQUANTISE]}
    return stored and operands == expected[kind]
