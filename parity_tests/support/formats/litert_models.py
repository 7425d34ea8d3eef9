"""LiteRT files of the small network, each converted once for a test run."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import skimage.data

from export.litert.backend import LiteRTBackend
from export.program import Program
from parity_tests.support.small import small_generator
from quantize.calibrate import Sample, observe, tabulate
from quantize.schemes import SCHEMES
from quantize.table import QuantizationTable

SIZE = 64
BACKEND = LiteRTBackend()


@cache
def small_table() -> QuantizationTable:
    photos = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket())
    hole = np.zeros((SIZE, SIZE), bool)
    hole[16:48, 8:40] = True
    images = [Sample(np.ascontiguousarray(photo[100 : 100 + SIZE, 60 : 60 + SIZE]), hole, {}) for photo in photos]
    return tabulate(small_generator(), "0" * 64, observe(small_generator(), images, progress=False))


def program(scheme: str, io: str = "uint8", size: int = SIZE) -> Program:
    table = small_table() if SCHEMES[scheme].calibrated else None
    return Program(small_generator(), size, SCHEMES[scheme], io, "0" * 64, table)


@cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="litert-")  # kept alive by the cache, removed when the process ends


def saved(scheme: str, io: str = "uint8") -> Path:
    """``model.tflite`` of the small network."""
    return _saved(scheme, io)  # a cache tells a default from the same value given


@cache
def _saved(scheme: str, io: str) -> Path:
    folder = Path(_folder().name) / f"{scheme}-{io}"
    folder.mkdir()
    BACKEND.convert(program(scheme, io), folder)
    return folder / BACKEND.model_file
