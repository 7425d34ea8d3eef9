"""What a w8a8 network computes, on integers alone: the table's numbers, the checkpoint's integer weights, NumPy.

The arithmetic is that of gemmlowp and its descendants (Jacob et al., *Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference*, 2018, section 2): products and sums of 8-bit integers in an accumulator of 32 bits, then one
multiplication by s_x s_w / s_y and one rounding for each result. The paper's multiplier is a fixed-point number; ONNX Runtime
(MlasRequantizeOutput) and XNNPACK (its "fp32" requantisation) multiply in float32 and round halves to even, on every processor,
and that is what stands here. Sums of two tensors are exact, because the table's scales are such that every runtime's arithmetic
gives the exact integer (``quantize/ties.py``).

So this predicts what a runtime gives, bit for bit, from the integers that enter the stem to those that leave the head. Before and
after stand the Haar transforms in float, where each runtime sums up in an order of its own: :func:`entry_integers` and
:func:`head_values` are the steps between.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Node

from models.generator import Generator, fold
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, weight_integers
from quantize.coverage import STEM_INPUT, RegionNode, region
from quantize.schemes import SCHEMES
from quantize.table import Activation, QuantizationTable

Integers = NDArray[np.int16]
"""(C, H, W): values in [-128, 127], zero points not taken off."""

INT32 = 2**31 - 1


@dataclass(frozen=True)
class Convolution:
    """One convolution in integers.

    Attributes:
        weight: (outputs, inputs / groups, kh, kw), whole numbers in [-63, 63].
        bias: (outputs,), steps of the accumulator.
        multiplier: (outputs,) float32, s_x s_w / s_y.
        entry: number format of what goes in.
        result: of what comes out.
        stride: in both directions.
        padding: zeros on all four sides; the integer that stands for zero is the zero point.
        groups: 1, or the number of channels for a depthwise one.
        relu: whether results below the zero point become the zero point.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    multiplier: NDArray[np.float32]
    entry: Activation
    result: Activation
    stride: int
    padding: int
    groups: int
    relu: bool

    def accumulate(self, x: Integers) -> NDArray[np.float64]:
        """Sum of (x - z_x) w, and the bias: whole numbers, exact in float64.

        Raises:
            OverflowError: beyond 32 bits, where a runtime would wrap around.
        """
        centred = np.pad(x.astype(np.float64) - self.entry.zero_point, ((0, 0), *2 * [(self.padding, self.padding)]))
        kh, kw = self.weight.shape[2:]
        windows = np.lib.stride_tricks.sliding_window_view(centred, (kh, kw), axis=(1, 2))[:, :: self.stride, :: self.stride]
        if self.groups == 1:
            channels, height, width = windows.shape[:3]
            columns = windows.transpose(0, 3, 4, 1, 2).reshape(channels * kh * kw, height * width)
            sums = (self.weight.reshape(len(self.weight), -1) @ columns).reshape(-1, height, width)
        else:
            sums = np.einsum("chwij,cij->chw", windows, self.weight[:, 0])
        sums = sums + self.bias[:, None, None]
        if np.abs(sums).max() > INT32:
            raise OverflowError(f"an accumulator of {np.abs(sums).max():.0f} is beyond 32 bits")
        return sums

    def __call__(self, x: Integers) -> Integers:
        """Integers in, integers out."""
        scaled = self.accumulate(x).astype(np.float32) * self.multiplier[:, None, None]
        low = self.result.zero_point if self.relu else ACTIVATION_MIN
        return np.clip(np.rint(scaled) + self.result.zero_point, low, ACTIVATION_MAX).astype(np.int16)


@dataclass(frozen=True)
class Sum:
    """A residual or skip addition: round((s_a (a - z_a) + s_b (b - z_b)) / s_c), halves to even, in float64."""

    left: Activation
    right: Activation
    result: Activation

    def __call__(self, a: Integers, b: Integers) -> Integers:
        """Two tensors of one shape in, one out."""
        terms = [np.float64(np.float32(f.scale)) * (q - np.float64(f.zero_point)) for f, q in ((self.left, a), (self.right, b))]
        rounded = np.rint((terms[0] + terms[1]) / np.float64(np.float32(self.result.scale)))
        return np.clip(rounded + self.result.zero_point, ACTIVATION_MIN, ACTIVATION_MAX).astype(np.int16)


def entry_integers(bands: NDArray[np.float32], entry: Activation) -> Integers:
    """Float values of the stem's input as integers: x / s, halves to even, as ONNX's QuantizeLinear is defined."""
    levels = np.rint(bands / np.float32(entry.scale)) + entry.zero_point
    return levels.clip(ACTIVATION_MIN, ACTIVATION_MAX).astype(np.int16)


def head_values(integers: Integers, head: Activation) -> NDArray[np.float32]:
    """What the integers of the head stand for: s (q - z)."""
    return np.float32(head.scale) * (integers - head.zero_point).astype(np.float32)


def doubled(x: Integers) -> Integers:
    """Nearest-neighbour upsampling by two."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


@dataclass(frozen=True)
class _Step:
    """One operator: what it is called, what it reads, what it computes."""

    name: str
    sources: tuple[str, ...]
    compute: Callable[..., Integers]


class IntegerReference:
    """The integer region of a quantised network, from the stem's input to the head's output.

    Args:
        generator: the network as trained.
        table: made for it.

    Raises:
        ValueError: the table keeps layers in float, or was made for another network.
    """

    def __init__(self, generator: Generator, table: QuantizationTable) -> None:
        if table.float_layers:
            raise ValueError(f"no integers alone: the table keeps {', '.join(table.float_layers)} in float")
        self.entry, self.head = table.activations[STEM_INPUT], table.activations["head"]
        self._steps = list(_steps(generator, table))

    def __call__(self, stem_input: Integers, on_tensor: Callable[[str, Integers], object] = lambda name, x: None) -> Integers:
        """Integers (C, H, W) that enter the stem in, integers that leave the head out.

        Args:
            stem_input: in [-128, 127].
            on_tensor: called with the name and the values of every tensor of the region; names are those of the table, and
                ``<name>.resize`` behind an upsampling.
        """
        values = {STEM_INPUT: stem_input}
        on_tensor(STEM_INPUT, stem_input)
        for step in self._steps:
            values[step.name] = step.compute(*(values[source] for source in step.sources))
            on_tensor(step.name, values[step.name])
        return values["head"]

    def convolutions(self) -> dict[str, Convolution]:
        """The convolutions by name."""
        return {step.name: step.compute for step in self._steps if isinstance(step.compute, Convolution)}


def _steps(generator: Generator, table: QuantizationTable) -> Iterator[_Step]:
    size = generator.spec.multiple  # the same operators at any size
    folded = table.changed(fold(generator, size, size))
    model = torch.export.export(folded, (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))).module(check_guards=False)
    parameters = {name: value.numpy() for name, value in folded.named_parameters()}
    formats = dict(table.activations)
    names: dict[Node, str] = {}
    for item in region(model):
        if item.kind == "input":
            names[item.node] = STEM_INPUT
            continue
        source = names[item.node.args[0]]  # type: ignore[index] # region has looked at it
        if item.kind == "conv":
            assert item.weight is not None
            name = item.weight.removesuffix(".weight")  # also of the tensor behind a fused ReLU
            names[item.node] = name
            yield _Step(name, (source,), _convolution(item, formats[source], name, table, parameters))
        elif item.kind == "relu":
            names[item.node] = source  # within its convolution
        elif item.kind == "resize":
            name = f"{source}.resize"
            names[item.node], formats[name] = name, formats[source]
            yield _Step(name, (source,), doubled)
        else:
            left, right = (names[argument] for argument in item.node.args[:2])  # type: ignore[index]
            assert item.tensor is not None
            names[item.node] = item.tensor
            yield _Step(item.tensor, (left, right), Sum(formats[left], formats[right], formats[item.tensor]))


def _convolution(
    item: RegionNode, entry: Activation, name: str, table: QuantizationTable, parameters: dict[str, NDArray[np.float32]]
) -> Convolution:
    assert item.weight is not None
    # aten.conv2d(input, weight, bias, stride, padding, dilation, groups); what is left out has its default.
    given = [*item.node.args, *[None] * 7]
    stride, padding, groups = given[3] or [1], given[4] or [0], given[6] or 1
    scales = np.array(table.weights[item.weight].scales, np.float32)
    result = table.activations[name]
    step, largest = np.float32(entry.scale) * scales, SCHEMES[table.scheme].weight_max
    bias = parameters[item.weight.removesuffix("weight") + "bias"].astype(np.float64)
    return Convolution(
        weight=weight_integers(parameters[item.weight], scales, largest).astype(np.float64),
        bias=np.rint(bias / (np.float64(np.float32(entry.scale)) * scales.astype(np.float64))),
        multiplier=step / np.float32(result.scale),
        entry=entry,
        result=result,
        stride=int(stride[0]),  # type: ignore[index, arg-type] # both directions alike; torch types arguments loosely
        padding=int(padding[0]),  # type: ignore[index, arg-type]
        groups=int(groups),  # type: ignore[arg-type]
        relu=item.tensor is None,
    )
