"""What an ARM processor must agree on with this host, and how much less it must do for integers."""

from collections.abc import Iterable
from dataclasses import dataclass

from export.artifact.manifest import Parity
from export.tolerances import TOLERANCES

MAX_LEVELS = {"w8a8": 0, "fp32": 1, "fp16": 3}
"""Largest allowed difference of a value, by scheme. w8a8: integers are added and scaled to the same integers everywhere (the
scales of sums are chosen for it, ``quantize/ties.py``). fp32: sums in another order move a value over a rounding edge now and
then. fp16: this host computes in fp32 with rounded weights, a core with fp16 arithmetic rounds every operator; one level was
measured, and two are margin for sharper weights. Shares and decibels are held to ``export/tolerances.py``."""

INTEGER_CORE, INTEGER_RATIO = "cortex-a76", 0.5
"""On a core with the dot product, w8a8 takes at most this share of the instructions of fp32."""


@dataclass(frozen=True)
class Row:
    """One model on one processor.

    Attributes:
        core: key in ``CORES``.
        library: the runtime and its version.
        model: name of the artefact or stand-in.
        scheme: its number format.
        instructions: of one inference.
        parity: its results against this host's; None for a stand-in.
    """

    core: str
    library: str
    model: str
    scheme: str
    instructions: int
    parity: Parity | None

    def cells(self) -> list[str]:
        """As text."""
        count = f"{self.instructions / 1e6:.1f}"
        if self.parity is None:
            return [self.core, self.library, self.model, count, "-", "-", "-"]
        worst = self.parity.worst_hole_psnr_db
        figures = [f"{100 * self.parity.differing_share:.2g} %", str(self.parity.max_level_difference)]
        return [self.core, self.library, self.model, count, *figures, "equal" if worst is None else f"{worst:.1f}"]


def misses(rows: Iterable[Row]) -> list[str]:
    """Which bars are missed, one line each; empty when all are met."""
    rows = list(rows)
    return [line for row in rows for line in _unlike(row)] + _costly(rows)


def _unlike(row: Row) -> list[str]:
    """Where a row's results are further from this host's than allowed."""
    parity, bar, allowed = row.parity, TOLERANCES[row.scheme], MAX_LEVELS[row.scheme]
    if parity is None:
        return []
    where, found = f"{row.model} on {row.core} in {row.library}", []
    if parity.kept_max_difference:
        found.append(f"{where}: kept pixels differ from the photo by {parity.kept_max_difference} levels (allowed: 0)")
    if parity.max_level_difference > allowed:
        found.append(f"{where}: {parity.max_level_difference} levels from this host (allowed: {allowed})")
    if bar.differing_share is not None and parity.differing_share > bar.differing_share:
        share, most = 100 * parity.differing_share, 100 * bar.differing_share
        found.append(f"{where}: {share:.2g} % of values differ (allowed: {most:g} %)")
    worst = parity.worst_hole_psnr_db
    if bar.hole_psnr_db is not None and worst is not None and worst < bar.hole_psnr_db:
        found.append(f"{where}: {worst:.1f} dB (at least {bar.hole_psnr_db:g} dB)")
    return found


def _costly(rows: list[Row]) -> list[str]:
    """w8a8 files that do not pay on ``INTEGER_CORE``."""
    on_core = [row for row in rows if row.core == INTEGER_CORE and row.parity is not None]
    counts = {(row.library, row.model.removesuffix(row.scheme), row.scheme): row.instructions for row in on_core}
    found = []
    for (library, name, scheme), count in counts.items():
        base = counts.get((library, name, "fp32"))
        if scheme == "w8a8" and base is not None and count > INTEGER_RATIO * base:
            share = f"{count / base:.2f} of fp32's instructions on {INTEGER_CORE} (allowed: {INTEGER_RATIO})"
            found.append(f"{name}w8a8 in {library}: {share}")
    return found
