"""Quantisation-aware fine-tuning: the training of ``python -m models train``, of what the quantised program computes.

In every step the network is run as its table says: weights, biases and activations rounded to the table's grids, so that the
losses see the fill that ships; gradients pass the roundings as if they were not there, and are cut off where a value is clamped
(Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, 2018, section 3;
Bengio et al., *Estimating or Propagating Gradients Through Stochastic Neurons*, 2013, for the straight-through estimator). The
scales of activations stay those of the calibration; those of weights follow the weights, as calibration would choose them.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import sha256
from models.generator import Generator, NormalisedConv2d, with_plain_convolutions
from models.training.student import Student
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, quantised_weight
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
        self._changes = table.changes.by_layer(generator)
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
            # Folded and changed as for deployment (models.generator.fold, Changes.applied).
            weight: Tensor = layer.effective_weight(torch.float64).to(layer.weight.dtype)
            bias: Tensor = layer.bias
            if name in self._changes:
                weight, bias = self._changes[name].weight(weight), self._changes[name].bias(bias)
            if f"{name}.weight" in self._weights:
                entry = self._table.activations[self._entries[name]]
                found_scales, integers = quantised_weight(_numpy(weight), _numpy(bias), entry.scale)
                factors = torch.from_numpy(found_scales).to(weight.device)
                weight = straight_through(weight, torch.from_numpy(integers).to(factors) * factors.view(-1, 1, 1, 1))
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
