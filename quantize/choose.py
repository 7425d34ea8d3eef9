"""Choices by data: which algorithms prepare a network, and by which rule each tensor's range is chosen.

Every choice is judged by what the product is judged by, the fill: hole PSNR to the float fill, mean over photos that stand apart
for this. A local measure (the error of the tensor itself) prefers what the network does not need: it is what the rules minimise.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from models.evaluation.metrics.pixels import psnr
from models.generator import Generator, fold, with_plain_convolutions
from quantize.algorithms import ALGORITHMS
from quantize.algorithms.changes import Changes
from quantize.fake_quantised import FakeQuantisedCore
from quantize.observers import RANGES, ActivationHistogram
from quantize.samples import Sample
from quantize.sensitivity.errors import errors
from quantize.table import Activation, QuantizationTable
from quantize.tabulate import observe, tabulate
from quantize.ties import without_ties

TRIALS: tuple[tuple[str, ...], ...] = ((), ("equalise",), ("equalise", "correct-biases"))
"""Algorithms that are tried together, in the order in which they are used."""

OBSERVED = 32
"""Photos that a trial of algorithms is calibrated on."""

PHOTOS = 8
"""That judge. The last of the calibration photos, which the observers see too: a range has two numbers, it cannot learn them by
heart, and what is reported is measured on other photos."""

LEAST_GAIN_DB = 0.02
"""By which another rule must be better for a tensor than the one it has: below, it is chance."""


def find_changes(network: Generator, images: Sequence[Sample], algorithms: Sequence[str]) -> Changes:
    """What some algorithms do to a network, one after the other.

    Args:
        network: as trained, or with plain convolutions.
        images: calibration images.
        algorithms: names of ``ALGORITHMS``, in order.

    Raises:
        ValueError: no such algorithm.
    """
    plain = with_plain_convolutions(network)
    found = Changes()
    for name in algorithms:
        if name not in ALGORITHMS:
            raise ValueError(f"algorithm {name!r}: one of {', '.join(ALGORITHMS)} is needed")
        new = ALGORITHMS[name](found.applied(plain), images)
        found = Changes({**found.exponents, **new.exponents}, {**found.biases, **new.biases})
    return found


class Chooser:
    """Makes the choices for one checkpoint.

    Args:
        network: as trained.
        checkpoint_sha256: hash of its file.
        images: calibration images, of one size.
        rule: row of ``RANGES`` that the search begins with.
        progress: whether to show bars on stderr (never where stderr is not a terminal).

    Attributes:
        record: what was tried and taken, JSON values for the table's provenance. Every trial has its hole PSNR to the float fill.
    """

    def __init__(
        self, network: Generator, checkpoint_sha256: str, images: Sequence[Sample], rule: str, *, progress: bool = True
    ) -> None:
        self.network, self.checkpoint_sha256, self.rule = network, checkpoint_sha256, rule
        self.observed, self.judges = images[:OBSERVED], images[-PHOTOS:]
        self.size = images[0].photo.shape[0]
        self.record: dict[str, Any] = {}
        self._quiet = None if progress else True
        self._core = fold(network, self.size, self.size)
        with torch.inference_mode():
            self._exact = [self._core(*image.tensors()) for image in self.judges]

    def changes(self) -> Changes:
        """Try every row of ``TRIALS`` and take the best."""
        tried: dict[str, float] = {}
        best: tuple[float, tuple[str, ...], Changes] | None = None
        for algorithms in tqdm(TRIALS, desc="choosing algorithms", unit="trial", disable=self._quiet):
            changes = find_changes(self.network, self.observed, algorithms)
            watched = observe(changes.applied(with_plain_convolutions(self.network)), self.observed, progress=False)
            score = self.score(tabulate(self.network, self.checkpoint_sha256, watched, self.rule, changes=changes))
            tried["+".join(algorithms) or "none"] = round(score, 3)
            if best is None or score > best[0]:
                best = score, algorithms, changes
        assert best is not None
        self.record |= {"algorithms": list(best[1]), "algorithms_tried_db": tried}
        return best[2]

    def rules(self, table: QuantizationTable, watched: Mapping[str, ActivationHistogram]) -> QuantizationTable:
        """Give each tensor, one after the other, the range rule that is best for the fill.

        Scales of sums are then raised again until every runtime adds alike (``quantize.ties``).

        Args:
            table: with one rule for all tensors.
            watched: what the observers saw.
        """
        core = FakeQuantisedCore(self._core, self.size, table)
        everything, taken = frozenset(core.names), dict.fromkeys(sorted(table.activations), self.rule)
        with torch.inference_mode():
            runs = [core.start(*image.tensors()) for image in self.judges]
            first = best = self._mean(core.finish(run, everything) for run in runs)
            names = [name for name in core.names if name in core.activations]
            for name in tqdm(names, desc="choosing ranges", unit="tensor", disable=self._quiet):
                for run in runs:  # what lies before this tensor is settled
                    core.advance(run, core.position([name]), everything)
                settled = core.activations[name]
                for rule in RANGES:
                    form = Activation(*watched[name].parameters_by(RANGES[rule]))
                    if rule == self.rule or form == settled:
                        continue
                    core.activations[name] = form
                    score = self._mean(core.finish(run, everything) for run in runs)
                    if score > best + LEAST_GAIN_DB:
                        best, settled, taken[name] = score, form, rule
                core.activations[name] = settled
        tied = dataclasses.replace(table, activations=without_ties(core.activations, self.network))
        self.record |= {"rules": taken, "rules_tried_db": {self.rule: round(first, 3), "chosen": round(best, 3)}}
        self.record["rules_tried_db"]["chosen, without ties"] = round(self.score(tied), 3)
        return tied

    def score(self, table: QuantizationTable) -> float:
        """Hole PSNR of a table's fills to the float fills in dB, mean over the judging photos."""
        core = FakeQuantisedCore(self._core, self.size, table)
        with torch.inference_mode():
            return self._mean(core.fill(*image.tensors(), core.names) for image in self.judges)

    def _mean(self, fills: Iterable[Tensor]) -> float:
        rows = [errors(fill, exact, image) for fill, exact, image in zip(fills, self._exact, self.judges, strict=True)]
        return fmean(psnr(to_float) for _, to_float in rows)
