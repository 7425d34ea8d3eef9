"""The quantised program with every rounding switchable: which tensors are rounded is decided at each run.

``QuantizationTable.apply`` makes the program that is exported; it takes seconds and rounds everything. To ask what *one* tensor
costs, hundreds of programs are needed that differ in one rounding. Here the float graph is walked operator by operator and a
tensor is rounded only where its name is among those asked for (fake quantisation: Jacob et al., *Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference*, 2018, section 3). With all names that a table stores the result
is that of ``apply`` bit for bit, with none that of the float network; a test holds it to both.

Two programs that differ in one tensor are equal before it. :meth:`FakeQuantisedCore.variants` computes what they share once.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, weight_integers
from quantize.coverage import RegionNode, region
from quantize.integer_modules import on_integers, stored_value
from quantize.kept import plan
from quantize.table import Activation, QuantizationTable

Values = dict[Node, Any]
Rounding = Callable[[Tensor, Activation], Tensor]
"""(values before they are stored, number format) -> the values that the stored integers stand for."""


def nearest(x: Tensor, form: Activation) -> Tensor:
    """Rounding as PyTorch's quantised program does it: x times the reciprocal of the scale, halves to even."""
    return torch.fake_quantize_per_tensor_affine(x, form.scale, form.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)


def nearest_of_half(x: Tensor, form: Activation) -> Tensor:
    """Rounding of what half precision holds of x: Core ML, which has float16 around its integers."""
    return nearest(x.half().float(), form)


@dataclass(frozen=True)
class _Weight:
    """A convolution's parameters: as trained, and on integers (the bias needs the scale of the input for that)."""

    exact: Tensor
    rounded: Tensor
    scales: Tensor
    bias: Tensor


@dataclass
class Run:
    """A fill that is being computed.

    Attributes:
        values: what has been computed and is still needed.
        done: how many operators have been.
    """

    values: Values
    done: int


class FakeQuantisedCore:
    """A folded generator at one size, run with any set of its tensors rounded.

    Args:
        core: ``models.generator.fold(generator, size, size)`` of the checkpoint that the table was made for.
        size: height and width in pixels.
        table: number formats.
        rounding: how an activation is rounded.

    Attributes:
        activations: number formats by tensor, which may be exchanged between runs.
        names: every tensor and weight that the table's program rounds, in execution order: all, but for what it keeps in float.

    Raises:
        ValueError: the table is of another network or checkpoint.
    """

    def __init__(self, core: nn.Module, size: int, table: QuantizationTable, rounding: Rounding = nearest) -> None:
        core = table.changed(core)
        example = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
        self.graph: GraphModule = torch.export.export(core, example).module(check_guards=False)
        self.rounding, self.activations = rounding, dict(table.activations)
        self._items: dict[Node, RegionNode] = {item.node: item for item in region(self.graph)}
        self._nodes = [node for node in self.graph.graph.nodes if node.op not in ("placeholder", "output")]
        self._attributes = {node: stored_value(self.graph, node).detach() for node in self._nodes if node.op == "get_attr"}
        self._weights = {item.weight: self._weight(item, table) for item in self._items.values() if item.weight is not None}
        self._dying = self._last_uses()
        self._first: dict[str, int] = {}
        for index, node in enumerate(self._nodes):
            item = self._items.get(node)
            for name in (item.tensor, item.weight) if item is not None else ():
                if name is not None:
                    self._first[name] = index
        self.names = sorted(self.rounded_without(table.float_layers), key=lambda name: (self._first[name], name))

    def fill(self, normalised: Tensor, hole: Tensor, rounded: Collection[str]) -> Tensor:
        """The fill with some tensors rounded.

        Args:
            normalised: (1, 3, size, size) as for the generator.
            hole: (1, 1, size, size) likewise.
            rounded: names of tensors and weights.

        Returns:
            (1, 3, size, size) float32.

        Raises:
            ValueError: a name that the network does not have.
        """
        (result,) = self.variants(normalised, hole, rounded, [()])
        return result

    def rounded_without(self, layers: Collection[str]) -> frozenset[str]:
        """What a program that keeps some layers in float rounds.

        Raises:
            ValueError: a layer that the network does not have.
        """
        chosen = plan(list(self._items.values()), layers)
        return chosen.tensors | chosen.weights

    def variants(
        self, normalised: Tensor, hole: Tensor, rounded: Collection[str], changes: Sequence[Collection[str]]
    ) -> Iterator[Tensor]:
        """Fills of programs that each differ from one program in some tensors; what comes before those is computed once.

        Args:
            normalised: as for :meth:`fill`.
            hole: likewise.
            rounded: names that the common program rounds.
            changes: for each result, the names that it rounds and the common one does not, or the other way round. Sorted by
                :meth:`position` they cost least.

        Yields:
            A fill for each of ``changes``, in their order.

        Raises:
            ValueError: a name that the network does not have.
        """
        common = frozenset(rounded)
        unknown = common.union(*changes) - self._first.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown)[:3])}: no tensor of this network")
        shared = self.start(normalised, hole)
        for change in changes:
            start = self.position(change)
            if start < shared.done:
                shared = self.start(normalised, hole)
            self.advance(shared, start, common)
            yield self.finish(shared, common ^ frozenset(change))

    def start(self, normalised: Tensor, hole: Tensor) -> "Run":
        """A run that has computed nothing yet; inputs as for :meth:`fill`."""
        return Run(dict(zip(self.graph.graph.find_nodes(op="placeholder"), (normalised, hole), strict=True)), 0)

    def advance(self, run: "Run", to: int, rounded: frozenset[str]) -> None:
        """Compute up to a :meth:`position`, with the formats that ``activations`` has now."""
        self._run(run.values, range(run.done, to), rounded)
        run.done = to

    def finish(self, run: "Run", rounded: frozenset[str]) -> Tensor:
        """The fill; the run itself stays where it is."""
        values = dict(run.values)
        self._run(values, range(run.done, len(self._nodes)), rounded)
        return self._result(values)

    def position(self, names: Collection[str]) -> int:
        """How far the program is the same whether these are rounded or not; for sorting."""
        return min((self._first[name] for name in names), default=len(self._nodes))

    def _result(self, values: Values) -> Tensor:
        (output,) = self.graph.graph.find_nodes(op="output")
        (result,) = output.args[0] if isinstance(output.args[0], list | tuple) else (output.args[0],)
        assert isinstance(result, Node)
        fill = values[result]
        assert isinstance(fill, Tensor)
        return fill

    def _run(self, values: Values, steps: range, rounded: frozenset[str]) -> None:
        for index in steps:
            node = self._nodes[index]
            item = self._items.get(node)
            if node in self._attributes:
                value: Any = self._attributes[node]
            elif item is not None and item.weight is not None:
                value = self._convolve(values, node, item.weight, rounded)
            else:
                assert callable(node.target)
                arguments = torch.fx.map_arg(node.args, values.__getitem__)
                value = node.target(*arguments, **node.kwargs)
            if item is not None and item.tensor in rounded:
                assert isinstance(value, Tensor)
                value = self.rounding(value, self.activations[str(item.tensor)])
            values[node] = value
            for dead in self._dying[index]:
                values.pop(dead, None)

    def _convolve(self, values: Values, node: Node, name: str, rounded: frozenset[str]) -> Tensor:
        weight, source = self._weights[name], self._stored_as(node.args[0])
        bias = weight.bias
        if name in rounded and source in rounded:  # integers in, integers within: the bias is added to their accumulator
            bias = on_integers(bias, self.activations[str(source)].scale * weight.scales.double())
        source_node = node.args[0]
        assert isinstance(source_node, Node)
        data = values[source_node]
        used = weight.rounded if name in rounded else weight.exact
        result: Tensor = torch.ops.aten.conv2d.default(data, used, bias, *node.args[3:])
        return result

    def _stored_as(self, node: object) -> str | None:
        assert isinstance(node, Node)
        item = self._items.get(node)
        while item is not None and item.shares is not None:
            item = self._items.get(item.shares)
        return item.tensor if item is not None else None

    def _weight(self, item: RegionNode, table: QuantizationTable) -> _Weight:
        exact, bias = (stored_value(self.graph, argument).detach() for argument in item.node.args[1:3])
        scales = np.array(table.weights[str(item.weight)].scales, np.float32)
        integers = torch.from_numpy(weight_integers(exact.numpy(), scales))
        factors = torch.from_numpy(scales)
        return _Weight(exact, integers.float() * factors.view(-1, 1, 1, 1), factors, bias)

    def _last_uses(self) -> list[list[Node]]:
        place = {node: index for index, node in enumerate(self._nodes)}
        dying: list[list[Node]] = [[] for _ in self._nodes]
        for node in self._nodes:
            users = [place[user] for user in node.users if user in place]
            if len(users) == len(node.users):  # not what is returned
                dying[max(users, default=place[node])].append(node)
        return dying
