"""Quantisation-aware fine-tuning: the training of ``python -m models train``, of what the quantised program computes.

In every step the network is run as its table says: weights, biases and activations rounded to the table's grids, so that the
losses see the fill that ships; gradients pass the roundings as if they were not there, and are cut off where a value is clamped
(Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, 2018, section 3;
Bengio et al., *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013, for the straight-through estimator). The
scales of activations stay those of the calibration; those of weights follow the weights, as calibration would choose them.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import sha256
from models.generator import Generator, NormalisedConv2d, with_plain_convolutions
from models.training.student import Student
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, weight_integers, weight_scales, with_room_for_bias
from quantize.algorithms.groups import groups
from quantize.coverage import STEM_INPUT
from quantize.integer_modules import on_integers
from quantize.kept import plan, spec_items
from quantize.table import Activation, QuantizationTable, calibration_path
from quantize.tabulate import entries, weight_formats


class QuantisedForward:
    """Runs a generator in training as its table's program, bit for bit in float32, and lets gradients through.

    Args:
        generator: whose architecture it is; its weights are not kept.
        table: number formats and changes.

    Raises:
        ValueError: the table is of another architecture.
    """

    def __init__(self, generator: Generator, table: QuantizationTable) -> None:
        self._plain = with_plain_convolutions(generator)
        self._table = table
        self._factors = _factors(generator, table)
        self._entries = entries(self._plain)
        stored = plan(spec_items(generator.spec), table.float_layers)
        self._weights, self._stored = stored.weights, stored.tensors
        for name in sorted(self._stored):
            module = self._plain.grain if name == STEM_INPUT else self._plain.get_submodule(name)
            module.register_forward_hook(_rounding(table.activations[name]))

    def __call__(self, generator: Generator, normalised: Tensor, hole: Tensor) -> Tensor:
        """(N, 3, H, W) and (N, 1, H, W) as for :class:`Generator`; (N, 3, H, W)."""
        self._plain.to(normalised.device)
        fill: Tensor = torch.func.functional_call(self._plain, self._parameters(generator), (normalised, hole))
        return fill

    def _parameters(self, generator: Generator) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, layer in generator.named_modules():
            if not isinstance(layer, NormalisedConv2d):
                continue
            by = self._factors[name]
            # Folded and changed as for deployment (models.generator.fold, Changes.applied).
            weight = layer.effective_weight(torch.float64).to(layer.weight.dtype) * by.weight.to(layer.weight.device)
            bias = layer.bias * by.bias.to(layer.bias.device) + by.offset.to(layer.bias.device)
            if f"{name}.weight" in self._weights:
                entry = self._table.activations[self._entries[name]]
                scales = with_room_for_bias(weight_scales(_numpy(weight)), _numpy(bias), entry.scale)
                integers = torch.from_numpy(weight_integers(_numpy(weight), scales)).to(weight.device).float()
                factors = torch.from_numpy(scales).to(weight.device)
                weight = straight_through(weight, integers * factors.view(-1, 1, 1, 1))
                if self._entries[name] in self._stored:  # integers in: the bias is added to their accumulator
                    bias = straight_through(bias, on_integers(bias.detach(), entry.scale * factors.double()))
            found[f"{name}.weight"], found[f"{name}.bias"] = weight, bias
        return found


def straight_through(exact: Tensor, rounded: Tensor) -> Tensor:
    """The values of ``rounded``, bit for bit, with the gradient of ``exact``."""
    return rounded + (exact - exact.detach())


def _numpy(values: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = values.detach().contiguous().cpu().numpy()
    return found


def _rounding(form: Activation) -> Callable[[nn.Module, object, Tensor], Tensor]:
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        # A convolution whose ReLU is fused has a format that begins at 0: clamping to it is the ReLU.
        return torch.fake_quantize_per_tensor_affine(output, form.scale, form.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)

    return hook


@dataclass(frozen=True)
class _Factors:
    """What a table's changes multiply a convolution's weight and bias by, and add to the bias."""

    weight: Tensor
    bias: Tensor
    offset: Tensor


def _factors(generator: Generator, table: QuantizationTable) -> Mapping[str, _Factors]:
    found = {}
    for name, layer in generator.named_modules():
        if isinstance(layer, NormalisedConv2d):
            outputs = layer.out_channels
            found[name] = _Factors(torch.ones(outputs, 1, 1, 1), torch.ones(outputs), torch.zeros(outputs))
    known = {group.name: group for group in groups(generator.spec)}
    for group, powers in table.changes.exponents.items():
        if group not in known:
            raise ValueError(f"calibration does not fit this network: it has no channels {group!r} to scale")
        by = torch.exp2(torch.tensor(powers, dtype=torch.float32))
        for maker in known[group].makers:
            one = found[maker]
            found[maker] = dataclasses.replace(one, weight=one.weight * by.view(-1, 1, 1, 1), bias=one.bias * by)
        for reader in known[group].readers:
            layer, one = generator.get_submodule(reader), found[reader]
            assert isinstance(layer, NormalisedConv2d)
            # Of a depthwise convolution, output channel c reads input channel c alone.
            shape = (-1, 1, 1, 1) if layer.groups > 1 else (1, -1, 1, 1)
            found[reader] = dataclasses.replace(one, weight=one.weight / by.view(shape))
    for name, corrections in table.changes.biases.items():
        if name not in found:
            raise ValueError(f"calibration does not fit this network: {name!r} is no convolution of it")
        found[name] = dataclasses.replace(found[name], offset=torch.tensor(corrections, dtype=torch.float32))
    return found


def table_of(generator: Generator, checkpoint_sha256: str, table: QuantizationTable, record: dict[str, Any]) -> QuantizationTable:
    """The table of fine-tuned weights: activations, changes and layers in float as before, the weights' formats their own.

    Args:
        generator: as trained.
        checkpoint_sha256: of its file.
        table: that it was trained with.
        record: what the table's provenance says of the training.
    """
    changed = table.changes.applied(with_plain_convolutions(generator))
    return dataclasses.replace(
        table,
        checkpoint_sha256=checkpoint_sha256,
        weights=weight_formats(changed, table.activations),
        provenance={**table.provenance, "finetuned": record},
    )


@dataclass(frozen=True)
class QuantisedStudent(Student):
    """A student that is trained as its table's program, and publishes a table beside each checkpoint.

    Attributes:
        table: that the run began with.
    """

    table: QuantizationTable = dataclasses.field(kw_only=True)

    def publish(self) -> None:
        """A checkpoint and its table."""
        super().publish()
        record = {"table_sha256": self.table.sha256(), "step": self.state.step, "config": self.config.to_json()}
        own = table_of(self.state.shipped, sha256(self.product), self.table, record)
        own.save(calibration_path(self.product))
