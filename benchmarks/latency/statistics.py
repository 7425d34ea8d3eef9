"""What is said of many times of one thing; the same words as the phone page's ``statistics.js``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SEED, RESAMPLES = 0, 2000


def describe(times: Sequence[float]) -> dict[str, float]:
    """Minimum, quantiles by linear interpolation, means of the first and of the last tenth, in the unit of the times."""
    tenth = max(1, len(times) // 10)
    low, middle, high = (float(value) for value in np.quantile(times, (0.5, 0.9, 0.99)))
    return {
        "runs": len(times),
        "min": min(times),
        "p50": low,
        "p90": middle,
        "p99": high,
        "first_tenth": float(np.mean(times[:tenth])),
        "last_tenth": float(np.mean(times[-tenth:])),
    }


def rounds_of(record: Mapping[str, Any]) -> Sequence[float | None]:
    """The times of a record that are compared: on one thread processor time, which other work on the host moves least."""
    rounds: Sequence[float | None] = record["processor_ms" if record["runtime"]["threads"] == 1 else "rounds_ms"]
    return rounds


def ratio_interval(over: Sequence[float | None], under: Sequence[float | None]) -> tuple[float, float, float]:
    """Ratio of two medians with its 95 % interval, by a bootstrap over the rounds that both took part in.

    Rounds are drawn as pairs: what slowed one candidate of a round down slowed the other, too.

    Args:
        over, under: times by round; None where a candidate was not run.

    Returns:
        The ratio, low and high end.

    Raises:
        ValueError: no round has both.
    """
    pairs = np.array([(a, b) for a, b in zip(over, under, strict=False) if a is not None and b is not None], np.float64)
    if not len(pairs):
        raise ValueError("no round in which both were measured")
    drawn = np.random.default_rng(SEED).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    medians = np.median(pairs[drawn], axis=1)
    low, high = np.quantile(medians[:, 0] / medians[:, 1], (0.025, 0.975))
    middle = np.median(pairs, axis=0)
    return float(middle[0] / middle[1]), float(low), float(high)
