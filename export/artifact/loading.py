"""Running an artefact on arrays without batch dimension: checks and reshapes, no arithmetic."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact.files import check_files
from export.artifact.manifest import MANIFEST, read_manifest
from export.errors import ToolchainMissing
from export.runtimes import RUNTIMES
from models.system.foreign import read_json, reading

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
    runtime = RUNTIMES[manifest.backend]
    reason = runtime.unavailable()
    if reason:
        raise ToolchainMissing(f"{path}: cannot be run here: {reason}")
    runner = runtime.load(path / manifest.model_file, threads)
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


def model_folder(path: Path) -> Path:
    """The folder of an artefact that is named by its folder or by the model in it (``model.onnx``, ``model.mlpackage``).

    Raises:
        ValueError: a file, or a package of Core ML, that is not the model of an artefact.
    """
    if not path.is_file() and not (path.is_dir() and path.suffix == ".mlpackage"):
        return path  # a folder, or nothing at all: who loads it says what is wrong
    folder = path.parent
    try:
        files = read_json(folder / MANIFEST)["files"]
        models = {entry["name"].split("/")[0] for entry in files}  # a package is a folder of files
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        models = set()
    if path.name not in models:
        raise ValueError(f"--artifact: {path} is not the model in an artefact; name a folder as `python -m export` writes it")
    return folder
