"""Writes ONNX graphs layer by layer, with random weights: what a stand-in's file is made with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

OPSET, IR_VERSION = 17, 9


@dataclass(frozen=True)
class Tensor:
    """A value of the graph: (1, channels, height, width) float32."""

    name: str
    channels: int
    height: int
    width: int


class GraphWriter:
    """Collects nodes and weights in execution order.

    Attributes:
        parameters: learned values so far: weights and biases, and not what is fixed (resampling filters, Fourier matrices).
        macs: multiply-accumulates of convolutions and matrix products so far.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._nodes: list[NodeProto] = []
        self._weights: dict[str, TensorProto] = {}
        self.parameters = 0
        self.macs = 0

    def constant(self, values: NDArray[np.generic], *, learned: bool = False) -> str:
        """Store numbers and give them a name."""
        from onnx import numpy_helper

        name = f"w{len(self._weights)}"
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self.parameters += values.size if learned else 0
        return name

    def node(self, kind: str, inputs: list[str], count: int = 1, **attributes: Any) -> list[str]:  # noqa: ANN401 - ONNX attributes
        """Append an operator; returns the names of its outputs."""
        from onnx import helper

        outputs = [f"{kind.lower()}{len(self._nodes)}{f'_{i}' if i else ''}" for i in range(count)]
        self._nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def normal(self, shape: tuple[int, ...], fan_in: int) -> NDArray[np.float32]:
        """Random weights that keep a signal's size through a ReLU: standard deviation sqrt(2 / fan_in) (He et al., 2015)."""
        return self._rng.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(2 / fan_in))

    def conv(
        self, x: Tensor, channels: int, kernel: int, *, stride: int = 1, groups: int = 1, bias: bool = True, reflect: bool = False
    ) -> Tensor:
        """A convolution with random weights that keeps the size, or divides it by the stride.

        Args:
            x: what it reads.
            channels: of its output.
            kernel: side of the kernel, odd.
            stride: step in both directions.
            groups: as in ONNX; the number of channels for a depthwise convolution.
            bias: whether it has one.
            reflect: pad by mirroring, not by zeros.
        """
        weight = self.normal((channels, x.channels // groups, kernel, kernel), x.channels // groups * kernel**2)
        inputs = [x.name, self.constant(weight, learned=True)]
        if bias:
            inputs.append(self.constant(np.zeros(channels, np.float32), learned=True))
        pads = 4 * [kernel // 2]
        if reflect and kernel > 1:
            amounts = self.constant(np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64))
            inputs[0] = self.node("Pad", [x.name, amounts], mode="reflect")[0]
            pads = [0, 0, 0, 0]
        (name,) = self.node("Conv", inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=groups)
        made = Tensor(name, channels, -(-x.height // stride), -(-x.width // stride))
        self.macs += made.channels * made.height * made.width * weight[0].size
        return made

    def filtered(self, x: Tensor, kernel: NDArray[np.float32], pads: list[int], stride: int = 1) -> Tensor:
        """Every channel convolved with one fixed kernel."""
        weight = np.broadcast_to(kernel, (x.channels, 1, *kernel.shape)).copy()
        (name,) = self.node(
            "Conv",
            [x.name, self.constant(weight)],
            kernel_shape=list(kernel.shape),
            strides=[stride] * 2,
            pads=pads,
            group=x.channels,
        )
        height, width = (
            (length + pads[i] + pads[i + 2] - kernel.shape[i]) // stride + 1 for i, length in enumerate((x.height, x.width))
        )
        self.macs += x.channels * height * width * kernel.size
        return Tensor(name, x.channels, height, width)

    def grown(self, x: Tensor, channels: int, kernel: int, *, groups: int, weight: NDArray[np.float32] | None = None) -> Tensor:
        """A transposed convolution that doubles height and width.

        Args:
            x: what it reads.
            channels: of its output.
            kernel: 2, or 3 as PyTorch has it with padding 1 and output padding 1.
            groups: as in ONNX.
            weight: (x.channels, channels / groups, kernel, kernel), fixed; None for random, learned ones.
        """
        shape = (x.channels, channels // groups, kernel, kernel)
        stored = self.constant(self.normal(shape, shape[0] * 9 // 4) if weight is None else weight, learned=weight is None)
        extra: dict[str, Any] = {} if kernel == 2 else {"pads": [1, 1, 1, 1], "output_padding": [1, 1]}
        (name,) = self.node("ConvTranspose", [x.name, stored], kernel_shape=[kernel] * 2, strides=[2, 2], group=groups, **extra)
        self.macs += x.channels * x.height * x.width * math.prod(shape[1:])
        return Tensor(name, channels, 2 * x.height, 2 * x.width)

    def pointwise(self, kind: str, x: Tensor, *others: str, **attributes: Any) -> Tensor:  # noqa: ANN401 - ONNX attributes
        """An operator that keeps the shape."""
        return Tensor(self.node(kind, [x.name, *others], **attributes)[0], x.channels, x.height, x.width)

    def scalar(self, value: float) -> str:
        """A constant of one value."""
        return self.constant(np.array(value, np.float32))

    def model(self, inputs: list[Tensor], output: Tensor, name: str, about: dict[str, str]) -> ModelProto:
        """The finished file.

        Args:
            inputs: in order; a tensor's name is the port's.
            output: what the graph answers; its port is called ``output``.
            name: of the graph.
            about: written into the file's metadata.
        """
        from onnx import TensorProto, helper, shape_inference

        self._nodes.append(helper.make_node("Identity", [output.name], ["output"], name="output"))

        def port(label: str, tensor: Tensor) -> ValueInfoProto:
            return helper.make_tensor_value_info(label, TensorProto.FLOAT, [1, tensor.channels, tensor.height, tensor.width])

        graph = helper.make_graph(
            self._nodes, name, [port(one.name, one) for one in inputs], [port("output", output)], list(self._weights.values())
        )
        model = helper.make_model(
            graph, producer_name="wavefill", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        helper.set_model_props(model, about)
        return shape_inference.infer_shapes(model, strict_mode=True)
