"""Artefacts: made by ``python -m export``, run by :func:`load`. Importing this package needs neither PyTorch nor a toolkit."""

import runpy
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["load"]

# By its path, not by its name: the reason is in that file.
runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "privacy.py"))["silence_telemetry"]()


def load(folder: str | PathLike[str], threads: int = 2) -> Callable[..., NDArray[np.uint8]]:
    """Load an artefact into this platform's runtime.

    Only shapes change between the returned function and the runtime: every operation on pixels (normalising, masking,
    rounding, compositing) is inside the artefact.

    Args:
        folder: an artefact, as ``python -m export`` writes it (``artifacts/wavefill-s-256-onnx-w8a8``).
        threads: CPU threads of the runtime.

    Returns:
        ``run(image=..., mask=...) -> result``: image (H, W, 3) uint8 RGB, mask (H, W) uint8 (>= 128: fill), result
        (H, W, 3) uint8 RGB, equal to the image wherever the mask says keep. H and W are the artefact's. Several
        threads may share the function of an ONNX artefact, which runs them at the same time, and of a LiteRT artefact, which
        serves them one after the other; that of a Core ML package belongs to one thread.

    Raises:
        ValueError: no artefact there, a damaged one, or one without the public signature (``--io float``).
        ToolchainMissing: its runtime is not installed.
    """
    from export.artifact.loading import load_artefact  # PyTorch and the runtimes are imported from here on

    return load_artefact(folder, threads)
