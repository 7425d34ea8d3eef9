"""ONNX Runtime sessions: default options, and refusals in one readable line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from models.system.foreign import reading
from models.system.privacy import import_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: Path, threads: int) -> InferenceSession:
    """A session of the CPU provider with default options but for the number of threads.

    Args:
        model: a ``.onnx`` or ``.ort`` file.
        threads: threads inside an operator; operators run one after the other.

    Raises:
        ValueError: fewer than one thread, no such file, or ONNX Runtime refuses it.
    """
    onnxruntime = import_onnxruntime()
    if threads < 1:
        raise ValueError(f"threads={threads}: one or more are needed")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    with readable_refusals(model):
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def readable_refusals(model: Path) -> Iterator[None]:
    """Turn ONNX Runtime's exceptions over a file, while it is loaded or run, into ``ValueError``."""
    state = import_onnxruntime("capi.onnxruntime_pybind11_state")

    # Its exceptions have no common base of their own.
    refusals = tuple(kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))
    with reading(model):
        try:
            yield
        except refusals as error:
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise ValueError(f"{model}: ONNX Runtime refuses it ({said})") from error
