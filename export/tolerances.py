"""TOLERANCES: how close an artefact must be to its PyTorch reference. One row for each scheme, with the reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """Limits for one scheme; None where a figure is not limited.

    Attributes:
        max_level_difference: largest allowed difference of two uint8 values in the hole.
        differing_share: largest allowed share of values in the hole that differ.
        hole_psnr_db: smallest allowed PSNR in the hole, for the worst probe.
        reason: why these numbers.
    """

    max_level_difference: int | None
    differing_share: float | None
    hole_psnr_db: float | None
    reason: str


TOLERANCES: dict[str, Bar] = {
    "fp32": Bar(
        max_level_difference=1,
        differing_share=1e-3,
        hole_psnr_db=None,
        reason="float sums in another order differ by about 1e-6 of the range, which moves a value over a rounding edge once in "
        "some thousand times and never by two levels",
    ),
    "fp16": Bar(
        max_level_difference=None,
        differing_share=None,
        hole_psnr_db=50.0,
        reason="11 bits of significand, rounded at every layer, are good for a fraction of a level; 50 dB is 0.8 levels rms",
    ),
    "w8": Bar(
        max_level_difference=None,
        differing_share=None,
        hole_psnr_db=50.0,
        reason="the reference has the same integer weights, so what is left is float arithmetic: fp32's in ONNX and LiteRT "
        "(test_wide_schemes.py holds them to the bar of fp32) and fp16's in Core ML, where scales are in half precision, too",
    ),
    "w8a16": Bar(
        max_level_difference=2,
        differing_share=None,
        hole_psnr_db=55.0,
        reason="a step of 16 bits is some hundredths of a level. What runtimes round differently are steps (LiteRT multiplies by "
        "16 bits of a ratio of scales), and only values beside a rounding edge of the result show them. One level of a fifth of "
        "the values is 55 dB; a scale that is wrong in one layer, or 8 bits in one, lands under 50 dB",
    ),
    "w8a8": Bar(
        max_level_difference=None,
        differing_share=None,
        hole_psnr_db=40.0,
        reason="runtimes round the same integer program differently by one unit in places (half precision around the integers, "
        "sums of the Haar transform in another order), which spreads; a network that makes texture amplifies it as it amplifies "
        "8-bit rounding itself. 40 dB is 2.6 levels rms; shipped files have 42 to 44, saturation or a wrong scale lands under 25",
    ),
}

BETWEEN_BACKENDS_DB = {"w8": 50.0, "w8a16": 55.0, "w8a8": 40.0}
"""The same bar between any two backends that run one quantised program: two roundings apart, held to one."""

REPEAT_DB = 3.0
"""How far a repeated measurement of a PSNR may be from the manifest's. On one machine it is equal; another processor sums in
another order, and one integer that is rounded differently for it moves w8a8 figures by a decibel or two."""

REPEAT_SHARE = 5e-4
"""The same for the share of differing values: half of the fp32 bar, or half of the share where that is more."""
