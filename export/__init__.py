"""Artefacts: made by ``python -m export``, run by :func:`load`. Importing this package needs neither PyTorch nor a toolkit."""

import runpy
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.artifact.loading import Artefact

__all__ = ["load"]

# By its path, not by its name: the reason is in that file.
runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "privacy.py"))["silence_telemetry"]()


def load(folder: str | PathLike[str], threads: int = 2) -> "Artefact":
    """Load an artefact into this platform's runtime.

    Only shapes change between the returned object and the runtime: every operation on pixels (normalising, masking,
    rounding, compositing) is inside the artefact. ``run(image=..., mask=...)`` runs it, ``run.fill(photo, mask)`` fills a photo
    of any size with it.

    Args:
        folder: an artefact, as ``python -m export`` writes it (``artifacts/wavefill-s-256-onnx-w8a8``).
        threads: CPU threads of the runtime.

    Raises:
        ValueError: no artefact there, a damaged one, or one without the public signature (``--io float``).
        ToolchainMissing: its runtime is not installed.
    """
    from export.artifact.loading import load_artefact  # the runtimes are imported from here on

    return load_artefact(folder, threads)
