"""Calibration: photos and masks in, QuantizationTable out."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from models.generator import Generator, with_plain_convolutions
from quantize.choose import Chooser, find_changes
from quantize.samples import COUNT as COUNT
from quantize.samples import SIZE as SIZE
from quantize.samples import Sample as Sample
from quantize.samples import samples as samples
from quantize.table import QuantizationTable
from quantize.tabulate import RANGE as RANGE
from quantize.tabulate import observe as observe
from quantize.tabulate import tabulate as tabulate


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
