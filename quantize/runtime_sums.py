"""How each runtime adds two quantised tensors, from two integers to one, so that they can be compared pair by pair.

The real sum is (s_a (a - z_a) + s_b (b - z_b)) / s_c. What is rounded to an integer differs in the last bits from one runtime to
the next; where the real sum is almost k + 1/2 the integers differ too. All of it is over the 256 x 256 pairs of integers, without
the result's zero point.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN
from quantize.table import Activation

Sums = NDArray[np.float64]
"""(256, 256) float64, whole numbers."""

UNSIGNED = 128
"""What ONNX files add to integers and zero points: they are stored as uint8 there."""

_INTEGERS = np.arange(ACTIVATION_MIN, ACTIVATION_MAX + 1)
_HALF_TOLERANCE = 1e-9
"""float64 errors of the real sum, which is at most some thousands."""


def plain_float(a: Activation, b: Activation, c: Activation) -> Sums:
    """float32, divided at the end: ONNX Runtime where it has no kernel of its own, as for WebAssembly; Core ML's operators."""
    return np.rint(_float_sum(a, b) / np.float32(c.scale)).astype(np.float64)


def reciprocal_float(a: Activation, b: Activation, c: Activation) -> Sums:
    """float32, multiplied by the rounded reciprocal: PyTorch's quantised program."""
    return np.rint(_float_sum(a, b) * np.float32(1 / c.scale)).astype(np.float64)


def _float_sum(a: Activation, b: Activation) -> NDArray[np.float32]:
    left, right = (np.float32(one.scale) * (_INTEGERS - one.zero_point).astype(np.float32) for one in (a, b))
    return left[:, None] + right[None, :]


def folded_float(a: Activation, b: Activation, c: Activation) -> Sums:
    """float32 with the zero points in one constant: ONNX Runtime on x86 with SSE2."""
    ratios, constant, zero = _folded(a, b, c)
    left, right = (((_INTEGERS + UNSIGNED).astype(np.float32) * ratio) for ratio in ratios)
    return np.rint((constant + left)[:, None] + right[None, :]).astype(np.float64) - zero


def fused_float(a: Activation, b: Activation, c: Activation) -> Sums:
    """The same by fused multiplications and additions, the second operand first: ONNX Runtime on x86 with AVX2 and later."""
    return _fused(a, b, c, first=1)


def fused_float_first(a: Activation, b: Activation, c: Activation) -> Sums:
    """The same, the first operand first: a compiler may fuse either."""
    return _fused(a, b, c, first=0)


def _fused(a: Activation, b: Activation, c: Activation, first: int) -> Sums:
    # In float64 a product of float32 with an integer of 8 bits is exact, and the sum is rounded once, like a fused one.
    ratios, constant, zero = _folded(a, b, c)
    products = [(_INTEGERS + UNSIGNED).astype(np.float64) * np.float64(ratio) for ratio in ratios]
    inner = (products[first] + np.float64(constant)).astype(np.float32).astype(np.float64)
    shape = (slice(None), None) if first == 0 else (None, slice(None))
    other = (None, slice(None)) if first == 0 else (slice(None), None)
    return np.rint((inner[shape] + products[1 - first][other]).astype(np.float32)).astype(np.float64) - zero


def _folded(a: Activation, b: Activation, c: Activation) -> tuple[list[np.float32], np.float32, float]:
    """Ratios of scales, the constant that holds all zero points, and the result's zero point."""
    ratios = [np.float32(one.scale) / np.float32(c.scale) for one in (a, b)]
    zeros = [np.float32(one.zero_point + UNSIGNED) for one in (a, b, c)]
    constant = zeros[2] - (ratios[0] * zeros[0] + ratios[1] * zeros[1])
    return ratios, constant, float(zeros[2])


def fixed_point(bits: int) -> Callable[[Activation, Activation, Activation], Sums]:
    """Integers, with multipliers of which the larger has ``bits`` bits behind its first, rounded half up."""

    def sums(a: Activation, b: Activation, c: Activation) -> Sums:
        ratios = [np.float64(np.float32(one.scale) / np.float32(c.scale)) for one in (a, b)]
        shift = bits - math.floor(math.log2(max(ratios)))
        multipliers = [int(np.rint(ratio * 2.0**shift)) for ratio in ratios]
        left, right = (
            (_INTEGERS - one.zero_point).astype(np.int64) * multiplier
            for one, multiplier in zip((a, b), multipliers, strict=True)
        )
        return ((left[:, None] + right[None, :] + (1 << (shift - 1))) >> shift).astype(np.float64)

    return sums


RUNTIMES: dict[str, Callable[[Activation, Activation, Activation], Sums]] = {
    "plain float": plain_float,
    "PyTorch": reciprocal_float,
    "ONNX Runtime, SSE2": folded_float,
    "ONNX Runtime, AVX2": fused_float,
    "ONNX Runtime, AVX2, other order": fused_float_first,
    "ONNX Runtime, ARM": fixed_point(21),
    "XNNPACK": fixed_point(20),
}
"""The arithmetics as their sources have them: MLAS's qladd.cpp and qladd_avx2.cpp, XNNPACK's xnn_init_qs8_add parameters."""


def differing_pairs(a: Activation, b: Activation, c: Activation) -> int:
    """How many of the 65,536 pairs of integers some runtime adds up to another integer than exact arithmetic does, or are a tie.

    Args:
        a: number format of one operand.
        b: of the other.
        c: of the result.
    """
    left, right = (np.float64(np.float32(one.scale)) * (_INTEGERS - one.zero_point) for one in (a, b))
    real = (left[:, None] + right[None, :]) / np.float64(np.float32(c.scale))
    lowest, highest = ACTIVATION_MIN - c.zero_point, ACTIVATION_MAX - c.zero_point
    exact = np.rint(real).clip(lowest, highest)
    # Beyond the result's range both sides of a tie are clamped to one integer.
    differs = (np.abs(real - np.floor(real) - 0.5) < _HALF_TOLERANCE) & (real > lowest) & (real < highest)
    for sums in RUNTIMES.values():
        differs |= sums(a, b, c).clip(lowest, highest) != exact
    return int(np.count_nonzero(differs))
