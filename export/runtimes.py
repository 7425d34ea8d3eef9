"""RUNTIMES: what runs each kind of artefact. No converter is imported here, and no PyTorch: a photo is filled without them."""

from pathlib import Path
from typing import Protocol

from export.backend import Runner
from export.coreml import runtime as coreml
from export.litert import runtime as litert
from export.onnx import runtime as onnx


class Runtime(Protocol):
    """What a module ``export/<name>/runtime.py`` has."""

    MODEL_FILE: str
    """Name of the file, or of the package, that an artefact of this kind holds."""

    def unavailable(self) -> str | None:
        """Why nothing can be run here; None where it can."""
        ...

    def load(self, model: Path, threads: int) -> Runner:
        """Load a model.

        Raises:
            ToolchainMissing: the runtime is not installed.
            ValueError: it refuses the file.
        """
        ...


RUNTIMES: dict[str, Runtime] = {"onnx": onnx, "coreml": coreml, "litert": litert}
