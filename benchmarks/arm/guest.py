"""The program that runs on the emulated processor: loads models in their runtimes and runs them on given inputs.

Started by its path with the ARM system's Python, which has NumPy and the runtimes and nothing of this project.

    python guest.py JOB.json RESULTS.npz

The job: ``{"inputs": PATH of an .npz, "runs": [{"name", "runtime", "model"}, ...]}``. The inputs hold arrays by the names
of the models' inputs, with one more dimension in front, over which a run goes. The results hold an array by each run's name: the
model's one output, over the inputs. A line is printed after every inference.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inputs = Mapping[str, NDArray[Any]]
Run = Callable[[Inputs], NDArray[Any]]

MARK_CALL, MARK = 172, 0x7761766566696C6C
"""Those of ``benchmarks/arm/plugin.py``, which cannot be imported here."""


def onnx(model: str) -> tuple[list[str], Run]:
    """Names of the inputs, and a run, in ONNX Runtime on one thread with default options."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, which reads it (models/system/privacy.py)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [port.name for port in session.get_inputs()], lambda inputs: session.run(None, dict(inputs))[0]


def litert(model: str) -> tuple[list[str], Run]:
    """Names of the inputs, and a run, in LiteRT on one thread with default options."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()  # now, or the first inference would pack the weights
    signature = interpreter.get_signature_runner()
    return list(signature.get_input_details()), lambda inputs: next(iter(signature(**inputs).values()))


RUNTIMES = {"onnx": onnx, "litert": litert}


def main(job_path: str, results_path: str) -> None:
    """Do one job."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    stored = np.load(job["inputs"])
    arrays = {name: stored[name] for name in stored.files}
    system_call = ctypes.CDLL(None).syscall
    system_call.argtypes = [ctypes.c_long, ctypes.c_uint64, ctypes.c_uint64]
    results: dict[str, Any] = {}
    for run in job["runs"]:
        names, infer = RUNTIMES[run["runtime"]](run["model"])
        made = []
        for index in range(len(arrays[names[0]])):
            inputs = {name: arrays[name][index] for name in names}
            system_call(MARK_CALL, MARK, 1)
            made.append(infer(inputs))
            system_call(MARK_CALL, MARK, 0)
            print(run["name"], flush=True)
        results[run["name"]] = np.stack(made)
    np.savez(results_path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
