"""LiteRT's interpreter: runs a ``.tflite`` file. Needs neither PyTorch nor the converter."""

import importlib.util
import threading
from pathlib import Path

import numpy as np

from export.backend import Array, Runner
from export.errors import ToolchainMissing
from export.litert import flatbuffer
from export.litert.sound import check_sound
from export.quiet import quiet
from models.system.foreign import reading

MODEL_FILE = "model.tflite"


def unavailable() -> str | None:
    """Why nothing can be run here; None where it can."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return "ai_edge_litert not installed (pip install 'wavefill[export]')"
    return None


def load(model: Path, threads: int) -> Runner:
    """Load a saved model into the interpreter with its default delegate (XNNPACK).

    Args:
        model: a ``.tflite`` file.
        threads: how many threads the kernels may use.

    Returns:
        The runner. Several threads may share it: its one interpreter, which keeps inputs and results in its own memory,
        serves them one after the other. With a runner for each thread they run at the same time.

    Raises:
        ToolchainMissing: ai-edge-litert is not installed.
        ValueError: the file is missing or no model, or (from the runner) an input of another shape or dtype.
    """
    if reason := unavailable():
        raise ToolchainMissing(f"litert: {reason}")
    from ai_edge_litert.interpreter import Interpreter

    with reading(model):
        content = flatbuffer.read(model)
        check_sound(content)
        inputs, outputs = flatbuffer.ports(content)
        del content
    with reading(model), quiet():
        interpreter = Interpreter(model_path=str(model), num_threads=threads)
        interpreter.allocate_tensors()
        signature = interpreter.get_signature_runner()
    if len(inputs) != 2 or len(outputs) != 1:
        raise ValueError(f"{model}: {len(inputs)} inputs and {len(outputs)} outputs, 2 and 1 are expected")

    busy = threading.Lock()

    def run(image: Array, mask: Array) -> Array:
        arguments = {}
        for port, value in zip(inputs, (image, mask), strict=True):
            # The interpreter would resize its tensors to whatever comes.
            if value.shape != port.shape or value.dtype.name != port.dtype:
                raise ValueError(f"{port.name}: {value.dtype.name} {value.shape} given, {port.dtype} {port.shape} is needed")
            arguments[port.name] = np.ascontiguousarray(value)
        with busy, reading(model):
            # A copy: the memory belongs to the interpreter.
            return np.array(signature(**arguments)[outputs[0].name])

    return run
