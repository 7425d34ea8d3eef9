"""From a folded generator and a table to a converted PT2E graph."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.fx import GraphModule

from quantize.integer_modules import with_module_paths
from quantize.pt2e import convert_pt2e, prepare_pt2e
from quantize.quantizer import ActivationObserver, CoreQuantizer, FixedActivation, FixedPerChannelWeight
from quantize.schemes import SCHEMES, Scheme

if TYPE_CHECKING:
    from quantize.table import Activation, Weight


def prepared(core: nn.Module, size: int, quantizer: CoreQuantizer) -> GraphModule:
    """Export a folded generator at one size and put the quantiser's observers into the graph."""
    example = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    return prepare_pt2e(torch.export.export(core, example).module(check_guards=False), quantizer)


def lower(
    core: nn.Module,
    size: int,
    activations: "Mapping[str, Activation]",
    weights: "Mapping[str, Weight]",
    *,
    fold_weights: bool,
    kept: Collection[str] = (),
    scheme: Scheme = SCHEMES["w8a8"],
) -> GraphModule:
    """Quantise with given numbers; see ``QuantizationTable.apply``.

    Raises:
        ValueError: the table and the network name different tensors, or a layer to keep is none of the network's.
    """
    quantizer = CoreQuantizer(_fixed_activations(activations, scheme), _fixed_weights(weights, scheme), kept, scheme)
    converted = convert_pt2e(prepared(core, size, quantizer), fold_quantize=fold_weights)
    return with_module_paths(converted, scheme)


def _fixed_activations(rows: "Mapping[str, Activation]", scheme: Scheme) -> ActivationObserver:
    def observer(tensor: str) -> FixedActivation:
        if tensor not in rows:
            raise ValueError(f"calibration does not fit this network: no scale for {tensor}")
        return FixedActivation(rows[tensor].scale, rows[tensor].zero_point, scheme)

    return observer


def _fixed_weights(rows: "Mapping[str, Weight]", scheme: Scheme) -> ActivationObserver:
    def observer(tensor: str) -> FixedPerChannelWeight:
        return FixedPerChannelWeight(torch.tensor(rows[tensor].scales, dtype=torch.float32), scheme)

    return observer
