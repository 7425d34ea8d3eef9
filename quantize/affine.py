"""The arithmetic of w8a8: affine activations and symmetric weights.

Activations: q = clamp(round(x / s) + z, -128, 127), x = s (q - z)  (Jacob et al., *Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference*, 2018, eq. 1), one (s, z) for each tensor. Weights: the same with z = 0 and one
s for each output channel, in 7 bits.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ACTIVATION_MIN: Final = -128
ACTIVATION_MAX: Final = 127
WEIGHT_MIN: Final = -63
WEIGHT_MAX: Final = 63
"""7 bits: ONNX Runtime's default x86 kernels add two products u8 x s8 in 16 bits; 2 x 255 x 63 fits, 2 x 255 x 127 does not."""


def affine_parameters(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point that cover [low, high] and hit 0.0 exactly (zero padding must be exact).

    Args:
        low: smallest value to represent; taken as 0 where positive.
        high: largest value to represent; taken as 0 where negative.

    Returns:
        (scale, zero point); the scale is a float32 value.

    Raises:
        ValueError: the range is empty or not finite.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if not np.isfinite([low, high]).all() or high == low:
        raise ValueError(f"range [{low}, {high}]: a finite range with more than one value is needed")
    scale = float(np.float32((high - low) / (ACTIVATION_MAX - ACTIVATION_MIN)))
    if scale == 0:
        raise ValueError(f"range [{low}, {high}]: too small for a float32 scale")
    zero_point = round(ACTIVATION_MIN - low / scale)
    return scale, min(max(zero_point, ACTIVATION_MIN), ACTIVATION_MAX)


def weight_scales(weight: NDArray[np.float32], largest: int = WEIGHT_MAX) -> NDArray[np.float32]:
    """Scale of each output channel: the largest magnitude becomes the largest integer.

    Args:
        weight: (outputs, inputs, kh, kw).
        largest: integer, ``Scheme.weight_max``.

    Returns:
        (outputs,) float32; 1 / largest for a channel of zeros.
    """
    reach = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
    return (np.where(reach > 0, reach, 1) / largest).astype(np.float32)


LARGEST_BIAS = 2**22
"""Steps of the accumulator. Programs and files pass biases on as float32, which tells whole numbers apart up to 2^23; half of
that leaves room for the input's scale to be chosen smaller afterwards."""


def with_room_for_bias(scales: NDArray[np.float32], bias: NDArray[np.float32], entry_scale: float) -> NDArray[np.float32]:
    """The scales, larger where a bias would be more than ``LARGEST_BIAS`` steps: channels of tiny weights, which hardly vary.

    Args:
        scales: (outputs,) of a convolution's weight.
        bias: (outputs,).
        entry_scale: of what the convolution reads; a step is this times the scale of the weight.
    """
    return np.maximum(scales, (np.abs(bias) / (entry_scale * LARGEST_BIAS)).astype(np.float32))


def weight_integers(weight: NDArray[np.float32], scales: NDArray[np.float32], largest: int = WEIGHT_MAX) -> NDArray[np.int8]:
    """clamp(round(w / s), -largest, largest) as torch computes it (w times the float32 reciprocal of s, halves to even).

    Args:
        weight: (outputs, inputs, kh, kw) float32.
        scales: (outputs,) float32.
        largest: integer, ``Scheme.weight_max``.

    Returns:
        int8 of the weight's shape.
    """
    inverse = (np.float32(1) / scales.astype(np.float32)).reshape(-1, *(1,) * (weight.ndim - 1))
    return np.clip(np.rint(weight.astype(np.float32) * inverse), -largest, largest).astype(np.int8)


def quantised_weight(
    weight: NDArray[np.float32], bias: NDArray[np.float32], entry_scale: float, largest: int = WEIGHT_MAX
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Scales and integers of a convolution's weight, with room for its bias; arguments as for the functions above."""
    scales = with_room_for_bias(weight_scales(weight, largest), bias, entry_scale)
    return scales, weight_integers(weight, scales, largest)
