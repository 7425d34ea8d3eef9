"""Mixed precision by budget: the fewest layers in float with which the loss and the agreement of runtimes are as asked for.

The layers that cost most come from a sensitivity file. They are kept in that order, one more at a time, until the budget is met;
then every one that turns out not to be needed is given back, the least costly first. That is a greedy search: with fewer layers
some other combination may do, but trying all would take years.

Two figures are held to the budget, on photos:

- the loss of hole PSNR to the true photo against the float fill, mean over the photos;
- how far apart runtimes will be. They compute the same integers but for roundings, and the one that rounds most differently is
  Core ML, which has half precision around its integers. So the program is run twice, rounding as PyTorch does and rounding what
  half precision holds of each value; the hole PSNR between the two, on the worst photo, is what the parity check of an exported
  Core ML package finds within two decibels (docs/quantization.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from models.evaluation.metrics.pixels import IDENTICAL_DB, decibels
from models.generator import Generator, fold
from quantize.fake_quantised import FakeQuantisedCore, nearest, nearest_of_half
from quantize.kept import check, layers, spec_items
from quantize.samples import Sample
from quantize.sensitivity.errors import errors, float_psnr_db, photo_psnr_db
from quantize.sensitivity.file import Sensitivity
from quantize.table import QuantizationTable


@dataclass(frozen=True)
class Budget:
    """What is asked for.

    Attributes:
        max_drop_db: largest loss of hole PSNR to the true photo.
        min_parity_db: least hole PSNR between two runtimes on the worst photo.
        most: how many layers may be kept in float.
    """

    max_drop_db: float
    min_parity_db: float
    most: int


@dataclass(frozen=True)
class Figures:
    """What a choice of layers comes to, in dB; see the module.

    Attributes:
        drop_db: loss to the true photo.
        parity_db: between roundings, on the worst photo.
        to_float_db: PSNR to the float fill, of the mean squared error.
    """

    drop_db: float
    parity_db: float
    to_float_db: float

    def meets(self, budget: Budget) -> bool:
        """Whether both figures are within the budget."""
        return self.drop_db <= budget.max_drop_db and self.parity_db >= budget.min_parity_db

    def excess(self, budget: Budget) -> float:
        """By how many dB the budget is missed, both figures together; 0 if it is met."""
        return max(0.0, self.drop_db - budget.max_drop_db) + max(0.0, budget.min_parity_db - self.parity_db)


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        layers: paths of the layers to keep in float.
        figures: what they come to.
        met: whether that is within the budget.
    """

    layers: tuple[str, ...]
    figures: Figures
    met: bool


class Programs:
    """Measures choices of layers for one table.

    Args:
        network: as trained.
        table: its number formats; layers that it keeps in float already are not regarded.
        samples: photos and holes, of one size.
    """

    def __init__(self, network: Generator, table: QuantizationTable, samples: Sequence[Sample]) -> None:
        size = samples[0].photo.shape[0]
        core = fold(network, size, size)
        self.samples, self._core = samples, FakeQuantisedCore(core, size, table)
        with torch.inference_mode():
            self._exact = [core(*sample.tensors()) for sample in samples]

    def measure(self, kept: Sequence[str]) -> Figures:
        """Figures of a program that keeps some layers in float.

        Raises:
            ValueError: a layer that the network does not have.
        """
        rounded = self._core.rounded_without(kept)
        float_rows, rows, apart = [], [], []
        with torch.inference_mode():
            for sample, exact in zip(self.samples, self._exact, strict=True):
                fills = []
                for rounding in (nearest, nearest_of_half):
                    self._core.rounding = rounding
                    fills.append(self._core.fill(*sample.tensors(), rounded))
                float_rows.append(errors(exact, exact, sample))
                rows.append(errors(fills[0], exact, sample))
                apart.append(decibels(errors(fills[1], fills[0], sample)[1]))
        worst = min((value for value in apart if value is not None), default=IDENTICAL_DB)
        to_float = float_psnr_db(rows)
        return Figures(photo_psnr_db(float_rows) - photo_psnr_db(rows), worst, IDENTICAL_DB if to_float is None else to_float)


def search(programs: Programs, sensitivity: Sensitivity, budget: Budget, *, progress: bool = True) -> Found:
    """The fewest layers that meet a budget, or the best that was found.

    Args:
        programs: what measures.
        sensitivity: of the same checkpoint and table; its layers are tried in the order of what keeping each gains.
        budget: what is asked for.
        progress: whether to show a bar on stderr.
    """
    order = ranked(sensitivity)
    tried: dict[tuple[str, ...], Figures] = {}

    def measured(kept: tuple[str, ...]) -> Figures:
        if kept not in tried:
            tried[kept] = programs.measure(kept)
        return tried[kept]

    kept: tuple[str, ...] = ()
    with tqdm(desc="layers in float", unit="choice", disable=None if progress else True) as bar:
        while not measured(kept).meets(budget) and len(kept) < min(budget.most, len(order)):
            kept = (*kept, order[len(kept)])
            bar.update()
        if not measured(kept).meets(budget):
            best = min(tried, key=lambda choice: (tried[choice].excess(budget), len(choice)))
            return Found(best, tried[best], met=False)
        for layer in reversed(kept):
            fewer = tuple(name for name in kept if name != layer)
            if measured(fewer).meets(budget):
                kept = fewer
            bar.update()
    return Found(tuple(sorted(kept)), measured(kept), met=True)


def ranked(sensitivity: Sensitivity) -> list[str]:
    """Layers by how much nearer to the float fill the program comes when only this one is kept; the input is no layer."""
    gains = {name: cost.but_to_float_gain_db for name, cost in sensitivity.layers.items() if name != "analysis"}
    return sorted(gains, key=lambda name: -(IDENTICAL_DB if (gain := gains[name]) is None else gain))


def require_layers(network: Generator, names: Sequence[str]) -> None:
    """Refuse names that are no layers of a network.

    Raises:
        ValueError: naming them.
    """
    check(names, layers(spec_items(network.spec)))
