"""Scales chosen so that every runtime rounds to the same integer: of sums, and of what enters the stem.

A residual addition computes round((a s_a + b s_b) / s_c) from two integers. Runtimes do that in their own ways
(``quantize/runtime_sums.py``), whose results differ only where the real value is within their errors of k + 1/2: for some of the
65,536 pairs (a, b). One unit in one place of an early layer becomes thousands of differing pixels at the end of a sharp network.
There are only that many pairs, so they can all be looked at: s_c is raised by a few per mille until every runtime has every pair
right.

What enters the stem is rounded from float: the Haar bands of a photo, which each runtime sums up in its own order. The photo is
made of bytes, so a band takes a few thousand values, the whole multiples of one number; its scale is raised until none of them is
near k + 1/2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from models.generator import Generator
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN
from quantize.coverage import STEM_INPUT, with_operands
from quantize.runtime_sums import differing_pairs
from quantize.table import Activation

CANDIDATES, STEP = 400, 0.000085
"""Scales that are tried and the relative distance between them. Scales of few bits (half precision, powers of two) would be
wrong here: of their products with integers many are exactly a tie."""


def additions(generator: Generator) -> Iterator[tuple[str, str, str]]:
    """Names of operands and result of every addition of the integer region, in execution order."""
    for item, operands in with_operands(generator):
        if item.kind == "add":
            assert item.tensor is not None
            yield operands[0], operands[1], item.tensor


ENTRY_DISTANCE = 2e-4
"""Steps that every value at the entry stays away from k + 1/2. Runtimes differ by up to 5e-6 (sums of 16 numbers in float32); the
bound for the worst order of summing is 6e-5."""


def entry_distance(entry: Activation, generator: Generator) -> float:
    """How close the values that can enter the stem come to k + 1/2, in steps.

    A pixel is (2 k - 255) / 255, or 0 in the hole; a band of L Haar levels is gain / 2^L times a sum of 4^L of them with signs: a
    multiple of gain / (2^L 255). The bands of the hole (multiples of gain / 2^L) and the noise (multiples of 1 / 255) are among
    these multiples, because a gain of 1 is always looked at.

    Args:
        entry: number format of the stem's input.
        generator: its spec says levels and gains.
    """
    spec, nearest = generator.spec, 0.5
    for gain in {*spec.band_gains, 1.0}:
        most = 4**spec.haar_levels * 255
        unit = gain / (2**spec.haar_levels * 255) / np.float64(np.float32(entry.scale))
        values = unit * np.arange(-most, most + 1)
        # Beyond the range both sides of a tie are clamped to one integer.
        inside = values[(values > ACTIVATION_MIN - entry.zero_point) & (values < ACTIVATION_MAX - entry.zero_point)]
        nearest = min(nearest, float(np.abs(inside - np.floor(inside) - 0.5).min()))
    return nearest


def entry_without_ties(entry: Activation, generator: Generator) -> Activation:
    """The same number format with its scale raised until the values keep ``ENTRY_DISTANCE``, or as far as they do."""
    best, furthest = entry, -1.0
    for step in range(CANDIDATES):
        candidate = replace(entry, scale=float(np.float32(entry.scale * (1 + step * STEP))))
        distance = entry_distance(candidate, generator)
        if distance > furthest:
            best, furthest = candidate, distance
        if furthest >= ENTRY_DISTANCE:
            break
    return best


def without_ties(activations: Mapping[str, Activation], generator: Generator) -> dict[str, Activation]:
    """The same number formats, the scales of sums raised until no pair differs, or the fewest do, and that of the stem's input.

    Args:
        activations: formats by tensor name.
        generator: the network that they belong to.
    """
    found = dict(activations)
    if STEM_INPUT in found:  # not where the stem is kept in float
        found[STEM_INPUT] = entry_without_ties(found[STEM_INPUT], generator)
    for left, right, result in additions(generator):
        first = found[result].scale
        best, fewest = first, differing_pairs(found[left], found[right], found[result])
        for step in range(1, CANDIDATES):
            if fewest == 0:
                break
            scale = float(np.float32(first * (1 + step * STEP)))
            count = differing_pairs(found[left], found[right], replace(found[result], scale=scale))
            if count < fewest:
                best, fewest = scale, count
        # The zero point stays: it is what 0.0 is stored as, and a larger scale covers more on both sides of it.
        found[result] = replace(found[result], scale=best)
    return found
