"""Our PT2E quantiser: everything from the stem's input to the head's output is integer.

A PT2E quantiser (torchao, `Quantizer`) says which tensors of an exported graph are quantised and how; `prepare_pt2e` then puts an
observer on each and `convert_pt2e` replaces the observers by a quantise/dequantise pair. The quantisers that come with the
toolkits leave residual additions in float between such pairs, and nothing gets faster; this one annotates *every* operator of
the region and refuses a graph with one that it does not know, so that the runtimes find one contiguous integer region.

Only outputs are annotated, never inputs: a tensor has one producer, so it gets exactly one scale, however many consumers it has
(a residual stream has two, a skip connection three). The fixed Haar transforms at both ends stay in float.
"""

from collections.abc import Callable, Collection

import torch
from torch.fx import GraphModule, Node

from quantize.coverage import region
from quantize.kept import plan
from quantize.pt2e import (
    Q_ANNOTATION_KEY,
    ObserverBase,
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
    SharedQuantizationSpec,
)
from quantize.schemes import SCHEMES, Scheme

ActivationObserver = Callable[[str], ObserverBase]
"""Tensor name -> the observer that watches it, or holds its scale."""


class FixedActivation(ObserverBase):
    """Scale and zero point from the table; observes nothing.

    Args:
        scale: float32 value, positive.
        zero_point: integer that stands for 0.0, in the scheme's range.
        scheme: says how many bits an activation has.
    """

    qscheme = torch.per_tensor_affine

    def __init__(self, scale: float, zero_point: int, scheme: Scheme = SCHEMES["w8a8"]) -> None:
        super().__init__(dtype=stored_type(scheme.activation_bits))
        self.scale, self.zero_point = scale, zero_point
        self.quant_min, self.quant_max = scheme.activation_range

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor([self.scale], dtype=torch.float32), torch.tensor([self.zero_point])


class FixedPerChannelWeight(ObserverBase):
    """Scales of a weight from the table, one for each output channel; zero points are 0.

    Args:
        scales: (outputs,) float32.
        scheme: says how many bits a weight uses.
    """

    qscheme = torch.per_channel_symmetric
    ch_axis = 0

    def __init__(self, scales: torch.Tensor, scheme: Scheme = SCHEMES["w8a8"]) -> None:
        super().__init__(dtype=stored_type(scheme.weight_bits))
        self.scales = scales
        self.quant_min, self.quant_max = -scheme.weight_max, scheme.weight_max

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.scales, torch.zeros(len(self.scales), dtype=torch.int64)


class CoreQuantizer(Quantizer):
    """Annotates the region between the two Haar transforms.

    Args:
        activation: gives the observer of each activation by its name.
        weight: likewise for each weight; None leaves weights in float (while activations are being observed).
        kept: layers that compute in float (``quantize.kept``).
        scheme: number format.
    """

    def __init__(
        self,
        activation: ActivationObserver,
        weight: ActivationObserver | None = None,
        kept: Collection[str] = (),
        scheme: Scheme = SCHEMES["w8a8"],
    ) -> None:
        super().__init__()
        self.activation, self.weight, self.kept, self.scheme = activation, weight, kept, scheme

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark every tensor of the region with its number format.

        Raises:
            ValueError: an operator in the region has no integer form here, or the region is not found; or a layer to keep is not.
        """
        items = list(region(model))
        chosen = plan(items, self.kept)
        for item in items:
            annotation = QuantizationAnnotation(_annotated=True)
            stored = item.node in chosen.outputs
            if item.shares is not None and stored:
                # Nearest-neighbour resizing copies values: runtimes want the same scale on both sides.
                annotation.output_qspec = SharedQuantizationSpec(item.shares)
            elif item.tensor is not None and stored:
                annotation.output_qspec = _activation_spec(self.activation, item.tensor, self.scheme)
            if item.weight is not None and item.weight in chosen.weights and self.weight is not None:
                weight = item.node.args[1]
                assert isinstance(weight, Node)
                annotation.input_qspec_map = {weight: _weight_spec(self.weight, item.weight, self.scheme)}
            item.node.meta[Q_ANNOTATION_KEY] = annotation
        return model

    def validate(self, model: GraphModule) -> None:
        """`region` has refused what cannot be quantised."""


def stored_type(bits: int) -> torch.dtype:
    """The integers that so many bits are stored in."""
    return torch.int8 if bits <= 8 else torch.int16


# prepare_pt2e calls the constructor with the fields of the spec; the observers know them already.


def _activation_spec(observer: ActivationObserver, name: str, scheme: Scheme) -> QuantizationSpec:
    made, stored = _Constructor(observer, name), stored_type(scheme.activation_bits)
    return QuantizationSpec(stored, made, *scheme.activation_range, torch.per_tensor_affine)


def _weight_spec(observer: ActivationObserver, name: str, scheme: Scheme) -> QuantizationSpec:
    made, largest = _Constructor(observer, name), scheme.weight_max
    return QuantizationSpec(stored_type(scheme.weight_bits), made, -largest, largest, torch.per_channel_symmetric, 0)


class _Constructor:
    """What `prepare_pt2e` takes for an observer class: something with ``with_args`` and a name."""

    def __init__(self, observer: ActivationObserver, tensor: str) -> None:
        self.observer, self.tensor = observer, tensor
        self.__name__ = f"observer of {tensor}"

    def with_args(self, **_: object) -> Callable[[], ObserverBase]:
        return lambda: self.observer(self.tensor)
