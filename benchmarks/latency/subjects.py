"""SUBJECTS: what a worker can measure. Each prepares its inputs and its runtime, and returns a function that loads the candidate.

Everything is imported when its subject is prepared: a worker's memory is that of its candidate, and loading is not importing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from export.backend import Runner
    from models.evaluation.baselines import Bools
    from models.photo.images import Pixels

Spec = Mapping[str, Any]
"""What a parent says of a candidate: ``kind`` (key in ``SUBJECTS``), ``threads``, ``size``, and what the kind needs."""


@dataclass(frozen=True)
class Subject:
    """A candidate, loaded.

    Attributes:
        run: one inference on the first probe of the parity check.
        answers: results on all probes, for a comparison with another candidate; None where that says nothing.
        model: the file that was loaded, where there is one that a runtime can tell about.
        fill: (photo (S, S, 3) uint8, hole (S, S) bool) -> the same with its hole filled; None where that is measured elsewhere.
    """

    run: Callable[[], object]
    answers: Callable[[], NDArray[np.int16]] | None = None
    model: Path | None = None
    fill: Callable[[Pixels, Bools], Pixels] | None = None


Load = Callable[[], Subject]


def _artefact(spec: Spec) -> Load:
    """``folder``, ``backend``, ``model``, ``io``: an artefact in its own runtime, as applications get it."""
    from export.runtimes import RUNTIMES

    model = Path(spec["folder"]) / spec["model"]
    runtime = RUNTIMES[spec["backend"]]
    IMPORTS[spec["backend"]]()
    return _over_probes(lambda: runtime.load(model, spec["threads"]), spec, model)


def _fill(spec: Spec) -> Load:
    """``folder``, ``backend``: a whole fill, the network and the detail from around the hole, of a photo of its size."""
    from export.artifact.loading import load_artefact
    from export.parity import probes

    IMPORTS[spec["backend"]]()
    probe = probes(spec["size"])[0]

    def load() -> Subject:
        artefact = load_artefact(spec["folder"], spec["threads"])
        return Subject(lambda: artefact.fill(probe.image, probe.mask[:, :, 0]))

    return load


def _import_onnxruntime() -> None:
    from models.system.privacy import import_onnxruntime

    import_onnxruntime()


def _import_litert() -> None:
    import ai_edge_litert.interpreter  # noqa: F401


def _import_coreml() -> None:
    import coremltools  # noqa: F401


IMPORTS: dict[str, Callable[[], None]] = {"onnx": _import_onnxruntime, "litert": _import_litert, "coreml": _import_coreml}


def _torch(spec: Spec, *, compiled: bool) -> Load:
    """``checkpoint``, ``io``: the folded network in PyTorch, fp32; compiled, it needs a C++ compiler."""
    import torch

    from export.sources import read_source
    from models.inpainter import Uint8Shell
    from quantize.schemes import SCHEMES

    def load() -> Runner:
        program = read_source(Path(spec["checkpoint"]), None).program(SCHEMES["fp32"], spec["size"], spec["io"])
        torch.set_num_threads(spec["threads"])
        module = program.module(Uint8Shell)
        network = torch.compile(module) if compiled else module

        def run(image: NDArray[np.generic], mask: NDArray[np.generic]) -> NDArray[np.generic]:
            with torch.inference_mode():
                result = network(*(torch.from_numpy(np.ascontiguousarray(array)) for array in (image, mask)))
            return (result["result"] if isinstance(result, dict) else result).numpy()

        return run

    return _over_probes(load, spec, None)


def _over_probes(open_runner: Callable[[], Runner], spec: Spec, model: Path | None) -> Load:
    from export.parity import core_inputs, probes, results

    probe_set = probes(spec["size"])
    first = probe_set[0]
    inputs = (first.image[None], first.mask[None]) if spec["io"] == "uint8" else core_inputs(first.image, first.hole)

    def load() -> Subject:
        runner = open_runner()
        return Subject(lambda: runner(*inputs), lambda: np.stack(results(runner, probe_set, spec["io"], noisy=False)), model)

    return load


def _peer(spec: Spec) -> Load:
    """``model``, ``adapter``: somebody else's network."""
    from benchmarks.peers.adapters import check_answer, feed, plan, read
    from benchmarks.peers.networks import open_network
    from export.parity import probes

    model, name = Path(spec["model"]), spec["adapter"]
    probes(spec["size"])
    IMPORTS["litert" if model.suffix == ".tflite" else "onnx"]()

    def load() -> Subject:
        ports, network = open_network(model, spec["threads"])
        chosen = plan(name, ports, spec["size"])
        probe = probes(chosen.size)[0]
        arrays = feed(name, chosen, probe.image, probe.hole)

        def fill(photo: Pixels, hole: Bools) -> Pixels:
            if photo.shape[:2] != (chosen.size, chosen.size):
                raise ValueError(f"made for {chosen.size}x{chosen.size} pixels, the photo has {photo.shape[1]}x{photo.shape[0]}")
            # Cleared first: some networks' files leave it to the caller, and a network that sees the photo fills it well.
            known = np.where(hole[:, :, None], np.uint8(0), photo)
            answer = read(name, chosen, network(feed(name, chosen, known, hole)))
            return np.where(hole[:, :, None], answer, photo)

        return Subject(lambda: check_answer(chosen, network(arrays)), model=model, fill=fill)

    return load


def _classical(spec: Spec) -> Load:
    """``method``: OpenCV's inpainters, or PatchMatch."""
    from export.parity import probes

    fill = METHODS[spec["method"]](spec["threads"])
    probe = probes(spec["size"])[0]
    return lambda: Subject(lambda: fill(probe.image, probe.hole), fill=fill)


def _opencv(threads: int, method: str) -> Callable[[Pixels, Bools], Pixels]:
    import cv2

    from models.evaluation.baselines import BASELINES

    cv2.setNumThreads(threads)
    return BASELINES[method]


def _patchmatch(threads: int) -> Callable[[Pixels, Bools], Pixels]:
    """One thread, whatever is asked for."""
    from patchmatch_cython import CythonSolver, inpaint_pyramid

    # It takes and gives OpenCV's order of colours; which one is whose makes no difference to it.
    return lambda image, hole: inpaint_pyramid(image, hole, solver_class=CythonSolver, seed=0)


METHODS: dict[str, Callable[[int], Callable[[Pixels, Bools], Pixels]]] = {
    "telea": functools.partial(_opencv, method="telea"),
    "navier-stokes": functools.partial(_opencv, method="navier-stokes"),
    "patchmatch": _patchmatch,
}
"""Classical inpainters: threads -> (photo (S, S, 3) uint8, hole (S, S) bool) -> filled photo."""


def _convolution(spec: Spec) -> Load:
    """``model``: one of the graphs of ``benchmarks.latency.convolution``."""
    from export.onnx.session import open_session

    IMPORTS["onnx"]()

    def load() -> Subject:
        session = open_session(Path(spec["model"]), spec["threads"])
        port = session.get_inputs()[0]
        rng = np.random.default_rng(0)
        # Around the middle, as activations are; bytes everywhere in their range.
        values = (
            rng.integers(0, 256, port.shape).astype(np.uint8)
            if port.type == "tensor(uint8)"
            else rng.standard_normal(port.shape).astype(np.float32)
        )
        return Subject(lambda: session.run(None, {port.name: values}))

    return load


SUBJECTS: dict[str, Callable[[Spec], Load]] = {
    "artefact": _artefact,
    "fill": _fill,
    "eager": functools.partial(_torch, compiled=False),
    "compiled": functools.partial(_torch, compiled=True),
    "peer": _peer,
    "classical": _classical,
    "convolution": _convolution,
}
