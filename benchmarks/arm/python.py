"""Artefacts in their runtimes' aarch64 wheels, under the emulated system's Python."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.arm.cores import Core
from benchmarks.arm.emulator import PYTHON, WHEELS, emulate

GUEST = Path(__file__).with_name("guest.py")


@dataclass(frozen=True)
class Model:
    """A model file to run.

    Attributes:
        name: by which its results are known.
        runtime: ``onnx`` or ``litert``.
        file: the model.
    """

    name: str
    runtime: str
    file: Path


def run_models(
    core: Core,
    models: Sequence[Model],
    inputs: Mapping[str, NDArray[Any]],
    *,
    counted: bool = False,
    on_inference: Callable[[str], object] = lambda name: None,
) -> tuple[dict[str, NDArray[Any]], dict[str, list[int]]]:
    """Run models on an emulated core, on one thread.

    Args:
        core: a row of ``CORES``.
        models: with names of their own.
        inputs: by the names of the models' inputs; the first dimension is over the inputs.
        counted: count instructions.
        on_inference: called with the model's name after every inference.

    Returns:
        Results by model, over the inputs; and instructions of every inference by model, empty where they are not counted.

    Raises:
        ToolchainMissing: see ``emulate``.
        RuntimeError: a runtime refused a model.
    """
    count = len(next(iter(inputs.values())))
    with tempfile.TemporaryDirectory(prefix="wavefill-arm-") as scratch:
        job, arrays, results = (Path(scratch) / name for name in ("job.json", "inputs.npz", "results.npz"))
        stored: dict[str, Any] = dict(inputs)
        np.savez(arrays, **stored)
        runs = [{"name": m.name, "runtime": m.runtime, "model": str(m.file.absolute())} for m in models]
        job.write_text(json.dumps({"inputs": str(arrays), "runs": runs}), encoding="utf-8")
        names = {model.name for model in models}
        counts = emulate(
            core,
            [PYTHON, GUEST, job, results],
            environment={"PYTHONPATH": str(WHEELS), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            counted=counted,
            on_line=lambda line: on_inference(line) if line in names else None,
        )
        with np.load(results) as read:
            made = {name: read[name] for name in read.files}
    instructions = {}
    for model in models:
        instructions[model.name], counts = counts[:count], counts[count:]
    return made, instructions
