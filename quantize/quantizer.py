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

from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, WEIGHT_MAX, WEIGHT_MIN
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

ActivationObserver = Callable[[str], ObserverBase]
"""Tensor name -> the observer that watches it, or holds its scale."""


class FixedActivation(ObserverBase):
    """Scale and zero point from the table; observes nothing.

    Args:
        scale: float32 value, positive.
        zero_point: integer in [-128, 127] that stands for 0.0.
    """

    qscheme = torch.per_tensor_affine
    quant_min, quant_max = ACTIVATION_MIN, ACTIVATION_MAX

    def __init__(self, scale: float, zero_point: int) -> None:
        super().__init__(dtype=torch.int8)
        self.scale, self.zero_point = scale, zero_point

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor([self.scale], dtype=torch.float32), torch.tensor([self.zero_point])


class FixedPerChannelWeight(ObserverBase):
    """Scales of a weight from the table, one for each output channel; zero points are 0.

    Args:
        scales: (outputs,) float32.
    """

    qscheme = torch.per_channel_symmetric
    quant_min, quant_max, ch_axis = WEIGHT_MIN, WEIGHT_MAX, 0

    def __init__(self, scales: torch.Tensor) -> None:
        super().__init__(dtype=torch.int8)
        self.scales = scales

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
    """

    def __init__(
        self, activation: ActivationObserver, weight: ActivationObserver | None = None, kept: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.activation, self.weight, self.kept = activation, weight, kept

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
                annotation.output_qspec = _spec(self.activation, item.tensor, torch.per_tensor_affine)
            if item.weight is not None and item.weight in chosen.weights and self.weight is not None:
                weight = item.node.args[1]
                assert isinstance(weight, Node)
                annotation.input_qspec_map = {weight: _spec(self.weight, item.weight, torch.per_channel_symmetric, axis=0)}
            item.node.meta[Q_ANNOTATION_KEY] = annotation
        return model

    def validate(self, model: GraphModule) -> None:
        """`region` has refused what cannot be quantised."""


def _spec(observer: ActivationObserver, name: str, scheme: torch.qscheme, axis: int | None = None) -> QuantizationSpec:
    # prepare_pt2e calls the constructor with the fields of the spec; the observers know them already.
    lower, upper = (WEIGHT_MIN, WEIGHT_MAX) if axis == 0 else (ACTIVATION_MIN, ACTIVATION_MAX)
    return QuantizationSpec(torch.int8, _Constructor(observer, name), lower, upper, scheme, axis)


class _Constructor:
    """What `prepare_pt2e` takes for an observer class: something with ``with_args`` and a name."""

    def __init__(self, observer: ActivationObserver, tensor: str) -> None:
        self.observer, self.tensor = observer, tensor
        self.__name__ = f"observer of {tensor}"

    def with_args(self, **_: object) -> Callable[[], ObserverBase]:
        return lambda: self.observer(self.tensor)
