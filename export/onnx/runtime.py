"""ONNX Runtime: runs a ``.onnx`` or ``.ort`` file. Needs neither PyTorch nor the converter."""

import importlib.util
from pathlib import Path

from export.backend import Array, Runner
from export.errors import ToolchainMissing
from export.onnx.session import open_session, readable_refusals
from models.system.foreign import reading

MODEL_FILE = "model.onnx"

_TYPES = {"uint8": "uint8", "float32": "float"}
"""ONNX Runtime's names of the types that ports have."""


def unavailable() -> str | None:
    """Why nothing can be run here; None where it can."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "not installed: onnxruntime (pip install 'wavefill[export]')"
    return None


def load(model: Path, threads: int) -> Runner:
    """Load a file into ONNX Runtime's CPU provider with default session options.

    Args:
        model: a ``.onnx`` or ``.ort`` file.
        threads: threads inside an operator.

    Raises:
        ToolchainMissing: onnxruntime is not installed.
        ValueError: ONNX Runtime refuses the file.
    """
    if reason := unavailable():
        raise ToolchainMissing(f"backend onnx: {reason}")
    session = open_session(model, threads)
    with reading(model):
        ports = session.get_inputs()
        names, outputs = [port.name for port in ports], [port.name for port in session.get_outputs()]
        if len(names) != 2 or len(outputs) != 1:
            raise ValueError(f"{model}: {len(names)} inputs and {len(outputs)} outputs, 2 and 1 are expected")

    def run(image: Array, mask: Array) -> Array:
        for port, array in zip(ports, (image, mask), strict=True):
            if port.type != f"tensor({_TYPES.get(array.dtype.name)})" or tuple(port.shape) != array.shape:
                raise ValueError(
                    f"{port.name}: {array.dtype.name} {array.shape} given, {port.type} {tuple(port.shape)} is needed"
                )
        with readable_refusals(model):
            result: Array = session.run(outputs, dict(zip(names, (image, mask), strict=True)))[0]
        return result

    return run
