"""From images to number formats: what the observers saw of a float network, and the table that follows."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tqdm import tqdm

from models.generator import Generator, fold, with_plain_convolutions
from quantize.affine import WEIGHT_MAX, quantised_weight
from quantize.algorithms.changes import Changes
from quantize.coverage import with_operands
from quantize.lowering import prepared
from quantize.observers import RANGES, ActivationHistogram
from quantize.quantizer import CoreQuantizer
from quantize.samples import Sample
from quantize.table import Activation, QuantizationTable, Weight, integers_sha256
from quantize.ties import without_ties

RANGE = "mse"


def observe(generator: Generator, images: Sequence[Sample], *, progress: bool = True) -> dict[str, ActivationHistogram]:
    """Run the float network over the images and return what each activation's observer saw.

    Args:
        generator: the network as trained.
        images: samples of one size.
        progress: whether to show a bar with the time left on stderr (never where stderr is not a terminal).

    Raises:
        ValueError: no images, or values that are not finite.
    """
    if not images:
        raise ValueError("calibration needs at least one image")
    size = images[0].photo.shape[0]
    watched: dict[str, ActivationHistogram] = {}

    def observer(tensor: str) -> ActivationHistogram:
        return watched.setdefault(tensor, ActivationHistogram(tensor))

    module = prepared(fold(generator, size, size), size, CoreQuantizer(observer))
    with torch.no_grad():
        for sample in tqdm(images, desc="calibrating", unit="image", disable=None if progress else True):
            module(*sample.tensors())
    return watched


def tabulate(
    generator: Generator,
    checkpoint_sha256: str,
    watched: Mapping[str, ActivationHistogram],
    rule: str = RANGE,
    provenance: dict[str, Any] | None = None,
    changes: Changes | None = None,
) -> QuantizationTable:
    """Turn observations into the table.

    Args:
        generator: the network as trained.
        checkpoint_sha256: hash of its file.
        watched: what the observers saw of the network with its changes made.
        rule: row of ``RANGES``.
        provenance: kept in the table.
        changes: made to the network before it was observed.

    Raises:
        ValueError: no such rule.
    """
    if rule not in RANGES:
        raise ValueError(f"range rule {rule!r}: one of {', '.join(RANGES)} is needed")
    changes = changes or Changes()
    activations = {name: Activation(*histogram.parameters_by(RANGES[rule])) for name, histogram in watched.items()}
    activations = without_ties(activations, generator)
    weights = weight_formats(changes.applied(with_plain_convolutions(generator)), activations)
    return QuantizationTable(generator.spec.name, checkpoint_sha256, activations, weights, provenance or {}, changes=changes)


def weight_formats(network: Generator, activations: Mapping[str, Activation], largest: int = WEIGHT_MAX) -> dict[str, Weight]:
    """Scales and integers of every convolution's weight.

    Args:
        network: with plain convolutions, changes made.
        activations: formats by tensor name.
        largest: integer that a weight may be, ``Scheme.weight_max``.
    """
    parameters = {name: value.detach().numpy() for name, value in network.named_parameters()}
    found = {}
    for layer, entry in entries(network).items():
        weight, bias = (parameters[f"{layer}.{part}"] for part in ("weight", "bias"))
        scales, integers = quantised_weight(weight, bias, activations[entry].scale, largest)
        found[f"{layer}.weight"] = Weight(tuple(scales.tolist()), integers_sha256(integers))
    return found


def entries(network: Generator) -> dict[str, str]:
    """For each convolution of the region, by module path, the name of the activation that it reads."""
    found = ((item.weight, operands[0]) for item, operands in with_operands(network))
    return {weight.removesuffix(".weight"): entry for weight, entry in found if weight is not None}
