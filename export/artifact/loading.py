"""Running an artefact on arrays without batch dimension: checks and reshapes, no arithmetic."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact.manifest import read_manifest
from export.artifact.verify import check_files
from export.backends import BACKENDS
from export.errors import ToolchainMissing
from models.system.foreign import reading

Pixels = NDArray[np.uint8]


def load_artefact(folder: str | PathLike[str], threads: int) -> Callable[..., Pixels]:
    """See ``export.load``."""
    path = Path(folder)
    if threads < 1:
        raise ValueError(f"threads {threads}: at least 1 is needed")
    manifest = read_manifest(path)
    failures = check_files(path)
    if failures:
        raise ValueError(f"{path}: damaged: {'; '.join(failures)}")
    if manifest.io != "uint8":
        raise ValueError(f"{path}: a bare core (--io float); it has no uint8 signature to run")
    backend = BACKENDS[manifest.backend]
    reason = backend.unavailable("run")
    if reason:
        raise ToolchainMissing(f"{path}: cannot be run here: {reason}")
    runner = backend.load(path / manifest.model_file, threads)
    size = manifest.size

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        """Fill the hole; image (size, size, 3) and mask (size, size), both uint8."""
        _check("image", image, (size, size, 3))
        _check("mask", mask, (size, size))
        with reading(path):  # the arrays are what the manifest says; if the model takes others, the artefact is wrong
            return runner(image[None], mask[None, :, :, None])[0]

    return run


def _check(name: str, array: object, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: a numpy array is needed, not {type(array).__name__}")
    if array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}; this artefact takes uint8 {shape}")
