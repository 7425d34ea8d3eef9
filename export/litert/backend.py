"""LiteRT (TensorFlow Lite): one ``.tflite`` file for Android, iOS and Linux."""

import dataclasses
import hashlib
import importlib.util
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from export.backend import Action, Array, Coverage, Inspection, Runner
from export.errors import ToolchainMissing
from export.litert import flatbuffer
from export.litert.graph import integer_coverage
from export.program import Program
from models.system.foreign import reading
from quantize.schemes import SCHEMES

_NEEDED: dict[Action, tuple[str, ...]] = {
    "convert": ("litert_torch", "ai_edge_litert"),
    "run": ("ai_edge_litert",),
}


class LiteRTBackend:
    """Lowering by litert-torch, execution by ai-edge-litert's interpreter with its default delegate (XNNPACK)."""

    name = "litert"
    model_file = "model.tflite"
    minimum_target = "TensorFlow Lite 2.3, or any LiteRT"

    def __init__(self) -> None:
        self._last: tuple[tuple[str, int, str], bytes] | None = None

    def convert(self, program: Program, folder: Path) -> None:
        """Write ``folder / model.tflite``.

        Args:
            program: what to lower.
            folder: an existing folder.

        Raises:
            ToolchainMissing: litert-torch is not installed.
            ValueError: a weight does not fit float16 (fp16 only).
        """
        self._require("convert")
        from export.litert.half import halve_constants

        model = flatbuffer.parse(self._float_file(program) if not program.scheme.calibrated else _lowered(program))
        if program.scheme.name != "fp32":
            # For w8a8 these are the float constants left: the Haar filters and combs, which float16 holds exactly.
            halve_constants(model)
        flatbuffer.write_metadata(model, program.metadata("NHWC"))
        (folder / self.model_file).write_bytes(flatbuffer.pack(model))

    def load(self, model: Path, threads: int) -> Runner:
        """Load a saved model into the interpreter.

        Args:
            model: a ``.tflite`` file of :meth:`convert`.
            threads: how many threads the kernels may use.

        Returns:
            The runner. Several threads may share it: its one interpreter, which keeps inputs and results in its own memory,
            serves them one after the other. With a runner for each thread they run at the same time.

        Raises:
            ToolchainMissing: ai-edge-litert is not installed.
            ValueError: the file is missing or no model, or (from the runner) an input of another shape or dtype.
        """
        self._require("run")
        from ai_edge_litert.interpreter import Interpreter

        from export.litert.toolkit import quiet

        with reading(model):
            inputs, outputs = flatbuffer.ports(flatbuffer.read(model))
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

    def inspect(self, model: Path) -> Inspection:
        """Read signature, metadata, multiply-accumulates and operators from the saved file.

        Raises:
            ValueError: the file is missing, truncated or no LiteRT model.
        """
        with reading(model):
            return _inspect(model)

    def unavailable(self, action: Action) -> str | None:
        """Why ``action`` cannot be done here; None where it can."""
        missing = [name for name in _NEEDED[action] if importlib.util.find_spec(name) is None]
        return f"{' and '.join(missing)} not installed (pip install 'wavefill[export]')" if missing else None

    def _float_file(self, program: Program) -> bytes:
        # fp16 is the float32 file with its constants halved (litert_half says why), and both follow each other in the matrix:
        # of two conversions of ten seconds each one is saved.
        key = _key(program)
        if self._last is None or self._last[0] != key:
            self._last = key, _lowered(dataclasses.replace(program, scheme=SCHEMES["fp32"]))
        return self._last[1]

    def _require(self, action: Action) -> None:
        if reason := self.unavailable(action):
            raise ToolchainMissing(f"litert: {reason}")


def _inspect(model: Path) -> Inspection:
    content = flatbuffer.read(model)
    inputs, outputs = flatbuffer.ports(content)
    metadata = flatbuffer.read_metadata(content)
    operators = flatbuffer.operator_counts(content)
    return Inspection(
        metadata={key: value for key, value in metadata.items() if key.startswith(flatbuffer.METADATA_PREFIX)},
        inputs=inputs,
        outputs=outputs,
        macs=flatbuffer.count_macs(content),
        operators=dict(sorted(operators.items())),
        coverage=_coverage(model) if "QUANTIZE" in operators else None,
    )


def _coverage(model: Path) -> Mapping[str, Coverage]:
    found = integer_coverage(model)
    floating = Counter(line.split()[0] for line in found.left_in_float)
    if found.requantises:
        floating["requantise"] = found.requantises
    return {kind: Coverage(number, 0) for kind, number in found.integer.items()} | {
        name: Coverage(0, number) for name, number in floating.items()
    }


def _key(program: Program) -> tuple[str, int, str]:
    """Equal for programs of equal float cores."""
    digest = hashlib.sha256(program.generator.spec.to_json().encode())
    for name, value in sorted(program.generator.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest(), program.size, program.io


def _lowered(program: Program) -> bytes:
    """The converter's file for a program, without metadata."""
    import torch

    from export.litert.layout import ChannelsLastShell, NamedCore, with_channels_last_concatenation, zero_inputs
    from export.litert.toolkit import lower

    size = program.size
    core = with_channels_last_concatenation(program.core(fold_weights=False), size)
    if program.io == "float":
        return lower(NamedCore(core), zero_inputs(size), quantised=program.scheme.calibrated)
    pixels = {name: torch.zeros(1, size, size, channels, dtype=torch.uint8) for name, channels in (("image", 3), ("mask", 1))}
    return lower(ChannelsLastShell(core), pixels, quantised=program.scheme.calibrated)
