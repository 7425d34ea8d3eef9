"""SCHEMES: the number formats that artefacts come in. One row each; no row without an implementation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """One number format.

    Attributes:
        name: key in ``SCHEMES`` and last part of artefact names.
        weight_bits: bits that a weight uses. w8a8 stores int8 but uses 7 bits, [-63, 63]: with 8, sums of two products saturate
            at 16 bits in ONNX Runtime's kernels for x86 without VNNI (onnxruntime.ai, "Quantize ONNX models", reduce_range).
        activation_bits: bits of an activation between stem and head.
        calibrated: whether activations have static scales, found by calibration.
    """

    name: str
    weight_bits: int
    activation_bits: int
    calibrated: bool


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        #       name  weight_bits  activation_bits  calibrated
        Scheme("fp32", 32, 32, False),
        Scheme("fp16", 16, 16, False),
        Scheme("w8a8", 7, 8, True),
    )
}

ALIASES = {"int8": "w8a8"}
"""Words accepted on the command line; reports use the scheme's own name."""
