"""A comparison with older records: what became slower, beyond what two runs on one host differ by.

Two runs meet two states of a host. Where both runs measured single convolutions as well (``latency`` does), times are taken in
units of the convolution that their runs have in common: the same file, so that it cancels the host. Intervals are 95 %, by a
bootstrap over rounds. Records without rounds (phones) are compared by their medians, without an interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.latency.statistics import rounds_of
from benchmarks.records.files import identity

Record = Mapping[str, Any]

YARDSTICK = "convolution fp32"
RESAMPLES, SEED = 2000, 0


@dataclass(frozen=True)
class Change:
    """One thing that was measured in both.

    Attributes:
        name: artefact, runtime and threads.
        ratio: new over old; above 1 is slower.
        low, high: ends of the interval; None where there is none.
        basis: what the ratio is of.
    """

    name: str
    ratio: float
    low: float | None
    high: float | None
    basis: str

    def slower_than(self, threshold: float) -> bool:
        """Whether it is slower by more than a factor, also at the near end of its interval."""
        return (self.ratio if self.low is None else self.low) > threshold


def changes(new: Sequence[Record], old: Sequence[Record]) -> list[Change]:
    """Everything that both hold, in the order of the new ones; convolutions, which are the yardstick, excepted.

    Raises:
        ValueError: they have nothing in common.
    """
    before = {identity(one): one for one in old}
    pairs = [(one, before[identity(one)]) for one in new if identity(one) in before and "times_ms" in one]
    found = [_change(a, b, new, old) for a, b in pairs if not a["artifact"]["name"].startswith("convolution")]
    if not found:
        raise ValueError("the older records are about other things or another host; nothing can be compared")
    return found


def _change(one: Record, other: Record, new: Sequence[Record], old: Sequence[Record]) -> Change:
    runtime = one["runtime"]
    name = f"{one['artifact']['name']}, {runtime['name']}, {runtime['threads']:g} threads"
    if "rounds_ms" not in one or "rounds_ms" not in other:
        return Change(name, one["times_ms"]["p50"] / other["times_ms"]["p50"], None, None, "medians")
    ours, theirs = _yardsticks(one, new), _yardsticks(other, old)
    shared = [key for key in ours if key in theirs]
    if shared:
        # The steadiest would be chosen by its own noise; the first of the names is chosen by nothing.
        key = min(shared)
        a, b = _bootstrap(one, ours[key]), _bootstrap(other, theirs[key])
        basis = f"in units of {ours[key]['artifact']['name']}"
    else:
        a, b, basis = _bootstrap(one, None), _bootstrap(other, None), "medians"
    low, high = np.quantile(a[1:] / b[1:], (0.025, 0.975))
    return Change(name, float(a[0] / b[0]), float(low), float(high), basis)


def _yardsticks(one: Record, records: Sequence[Record]) -> dict[str, Record]:
    """Convolutions of the same run on as many threads, by the hash of their file."""
    return {
        other["artifact"]["sha256"]: other
        for other in records
        if other["kind"] == "host"
        and other["artifact"]["name"].startswith(YARDSTICK)
        and other["run"]["id"] == one["run"]["id"]
        and other["runtime"]["threads"] == one["runtime"]["threads"]
    }


def _bootstrap(one: Record, yardstick: Record | None) -> np.ndarray:
    """The median of the rounds, over that of the yardstick's in the same rounds; first as it is, then resampled."""
    own = rounds_of(one)
    rounds = rounds_of(yardstick) if yardstick else [1.0] * len(own)
    pairs = np.array([(a, b) for a, b in zip(own, rounds, strict=False) if None not in (a, b)], np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    medians = np.vstack([np.median(pairs, axis=0), np.median(pairs[drawn], axis=1)])
    return np.asarray(medians[:, 0] / medians[:, 1])
