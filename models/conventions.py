"""The one file that holds pixel range, mask polarity, layouts and subband order.

Everything else in the project imports these names; a second copy of any of these numbers is a defect.
"""

from typing import Final

# ---------------------------------------------------------------- pixels and masks at the public signature
PIXEL_MAX: Final = 255.0
"""Public images are uint8 in 0..255, RGB."""

MASK_THRESHOLD: Final = 128
"""Public masks are uint8: ``mask >= 128`` means fill (the hole), ``mask < 128`` means keep (known)."""

POLARITY: Final = "mask >= 128: fill, mask < 128: keep"
RANGE: Final = "uint8 0..255"

LAYOUTS: Final = {
    "NHWC": "image (1, H, W, 3), mask (1, H, W, 1), result (1, H, W, 3), uint8 RGB",
    "ImageType": "image RGB, mask grayscale, result RGB, H x W, 8 bits a channel",
    "NCHW": "normalised (1, 3, H, W), hole (1, 1, H, W), fill (1, 3, H, W), float in [-1, 1]",
}
"""Layout names as written into the metadata of artefacts, with their meaning."""

# ---------------------------------------------------------------- inside the network
PIXEL_SCALE: Final = 127.5
"""The network sees ``pixel / 127.5 - 1``, float in [-1, 1]; a hole is cleared to 0 (mid grey)."""

SUBBANDS: Final = ("ll", "lh", "hl", "hh")
"""Channel order of one Haar level: first letter is the filter down the rows, second along the columns.

``lh`` is low-pass over rows and high-pass over columns, which PyWavelets calls ``cV``; ``hl`` is ``cH``.
"""

UNSTATED_LICENCE: Final = "unstated"
"""Licence of weights whose checkpoint names none; the line goes into the metadata of every artefact."""
