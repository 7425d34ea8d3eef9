"""Scales of sums chosen so that every runtime adds to the same integer.

A residual addition computes round((a s_a + b s_b) / s_c) from two integers. Runtimes do that in their own ways
(``quantize/runtime_sums.py``), whose results differ only where the real value is within their errors of k + 1/2: for some of the
65,536 pairs (a, b). One unit in one place of an early layer becomes thousands of differing pixels at the end of a sharp network.
There are only that many pairs, so they can all be looked at: s_c is raised by a few per mille until every runtime has every pair
right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from models.generator import Generator, fold
from quantize.coverage import region
from quantize.runtime_sums import differing_pairs
from quantize.table import Activation

CANDIDATES, STEP = 400, 0.000085
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


def without_ties(activations: Mapping[str, Activation], generator: Generator) -> dict[str, Activation]:
    """The same number formats with the scales of sums raised until no pair differs, or the fewest do.

    Args:
        activations: formats by tensor name.
        generator: the network that they belong to.
    """
    found = dict(activations)
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
