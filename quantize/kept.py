"""Mixed precision: which tensors are stored and which operators are integer when some layers are kept in float.

A layer is named by its module path (``up.0.1.conv2``; ``up.0.1`` is the addition of a block), once for every format. From the
names follows what is stored: a tensor is, when what makes it or any of its readers computes on integers. PT2E, and through it
every format, is told only that; an addition between stored tensors is an integer addition whatever was asked for.
"""

import functools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch.fx import Node

from models.generator import Generator, fold
from models.spec import ModelSpec
from quantize.coverage import RegionNode, region


@dataclass(frozen=True)
class Plan:
    """What a choice of layers comes to.

    Attributes:
        tensors: names of the activations that are stored as integers.
        weights: names of the weights that are.
        outputs: nodes of the graph whose results are: those of ``tensors``, and resizes, which copy one.
        floating: operators of each kind (``quantize.coverage``) that compute in float.
    """

    tensors: frozenset[str]
    weights: frozenset[str]
    outputs: frozenset[Node]
    floating: Counter[str]


def layers(items: Sequence[RegionNode]) -> list[str]:
    """Names of the layers that can be kept, in execution order: convolutions, with their ReLU, and additions."""
    return [_name(item) for item in items if item.kind in ("conv", "add")]


def plan(items: Sequence[RegionNode], kept: Collection[str]) -> Plan:
    """What is stored when some layers are kept in float.

    Args:
        items: the region of a float graph (``quantize.coverage.region``).
        kept: names of layers.

    Raises:
        ValueError: a layer that the network does not have.
    """
    check(kept, layers(items))
    by_node = {item.node: item for item in items}
    kept = set(kept)
    while True:
        stored = _stored(items, by_node, kept)
        idle = {
            item.tensor
            for item in items
            if item.kind == "add" and item.tensor in kept and item.tensor in stored and _operands(item, by_node) <= stored
        }
        if not idle:
            break
        kept -= idle
    floating: Counter[str] = Counter()
    for item in items:
        if item.kind == "resize":
            floating["resize"] += _tensor(item.node, by_node) not in stored
        elif item.kind == "relu":
            floating["relu"] += item.tensor in kept
        elif item.kind != "input":
            floating[item.kind] += _name(item) in kept
    weights = frozenset(item.weight for item in items if item.weight is not None and _name(item) not in kept)
    outputs = frozenset(
        item.node for item in items if (item.tensor or item.shares is not None) and _tensor(item.node, by_node) in stored
    )
    return Plan(frozenset(stored), weights, outputs, +floating)


def check(kept: Collection[str], known: Collection[str]) -> None:
    """Refuse names that are no layers.

    Raises:
        ValueError: naming them, and what layers there are.
    """
    unknown = sorted(set(kept) - set(known))
    if unknown:
        raise ValueError(f"layer {', '.join(unknown[:3])}: the network has {len(known)}, such as {', '.join(sorted(known)[:4])}")


@functools.cache
def spec_items(spec: ModelSpec) -> tuple[RegionNode, ...]:
    """The region of an architecture; neither weights nor size matter to a plan."""
    size = spec.multiple
    ports = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    with torch.random.fork_rng():  # weights are drawn; the caller's random numbers stay where they are
        graph = torch.export.export(fold(Generator(spec), size, size), ports).module(check_guards=False)
    return tuple(region(graph))


def _stored(items: Sequence[RegionNode], by_node: dict[Node, RegionNode], kept: set[str]) -> set[str]:
    stored = {item.tensor for item in items if item.tensor is not None and item.kind != "input" and item.tensor not in kept}
    for item in items:
        if item.kind in ("conv", "add") and _name(item) not in kept:
            stored |= _operands(item, by_node)
    return stored


def _operands(item: RegionNode, by_node: dict[Node, RegionNode]) -> set[str]:
    arguments = item.node.args[: 2 if item.kind == "add" else 1]
    return {_tensor(argument, by_node) for argument in arguments if isinstance(argument, Node)}


def _tensor(node: Node, by_node: dict[Node, RegionNode]) -> str:
    """The stored tensor that a node's value is: of a resize, what it copies."""
    item = by_node[node]
    while item.shares is not None:
        item = by_node[item.shares]
    assert item.tensor is not None
    return item.tensor


def _name(item: RegionNode) -> str:
    return item.weight.removesuffix(".weight") if item.weight is not None else str(item.tensor)
