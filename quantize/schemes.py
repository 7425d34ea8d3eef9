"""SCHEMES: the number formats that artefacts come in. One row each; no row without an implementation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """One number format.

    Attributes:
        name: key in ``SCHEMES`` and last part of artefact names.
        weight_bits: bits that a weight uses. w8a8 stores int8 but uses 7 bits, [-63, 63]: with 8, sums of two products saturate
            at 16 bits in ONNX Runtime's kernels for x86 without VNNI (onnxruntime.ai, "Quantize ONNX models", reduce_range).
            Where activations are no bytes, those kernels do not come into it, and weights have all 8 bits.
        activation_bits: bits of an activation between stem and head; 32 where the runtime's own float is used.
        calibrated: whether activations have static scales, found by calibration.
        default: whether it is made where no scheme is asked for.
    """

    name: str
    weight_bits: int
    activation_bits: int
    calibrated: bool
    default: bool

    @property
    def quantised(self) -> bool:
        """Whether its weights are integers: then artefacts are compared with the quantised program, not with fp32."""
        return self.weight_bits <= 8

    @property
    def wide(self) -> bool:
        """Whether its activations are integers of 16 bits."""
        return self.calibrated and self.activation_bits == 16

    @property
    def weight_max(self) -> int:
        """Largest magnitude of a weight's integer: 63 for 7 bits, 127 for 8."""
        return int(2 ** (self.weight_bits - 1)) - 1

    @property
    def activation_range(self) -> tuple[int, int]:
        """Smallest and largest integer of an activation."""
        half = int(2 ** (self.activation_bits - 1))
        return -half, half - 1


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        #       name  weight_bits  activation_bits  calibrated  default
        Scheme("fp32", 32, 32, False, True),
        Scheme("fp16", 16, 16, False, True),
        Scheme("w8", 8, 32, False, False),
        Scheme("w8a16", 8, 16, True, False),
        Scheme("w8a8", 7, 8, True, True),
    )
}

DEFAULT_SCHEMES = tuple(name for name, scheme in SCHEMES.items() if scheme.default)
"""What ``python -m export all`` makes."""

ALIASES = {"int8": "w8a8"}
"""Words accepted on the command line; reports use the scheme's own name."""
