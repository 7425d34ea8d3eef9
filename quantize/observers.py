"""How the range of an activation is chosen from what calibration saw.

One observer per tensor collects a histogram; a row of ``RANGES`` turns it into the range that 8 bits will cover. The histogram
spans [-2^k, 2^k); a larger value doubles the span and adds up neighbouring bins, which is exact, so that one pass is enough and
nothing depends on the order of the images.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, affine_parameters
from quantize.pt2e import ObserverBase

BINS = 8192
"""Over [-2^k, 2^k]: at least 2048 for a tensor behind a ReLU."""

Values = NDArray[np.float64]
RangeRule = Callable[[Values, Values, float, float], tuple[float, float]]
"""(counts, bin centres, smallest value, largest value) -> (low, high) to cover."""


def minmax(counts: Values, centres: Values, low: float, high: float) -> tuple[float, float]:
    """Everything that was seen."""
    return low, high


def percentile(counts: Values, centres: Values, low: float, high: float) -> tuple[float, float]:
    """All but the outer 1e-5 of the values on either side."""
    share = np.cumsum(counts) / counts.sum()
    first, last = int(np.searchsorted(share, 1e-5)), int(np.searchsorted(share, 1 - 1e-5))
    return max(low, float(centres[first])), min(high, float(centres[min(last, len(centres) - 1)]))


def mse(counts: Values, centres: Values, low: float, high: float) -> tuple[float, float]:
    """The range of least mean squared error: rounding (growing with the range) plus clipping (shrinking with it).

    Low and high are searched in turn over 100 steps from 0 to the seen extreme; two rounds suffice.
    """
    extremes = (min(low, 0.0), max(high, 0.0))
    seen = counts > 0
    counts, centres = counts[seen], np.clip(centres[seen], low, high)
    best = extremes
    for _ in range(2):
        for side in (0, 1):
            if extremes[side] == 0:
                continue
            steps = [extremes[side] * k / 100 for k in range(1, 101)]
            candidates = [(step, best[1]) if side == 0 else (best[0], step) for step in steps]
            best = min(candidates, key=lambda pair: squared_error(counts, centres, pair))
    return best


def squared_error(counts: Values, centres: Values, span: tuple[float, float]) -> float:
    """Sum over the histogram of (x - s (q - z))^2: clipping as it is, rounding at its mean s^2 / 12."""
    step = (span[1] - span[0]) / (ACTIVATION_MAX - ACTIVATION_MIN)
    clipped = centres - np.clip(centres, *span)
    return float((counts * (clipped**2 + step**2 / 12 * (clipped == 0))).sum())


def entropy(counts: Values, centres: Values, low: float, high: float) -> tuple[float, float]:
    """The range whose integers tell most of the distribution: least Kullback-Leibler divergence from it.

    Migacz, *8-bit Inference with TensorRT*, 2017: what is clipped counts with the outermost bin that is kept, and a step's share
    is spread evenly over the bins in it that hold anything. Both ends shrink together, in 100 steps. The bins next to 0 do not
    count: a ReLU fills them, and 0 is stored exactly whatever the range.
    """
    extremes = (min(low, 0.0), max(high, 0.0))
    seen = (counts > 0) & (np.abs(centres) > np.abs(centres).min())
    if not seen.any():
        return extremes
    counts, centres = counts[seen], np.clip(centres[seen], low, high)
    spans = [(extremes[0] * k / 100, extremes[1] * k / 100) for k in range(1, 101)]
    return min(reversed(spans), key=lambda span: divergence(counts, centres, span))


def divergence(counts: Values, centres: Values, span: tuple[float, float]) -> float:
    """Kullback-Leibler divergence of a histogram without empty bins, clipped to a span, from what 256 steps keep of it.

    Infinite for a span of fewer bins than steps: it loses nothing inside and would always seem the best.
    """
    inside = (centres >= span[0]) & (centres <= span[1])
    levels = ACTIVATION_MAX - ACTIVATION_MIN
    if inside.sum() <= levels:
        return math.inf
    kept = np.where(inside, counts, 0.0)
    first, last = np.flatnonzero(inside)[[0, -1]]
    clipped = kept.copy()
    clipped[first] += counts[:first].sum()
    clipped[last] += counts[last + 1 :].sum()
    steps = np.rint((np.clip(centres, *span) - span[0]) / (span[1] - span[0]) * levels).astype(np.int64)
    bins = np.bincount(steps, weights=inside, minlength=levels + 1)
    mean = np.bincount(steps, weights=kept, minlength=levels + 1) / np.maximum(bins, 1)
    spread = np.where(inside, mean[steps], 0.0)
    p, q = clipped[inside] / clipped.sum(), spread[inside] / spread.sum()
    return float((p * np.log(p / q)).sum())


RANGES: dict[str, RangeRule] = {"minmax": minmax, "percentile": percentile, "mse": mse, "entropy": entropy}


class ActivationHistogram(ObserverBase):
    """Watches one tensor.

    Args:
        name: the tensor's name, for messages.
    """

    qscheme = torch.per_tensor_affine
    quant_min, quant_max = ACTIVATION_MIN, ACTIVATION_MAX

    def __init__(self, name: str) -> None:
        super().__init__(dtype=torch.int8)
        self.name = name
        self.low, self.high = math.inf, -math.inf
        self.exponent = -24  # of the span [-2^k, 2^k]
        self.counts = torch.zeros(BINS, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Count and pass on.

        Raises:
            ValueError: infinite or undefined values.
        """
        low, high = (value.item() for value in torch.aminmax(x))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"{self.name}: values from {low} to {high}; the network gives no finite result")
        self.low, self.high = min(self.low, low), max(self.high, high)
        while 2.0**self.exponent <= max(-self.low, self.high):
            middle = self.counts.view(-1, 2).sum(1)
            self.counts = torch.nn.functional.pad(middle, (BINS // 4, BINS // 4))
            self.exponent += 1
        # Multiplying by a power of two and rounding down are exact; torch.histc rounds at the edges of bins.
        bins = torch.floor(x.flatten() * (BINS / 2 / 2.0**self.exponent)).long() + BINS // 2
        self.counts += torch.bincount(bins, minlength=BINS)
        return x

    def parameters_by(self, rule: RangeRule) -> tuple[float, int]:
        """Scale and zero point by a row of ``RANGES``."""
        if self.low == self.high:  # a constant tensor, as in a network that was never trained
            return affine_parameters(self.low, self.high or 1.0)
        edges = np.linspace(-(2.0**self.exponent), 2.0**self.exponent, BINS + 1)
        return affine_parameters(*rule(self.counts.numpy(), (edges[:-1] + edges[1:]) / 2, self.low, self.high))

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Not used: the numbers go through the table."""
        raise NotImplementedError
