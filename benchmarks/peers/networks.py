"""Files of other people's networks in their runtimes: ports and a function from arrays to the answer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.adapters import Array, PeerPort
from export.errors import ToolchainMissing
from export.onnx.session import open_session, readable_refusals
from export.quiet import quiet
from models.system.foreign import reading

Network = tuple[list[PeerPort], Callable[[Sequence[Array]], Array]]

_ONNX_TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}


def open_network(path: Path, threads: int) -> Network:
    """Load a ``.onnx`` or ``.tflite`` file.

    Returns:
        Its inputs, and a function that takes one array for each and returns the first output.

    Raises:
        ValueError: another suffix, or the runtime refuses the file.
        ToolchainMissing: the runtime is not installed.
    """
    openers = {".onnx": _onnx, ".tflite": _litert}
    if path.suffix not in openers:
        raise ValueError(f"{path}: {' or '.join(openers)} is needed")
    return openers[path.suffix](path, threads)


def _onnx(path: Path, threads: int) -> Network:
    session = open_session(path, threads)
    with reading(path):
        ports = [
            PeerPort(one.name, tuple(n if isinstance(n, int) else 0 for n in one.shape), _ONNX_TYPES.get(one.type, one.type))
            for one in session.get_inputs()
        ]
        output = session.get_outputs()[0].name

    def run(arrays: Sequence[Array]) -> Array:
        with readable_refusals(path):
            return np.asarray(session.run([output], {port.name: array for port, array in zip(ports, arrays, strict=True)})[0])

    return ports, run


def _litert(path: Path, threads: int) -> Network:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise ToolchainMissing("ai_edge_litert is not installed (pip install 'wavefill[export]')") from error
    with reading(path), quiet():
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    inputs, output = interpreter.get_input_details(), interpreter.get_output_details()[0]["index"]
    ports = [PeerPort(str(one["name"]), tuple(int(n) for n in one["shape"]), np.dtype(one["dtype"]).name) for one in inputs]

    def run(arrays: Sequence[Array]) -> Array:
        with reading(path):
            for one, array in zip(inputs, arrays, strict=True):
                interpreter.set_tensor(one["index"], array)
            interpreter.invoke()
            return np.array(interpreter.get_tensor(output))

    return ports, run
