"""BACKENDS: every format and runtime that artefacts come in. Their toolkits are imported inside methods, when used."""

from export.backend import Backend
from export.coreml.backend import CoreMLBackend
from export.litert.backend import LiteRTBackend
from export.onnx.backend import OnnxBackend
from export.reference import TorchBackend

BACKENDS: dict[str, Backend] = {
    "torch": TorchBackend(),
    "onnx": OnnxBackend(),
    "coreml": CoreMLBackend(),
    "litert": LiteRTBackend(),
}


def artefact_backends() -> list[str]:
    """Names of the backends that write files; eager PyTorch only runs."""
    return [name for name, backend in BACKENDS.items() if backend.model_file]
