"""BACKENDS: every format and runtime that artefacts come in. Their toolkits are imported inside methods, when used."""

from export.backend import Backend
from export.backend_coreml import CoreMLBackend
from export.backend_litert import LiteRTBackend
from export.backend_onnx import OnnxBackend
from export.backend_torch import TorchBackend

BACKENDS: dict[str, Backend] = {
    "torch": TorchBackend(),
    "onnx": OnnxBackend(),
    "coreml": CoreMLBackend(),
    "litert": LiteRTBackend(),
}


def artefact_backends() -> list[str]:
    """Names of the backends that write files; eager PyTorch only runs."""
    return [name for name, backend in BACKENDS.items() if backend.model_file]
