"""Calibration: photos and masks in, QuantizationTable out."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from models.generator import Generator, fold, with_plain_convolutions
from quantize.affine import weight_integers, weight_scales
from quantize.algorithms.changes import Changes
from quantize.lowering import prepared
from quantize.observers import RANGES, ActivationHistogram
from quantize.quantizer import CoreQuantizer
from quantize.samples import COUNT as COUNT
from quantize.samples import SIZE as SIZE
from quantize.samples import Sample as Sample
from quantize.samples import samples as samples
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
    weights = dict(_weights(changes.applied(with_plain_convolutions(generator))))
    return QuantizationTable(generator.spec.name, checkpoint_sha256, activations, weights, provenance or {}, changes=changes)


def _weights(generator: Generator) -> Iterator[tuple[str, Weight]]:
    multiple = generator.spec.multiple  # any size will do: weights do not depend on it
    for name, value in fold(generator, multiple, multiple).named_parameters():
        if value.ndim == 4:
            weight = value.numpy()
            scales = weight_scales(weight)
            yield name, Weight(tuple(scales.tolist()), integers_sha256(weight_integers(weight, scales)))


def calibrate(
    generator: Generator,
    checkpoint_sha256: str,
    photos: Path,
    *,
    count: int = COUNT,
    size: int = SIZE,
    seed: int = 0,
    rule: str = RANGE,
    algorithms: Sequence[str] = (),
    choose: bool = False,
    progress: bool = True,
) -> QuantizationTable:
    """Quantise a checkpoint from photos.

    Args:
        generator: the network as trained.
        checkpoint_sha256: hash of its checkpoint file, recorded in the table.
        photos: folder of photos; use training photos, never those of the evaluation.
        count: images, each with its own mask.
        size: their height and width in pixels.
        seed: of photos, crops and masks; equal seeds and folders give equal tables.
        rule: a row of ``RANGES``.
        algorithms: names of ``ALGORITHMS``, used in order before anything is observed.
        choose: find algorithms and each tensor's rule by data (``quantize.choose``); ``rule`` is where the search begins.
        progress: whether to show a bar on stderr.

    Returns:
        The table with its provenance.

    Raises:
        ValueError: a bad folder or photo, too few photos, an unknown rule or algorithm.
    """
    from quantize.choose import Chooser, find_changes  # it calibrates itself, for its trials

    images = samples(photos, count, size=size, seed=seed)
    provenance = {
        "rule": rule,
        "count": len(images),
        "size": size,
        "seed": seed,
        "mask_families": sorted({sample.origin["mask"] for sample in images}),
        "photos": _by_name(sample.origin for sample in images),
    }
    chooser = Chooser(generator, checkpoint_sha256, images, rule, progress=progress) if choose else None
    changes = chooser.changes() if chooser else find_changes(generator, images, algorithms)
    watched = observe(changes.applied(with_plain_convolutions(generator)), images, progress=progress)
    table = tabulate(generator, checkpoint_sha256, watched, rule, provenance, changes)
    if chooser is not None:
        table = chooser.rules(table, watched)
        return dataclasses.replace(table, provenance={**provenance, "choice": chooser.record})
    if algorithms:
        return dataclasses.replace(table, provenance={**provenance, "algorithms": list(algorithms)})
    return table


def _by_name(origins: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(origins, key=lambda origin: origin["photo"])
