"""What ONNX Runtime offers phones: its ``.ort`` file, and its own opinion of a model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from models.checkpoint import write_atomically
from models.system.privacy import import_onnxruntime
from models.system.temporary import temporary_folder

DEVICE_SPECIFIC: Final = ["NchwcTransformer"]
"""Optimisers left out of a ``.ort`` file: blocked layouts are for x86 alone, and the file is for phones."""


def write_ort(model: Path, folder: Path | None = None) -> Path:
    """Write ONNX Runtime's own format of a ``.onnx`` file; the same settings as its tool ``convert_onnx_models_to_ort``.

    Args:
        model: a ``.onnx`` file.
        folder: where to write; default beside the model.

    Returns:
        The ``.ort`` file: optimised once and for all, for the minimal builds of ONNX Runtime that cannot read ``.onnx``;
        ``OnnxBackend.load`` runs it. Its bytes are *not* reproducible: ONNX Runtime writes its table of kernel types in the
        order of a hash table, which changes from run to run.

    Raises:
        ValueError: ONNX Runtime refuses the model.
    """
    target = (folder or model.parent) / f"{model.stem}.ort"
    with temporary_folder(target) as temporary:
        written = temporary / target.name
        _save_optimised(model, written, "ORT", DEVICE_SPECIFIC)
        write_atomically(target, written.read_bytes())
    return target


def optimised_model(model: Path, target: Path) -> None:
    """Save the graph that ONNX Runtime's default session makes of a model on this processor, as ``.onnx``.

    Raises:
        ValueError: ONNX Runtime refuses the model.
    """
    _save_optimised(model, target, "ONNX", [])


def usability_report(model: Path) -> str:
    """The report of ONNX Runtime's mobile usability checker: which parts NNAPI and Core ML would take.

    Args:
        model: a ``.onnx`` file.

    Returns:
        Its text, line by line as it logs it, without names of folders.

    Raises:
        ValueError: no such file.
    """
    if not model.is_file():
        raise ValueError(f"{model}: no such file")
    usability_checker = import_onnxruntime("tools.mobile_helpers.usability_checker")
    lines = _Lines()
    logger = logging.Logger("wavefill.usability", logging.INFO)  # not registered: its level and handler stay ours
    logger.addHandler(lines)
    usability_checker.analyze_model(model, skip_optimize=False, logger=logger)
    return "\n".join(lines.lines).replace(str(model), model.name).replace(str(model.resolve()), model.name) + "\n"


class _Lines(logging.Handler):
    """Keeps messages."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _save_optimised(model: Path, target: Path, file_format: str, disabled: list[str]) -> None:
    from export.onnx.session import readable_refusals

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its warning that an optimised file fits this processor only is the point here
    options.add_session_config_entry("session.save_model_format", file_format)
    with readable_refusals(model):
        onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled)
