"""ALGORITHMS: what may be done to a network before it is quantised, from torch to torch. One file each, one line here."""

from collections.abc import Callable, Sequence

from models.generator import Generator
from quantize.algorithms.bias import correct_biases
from quantize.algorithms.changes import Changes
from quantize.algorithms.equalise import equalise
from quantize.samples import Sample

Algorithm = Callable[[Generator, Sequence[Sample]], Changes]
"""(network with plain convolutions, calibration images) -> the changes to make to it."""

ALGORITHMS: dict[str, Algorithm] = {
    # name            what it finds, in the order in which they are used
    "equalise": equalise,
    "correct-biases": correct_biases,
}
