"""What the ONNX tests share: a small generator's programs, its calibration, probe images and figures of their own."""

from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
import torch

from export.onnx.backend import OnnxBackend
from export.program import Io, Program
from models.checkpoint import SHIPPED, load_checkpoint, sha256
from models.inpainter import Uint8Shell
from parity_tests.support.small import small_generator
from quantize.calibrate import Sample, observe, tabulate
from quantize.schemes import SCHEMES
from quantize.table import QuantizationTable, calibration_path

SIZE = 64
HASH = "5e" * 32
ALLOWED_OPERATORS = {
    *("Conv", "Relu", "Add", "Resize", "Concat", "ConstantOfShape", "DepthToSpace"),  # core
    *("QuantizeLinear", "DequantizeLinear"),
    *("Transpose", "Reshape", "Cast", "GreaterOrEqual", "Sub", "Div", "Mul", "Floor", "Clip"),  # shell
}


def photo(size: int = SIZE, top: int = 60, left: int = 160) -> np.ndarray:
    """(1, size, size, 3) uint8, a cut of the astronaut."""
    return np.ascontiguousarray(skimage.data.astronaut()[None, top : top + size, left : left + size])


def hole(size: int = SIZE) -> np.ndarray:
    """(1, size, size, 1) uint8: a rectangle of 255 off the centre, and a stroke of 128."""
    mask = np.zeros((1, size, size, 1), np.uint8)
    mask[:, size // 4 : size * 3 // 4, size // 3 : size * 5 // 6] = 255
    mask[:, size // 8 : size // 6, :] = 128
    return mask


@cache
def small_calibration() -> QuantizationTable:
    images = [Sample(photo(SIZE, top, 90)[0], hole()[0, :, :, 0] >= 128, {}) for top in (20, 120, 300)]
    return tabulate(small_generator(), HASH, observe(small_generator(), images, progress=False))


def small_program(scheme: str, io: Io = "uint8", size: int = SIZE) -> Program:
    calibration = small_calibration() if SCHEMES[scheme].calibrated else None
    return Program(small_generator(), size, SCHEMES[scheme], io, HASH, calibration)


def shipped_program(scheme: str, size: int = 256) -> Program:
    calibration = QuantizationTable.load(calibration_path(SHIPPED)) if SCHEMES[scheme].calibrated else None
    return Program(load_checkpoint(SHIPPED), size, SCHEMES[scheme], "uint8", sha256(SHIPPED), calibration)


def converted(program: Program, folder: Path) -> Path:
    """The model file of a program."""
    folder.mkdir(parents=True, exist_ok=True)
    OnnxBackend().convert(program, folder)
    return folder / OnnxBackend.model_file


def eager(program: Program, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The reference: the trained generator in float32 for float schemes, the quantised program for the others."""
    module = program.module(Uint8Shell) if program.scheme.quantised else Uint8Shell(program.generator)
    with torch.inference_mode():
        return module(torch.from_numpy(image), torch.from_numpy(mask))["result"].numpy()


def hole_values(result: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values of a result where the mask says fill, as float64."""
    return result[np.broadcast_to(mask >= 128, result.shape)].astype(np.float64)


def hole_psnr(result: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> float:
    """PSNR in dB over the hole."""
    error = np.mean((hole_values(result, mask) - hole_values(reference, mask)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
