"""What answers say: how often one method is preferred to another, with an interval and the probability of chance."""

import math
from dataclasses import dataclass

Z95 = 1.959963984540054
"""Quantile 0.975 of the normal distribution."""


@dataclass(frozen=True)
class Preference:
    """Answers to all pairs of two methods.

    Attributes:
        first: name of one method.
        second: of the other.
        wins: how often the first was preferred.
        losses: how often the second was.
        equal: how often neither.
    """

    first: str
    second: str
    wins: int
    losses: int
    equal: int

    @property
    def share(self) -> float:
        """Of the answers that prefer one, those that prefer the first; one half where there are none."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else 0.5


def wilson(wins: int, count: int, z: float = Z95) -> tuple[float, float]:
    """Score interval of a share (Wilson, 1927): it stays between 0 and 1 and holds for few answers, too.

    Args:
        wins: successes.
        count: trials; 0 gives (0, 1).
        z: quantile of the normal distribution; default: 95 %.
    """
    if not count:
        return 0.0, 1.0
    p, square = wins / count, z * z
    middle = (p + square / (2 * count)) / (1 + square / count)
    half = z / (1 + square / count) * math.sqrt(p * (1 - p) / count + square / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def by_chance(wins: int, count: int) -> float:
    """Two-sided exact probability that a fair coin is at least as uneven (binomial test, p = 1/2)."""
    if not count:
        return 1.0
    least = min(wins, count - wins)
    return min(1.0, 2 * sum(math.comb(count, k) for k in range(least + 1)) / 2**count)
