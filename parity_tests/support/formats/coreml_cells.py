"""What the tests of Core ML packages share: images, a small network's table, PyTorch's answer, and the bars."""

import numpy as np
import skimage.data
import torch

from export.coreml.backend import CoreMLBackend
from export.program import Program
from models.generator import Generator, fold
from models.inpainter import Uint8Shell
from models.spec import ModelSpec
from quantize.calibrate import Sample, observe, tabulate
from quantize.schemes import SCHEMES
from quantize.table import QuantizationTable

BACKEND = CoreMLBackend()
TINY = ModelSpec("tiny", (8, 16), (1, 1))
SIZE = 64
SHA256 = "ab" * 32

MASK_VALUES = np.array([0, 1, 127, 128, 254, 255], np.uint8)

# In the hole, against PyTorch in fp32 (fp32, fp16) or the quantised program (w8, w8a8): the bars of docs/parity.md. fp32 differs
# in the order of sums; fp16 and w8 by 11 bits; w8a8 where a sum in another order falls on the other side of a rounding step.
MINIMUM_PSNR = {"fp32": 60.0, "fp16": 50.0, "w8": 50.0, "w8a8": 40.0}

MADE = [name for name, scheme in SCHEMES.items() if BACKEND.unsupported(scheme) is None]
"""Schemes that Core ML has."""


def photo(size: int, offset: int = 0) -> np.ndarray:
    """(1, size, size, 3) uint8: part of a photograph that ships with scikit-image."""
    return np.ascontiguousarray(skimage.data.astronaut()[offset : offset + size, 120 : 120 + size])[None]


def hole(size: int) -> np.ndarray:
    """(1, size, size, 1) uint8: every mask value of interest occurs, in blocks and in a random sprinkle."""
    rng = np.random.default_rng(3)
    mask = rng.choice(MASK_VALUES, (1, size, size, 1))
    mask[:, size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 255
    mask[:, : size // 8] = 0
    return mask


def calibrated(generator: Generator, size: int) -> QuantizationTable:
    images = [Sample(photo(size, offset)[0], hole(size)[0, :, :, 0] >= 128, {"photo": str(offset)}) for offset in (0, 40, 90)]
    return tabulate(generator, SHA256, observe(generator, images, progress=False))


def reference_core(program: Program) -> torch.nn.Module:
    """Eager PyTorch: fp32 for the float schemes, the quantised program for the others."""
    return program.core() if program.scheme.quantised else fold(program.generator, program.size, program.size)


def reference(program: Program, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return Uint8Shell(reference_core(program))(torch.from_numpy(image), torch.from_numpy(mask))["result"].numpy()


def psnr_in_hole(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    inside = mask[..., 0] >= 128
    error = np.mean((a[inside].astype(np.float64) - b[inside]) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
