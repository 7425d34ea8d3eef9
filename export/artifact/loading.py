"""Running an artefact on arrays without batch dimension (checks and reshapes, no arithmetic), and on photos of any size."""

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact.files import check_files
from export.artifact.manifest import MANIFEST, read_manifest
from export.backend import Runner
from export.errors import ToolchainMissing
from export.runtimes import RUNTIMES
from models.conventions import MASK_THRESHOLD
from models.fill.holes import Box
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.windows import inpaint
from models.photo.raster import equal_colours, luma
from models.system.foreign import read_json, reading

Pixels = NDArray[np.uint8]


class Artefact:
    """An artefact in its runtime; call it, or let it fill photos of any size.

    Several threads may share that of an ONNX artefact, which runs them at the same time, and of a LiteRT artefact, which serves
    them one after the other; that of a Core ML package belongs to one thread.

    Attributes:
        size: height and width that the network takes.
    """

    def __init__(self, folder: Path, runner: Runner, size: int) -> None:
        self.size = size
        self._folder, self._runner = folder, runner

    def __call__(self, *, image: Pixels, mask: Pixels) -> Pixels:
        """Run the network alone.

        Args:
            image: (size, size, 3) uint8 RGB; what lies under the hole has no influence.
            mask: (size, size) uint8, >= 128: fill.

        Returns:
            (size, size, 3) uint8 RGB, equal to ``image`` wherever the mask says keep.

        Raises:
            ValueError: other shapes or types, or a damaged artefact.
        """
        _check("image", image, (self.size, self.size, 3))
        _check("mask", mask, (self.size, self.size))
        with reading(self._folder):  # the arrays are what the manifest says; if the model takes others, the artefact is wrong
            return self._runner(image[None], mask[None, :, :, None])[0]

    def fill(
        self,
        photo: Pixels,
        mask: Pixels,
        parameters: Parameters | None = DEFAULTS,
        progress: Callable[[list[Box]], Iterable[Box]] = iter,
    ) -> Pixels:
        """Fill the hole of a photo of any size, as ``python -m export inpaint`` does (docs/fill.md).

        Args:
            photo: (H, W, 3) uint8 RGB; what lies under the hole has no influence.
            mask: (H, W) uint8, >= 128: fill.
            parameters: of the fill; None: what the network answers, scaled up, without the photo's own detail (``--detail off``).
            progress: wraps the list of holes that are filled one after the other, as ``tqdm`` does.

        Returns:
            (H, W, 3) uint8 RGB, equal to ``photo`` wherever the mask says keep, and grey where the photo is.

        Raises:
            ValueError: wrong shapes or types, a mask that keeps nothing, or a damaged artefact.
        """
        result = inpaint(photo, mask, self, self.size, progress, parameters)
        if equal_colours(photo):
            hole = mask >= MASK_THRESHOLD
            result[hole] = luma(result[hole])[:, None]
        return result


def load_artefact(folder: str | PathLike[str], threads: int) -> Artefact:
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
    return Artefact(path, runtime.load(path / manifest.model_file, threads), manifest.size)


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
