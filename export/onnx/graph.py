"""A small mutable view of an ONNX graph, for rewriting: nodes in order, constants as arrays; and the way back to a model.

What PyTorch's exporter writes changes from release to release and from checkout to checkout (value names, stack traces, source
paths). :meth:`Graph.to_model` writes a graph afresh from what computes - nodes, constants, ports - so that equal programs give
equal bytes and nothing else gets into a file.

onnx_ir's passes lift and share constants and drop what nobody reads. Ours is what no pass does: attributes at their default
values are left out (its pass adds them), attributes are sorted, and names come from modules (its pass makes them unique only).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, ValueInfoProto
    from onnx_ir.passes import PassBase as Pass

OPSET: Final = 18
IR_VERSION: Final = 8
"""Opset 18 is what PyTorch's exporter writes natively (other opsets pass through a version converter) and all that this graph
needs: int8 QuantizeLinear per channel came with 13, nothing here is younger. IR 8 belongs to it (ONNX 1.13). ONNX Runtime
1.15.0 (May 2023) was run and gave the same results as 1.31; opset 21 and IR 10 would need 1.18."""

WIDE_OPSET: Final = 21
"""The first whose QuantizeLinear stores 16 bits (onnx.ai, "QuantizeLinear", version 21)."""

IR_VERSIONS: Final = {OPSET: IR_VERSION, WIDE_OPSET: 10}
"""ONNX's own pairs of operator set and file format (onnx.ai, "Versioning")."""

DEFAULTS: Final[dict[str, dict[str, object]]] = {
    "Conv": {"auto_pad": b"NOTSET"},
    "Resize": {
        "antialias": 0,
        "cubic_coeff_a": -0.75,
        "exclude_outside": 0,
        "extrapolation_value": 0.0,
        "keep_aspect_ratio_policy": b"stretch",
    },
}
"""Attributes that the exporter spells out although they have the standard's default value; older readers stumble over some."""


@dataclass
class Graph:
    """Nodes in topological order, and everything that they read.

    Attributes:
        nodes: operators; their names and outputs are unique.
        constants: initialisers by name.
        inputs: the model's inputs.
        outputs: the model's outputs.
    """

    nodes: list[NodeProto]
    constants: dict[str, NDArray[np.generic]]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]

    @staticmethod
    def of(model: ModelProto) -> Graph:
        """Read a model; Constant nodes become constants, Identity nodes and what nobody reads vanish.

        Raises:
            ValueError: the model has local functions or an operator outside the standard domain, or returns one of its inputs
                or constants.
        """
        from onnx import numpy_helper
        from onnx_ir.passes import common

        if model.functions:
            raise ValueError(f"the exported graph holds {len(model.functions)} local functions; operators alone are expected")
        lift = common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)
        plain = after(model, lift, common.IdentityEliminationPass(), common.RemoveUnusedNodesPass()).graph
        for node in plain.node:
            if node.domain not in ("", "ai.onnx"):
                raise ValueError(f"{node.name}: operator {node.domain}.{node.op_type} is not of the standard domain")
            if node.op_type in ("Constant", "Identity"):
                raise ValueError(f"output {node.output[0]} is not computed: it is an input or a constant")
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in plain.initializer}
        return Graph(list(plain.node), constants, list(plain.input), list(plain.output))

    def producer(self, value: str) -> NodeProto | None:
        """The node that computes a value; None for an input or a constant."""
        return next((node for node in self.nodes if value in node.output), None)

    def users(self, value: str) -> list[NodeProto]:
        """Nodes that read a value."""
        return [node for node in self.nodes if value in node.input]

    def rename_values(self, names: Mapping[str, str]) -> None:
        """Rename values where they are made and where they are read."""
        for node in self.nodes:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        self.constants = {names.get(name, name): value for name, value in self.constants.items()}

    def to_model(self, metadata: Mapping[str, str], opset: int = OPSET) -> ModelProto:
        """Write the model afresh, equal constants once, with inferred shapes of all values.

        Args:
            metadata: entries of the model's ``metadata_props``; written in sorted order.
            opset: a key of ``IR_VERSIONS``.

        Raises:
            ValueError: names clash, or ONNX's checker refuses the graph.
        """
        import onnx
        from onnx import checker, helper, numpy_helper, shape_inference
        from onnx_ir.passes import common

        clashes = [name for name, times in Counter(node.name for node in self.nodes).items() if times > 1]
        if clashes:
            raise ValueError(f"node names are not unique: {clashes[:3]}")
        used = dict.fromkeys(name for node in self.nodes for name in node.input if name in self.constants)
        graph = helper.make_graph(
            [_plain_node(node) for node in self.nodes],
            "wavefill",
            [_plain_port(port) for port in self.inputs],
            [_plain_port(port) for port in self.outputs],
            [
                numpy_helper.from_array(np.ascontiguousarray(self.constants[name]).reshape(self.constants[name].shape), name)
                for name in used
            ],
        )
        model = helper.make_model(graph, producer_name="wavefill", opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = IR_VERSIONS[opset]
        model = after(model, common.DeduplicateHashedInitializersPass())
        del model.graph.value_info[:]  # onnx_ir states the types of constants there once more
        helper.set_model_props(model, dict(sorted(metadata.items())))
        model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ValueError(f"ONNX's checker refuses the graph: {error}") from error
        return model


def after(model: ModelProto, *passes: Pass) -> ModelProto:
    """What onnx_ir's passes, one after the other, make of a model; the given one is left as it is."""
    import onnx_ir

    read = onnx_ir.from_proto(model)
    return onnx_ir.to_proto(onnx_ir.passes.Sequential(*passes)(read).model)


def attributes(node: NodeProto) -> dict[str, Any]:
    """Attributes of a node as Python values."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def value_shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Static shape of every value and constant of a model that carries ``value_info``."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return shapes


def _plain_node(node: NodeProto) -> NodeProto:
    """Operator, name, values and attributes that say something; no documentation, no metadata."""
    from onnx import helper

    said = {
        name: value
        for name, value in sorted(attributes(node).items())
        if name not in DEFAULTS.get(node.op_type, {}) or not _same(value, DEFAULTS[node.op_type][name])
    }
    return helper.make_node(node.op_type, list(node.input), list(node.output), name=node.name, **said)


def _same(value: object, default: object) -> bool:
    return bool(np.isclose(value, default)) if isinstance(value, float) and isinstance(default, float) else value == default


def _plain_port(port: ValueInfoProto) -> ValueInfoProto:
    from onnx import helper

    kind = port.type.tensor_type
    return helper.make_tensor_value_info(port.name, kind.elem_type, [dim.dim_value for dim in kind.shape.dim])
