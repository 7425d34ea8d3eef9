"""Scales of sums chosen so that no runtime has to round a tie.

A residual addition computes round((a s_a + b s_b) / s_c) from two integers. Runtimes do that in their own ways (ONNX Runtime in
float32, XNNPACK with 21-bit multipliers, PyTorch in float32 in another order), whose results differ only where the real value
is within their errors of k + 1/2: for some ten of the 65,536 pairs (a, b). One unit in one place of an early layer becomes
thousands of differing pixels at the end of a sharp network. There are only that many pairs, so they can all be looked at: s_c is
raised by at most a few per cent until none of them is that close.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from models.generator import Generator, fold
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN
from quantize.coverage import region
from quantize.table import Activation

RELATIVE_ERROR = 2.0**-22
"""Error of a product with a multiplier of 21 bits, of the product."""

CANDIDATES, STEP = 200, 0.00017
"""Scales that are tried and the relative distance between them. Scales of few bits (half precision, powers of two) would be
wrong here: of their products with integers many are exactly a tie."""


def additions(generator: Generator) -> Iterator[tuple[str, str, str]]:
    """Names of operands and result of every addition of the integer region, in execution order."""
    size = generator.spec.multiple
    ports = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    model = torch.export.export(fold(generator, size, size), ports).module(check_guards=False)
    names: dict[object, str] = {}
    for item in region(model):
        if item.kind == "add":
            assert item.tensor is not None
            left, right = (names[argument] for argument in item.node.args[:2])
            yield left, right, item.tensor
        # A resize stores under the scale of what it copies; a fused convolution's result is named by its ReLU.
        if item.shares is not None:
            names[item.node] = names[item.shares]
        elif item.tensor is not None:
            names[item.node] = item.tensor


def close_pairs(a: Activation, b: Activation, scale: float) -> int:
    """How many pairs of integers have a sum whose rounding depends on the last bits of the arithmetic.

    Args:
        a: number format of one operand.
        b: of the other.
        scale: of the result.
    """
    left, right = (_steps(operand) * (operand.scale / scale) for operand in (a, b))
    total = left[:, None] + right[None, :]
    margin = RELATIVE_ERROR * (np.abs(left)[:, None] + np.abs(right)[None, :]) + 1e-9
    close = np.abs(total - np.floor(total) - 0.5) <= margin
    # Beyond the range of the result both sides of a tie are clamped to one integer.
    return int(np.count_nonzero(close & (np.abs(total) <= ACTIVATION_MAX - ACTIVATION_MIN)))


def without_ties(activations: Mapping[str, Activation], generator: Generator) -> dict[str, Activation]:
    """The same number formats with the scales of sums raised until no pair is close, or the fewest are.

    Args:
        activations: formats by tensor name.
        generator: the network that they belong to.
    """
    found = dict(activations)
    for left, right, result in additions(generator):
        first = found[result].scale
        best, fewest = first, close_pairs(found[left], found[right], first)
        for step in range(1, CANDIDATES):
            if fewest == 0:
                break
            scale = float(np.float32(first * (1 + step * STEP)))
            count = close_pairs(found[left], found[right], scale)
            if count < fewest:
                best, fewest = scale, count
        # The zero point stays: it is what 0.0 is stored as, and a larger scale covers more on both sides of it.
        found[result] = replace(found[result], scale=best)
    return found


def _steps(operand: Activation) -> np.ndarray:
    return np.arange(ACTIVATION_MIN, ACTIVATION_MAX + 1, dtype=np.float64) - operand.zero_point
