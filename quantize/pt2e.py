"""The names that we use of torchao's PT2E quantisation, imported quietly."""

import logging

from models.system.errors import ToolchainMissing

# torchao logs, at import, which CUDA kernels it could not load and that its own enums are registered in an old way: nothing
# that concerns a quantisation on the CPU. Only these two loggers, and only during the import.
_LOGGERS = {name: logging.getLogger(name).level for name in ("torchao", "torch.utils._pytree")}
for _name in _LOGGERS:
    logging.getLogger(_name).setLevel(logging.ERROR)
try:
    from torchao.quantization.pt2e.observer import ObserverBase
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationSpec, Quantizer, SharedQuantizationSpec
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY
except ModuleNotFoundError as error:
    raise ToolchainMissing(f"quantisation needs torchao, and {error.name} is not installed; `make setup` installs it") from error
finally:
    for _name, _level in _LOGGERS.items():
        logging.getLogger(_name).setLevel(_level)

__all__ = [
    "Q_ANNOTATION_KEY",
    "ObserverBase",
    "QuantizationAnnotation",
    "QuantizationSpec",
    "Quantizer",
    "SharedQuantizationSpec",
    "convert_pt2e",
    "prepare_pt2e",
]
