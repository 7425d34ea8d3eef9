"""LiteRT (TensorFlow Lite): one ``.tflite`` file for Android, iOS and Linux."""

import dataclasses
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from export.backend import Action, Inspection, Runner
from export.errors import ToolchainMissing
from export.litert import flatbuffer, runtime
from export.litert.inspect import inspect
from export.program import Program
from quantize.schemes import SCHEMES, Scheme
from quantize.wide import eight_bit_weights


class LiteRTBackend:
    """Lowering by litert-torch, execution by ai-edge-litert's interpreter with its default delegate (XNNPACK)."""

    name = "litert"
    model_file = runtime.MODEL_FILE
    minimum_target = "TensorFlow Lite 2.3, or any LiteRT"
    # Version 5 of DEQUANTIZE, and version 8 of CONV_2D (tflite/tools/versioning/runtime_version.cc).
    later_targets: Mapping[str, str] = {
        "w8": "TensorFlow Lite 2.7, or any LiteRT",
        "w8a16": "TensorFlow Lite 2.15, or any LiteRT",
    }

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
        from export.litert.store import store_bytes
        from export.litert.wide import general_sums, widen_biases

        model = flatbuffer.parse(_lowered(program) if program.scheme.quantised else self._float_file(program))
        if program.scheme.wide:
            widen_biases(model)
            general_sums(model)
        elif program.scheme.quantised and not program.scheme.calibrated:
            store_bytes(model, eight_bit_weights(program.generator).values())
        if program.scheme.name != "fp32":
            # Of a quantised scheme these are the float constants left: the Haar filters and combs, which float16 holds exactly.
            halve_constants(model)
        flatbuffer.write_metadata(model, program.metadata("NHWC"))
        (folder / self.model_file).write_bytes(flatbuffer.pack(model))

    def unsupported(self, scheme: Scheme) -> str | None:
        """LiteRT has every scheme."""
        return None

    def load(self, model: Path, threads: int) -> Runner:
        """See ``export.litert.runtime``."""
        return runtime.load(model, threads)

    def inspect(self, model: Path) -> Inspection:
        """Read signature, metadata, multiply-accumulates and operators from the saved file.

        Raises:
            ValueError: the file is missing, truncated or no LiteRT model.
        """
        return inspect(model)

    def unavailable(self, action: Action) -> str | None:
        """Why ``action`` cannot be done here; None where it can."""
        if action == "run":
            return runtime.unavailable()
        missing = [name for name in ("litert_torch", "ai_edge_litert") if importlib.util.find_spec(name) is None]
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
    # The bare core is for GPU delegates, which know what stuffing with zeros is made of; reshaping rows of pixels they refuse.
    core = with_channels_last_concatenation(program.core(fold_weights=False, by_blocks=program.io == "uint8"), size)
    if program.io == "float":
        return lower(NamedCore(core), zero_inputs(size), quantised=program.scheme.calibrated)
    pixels = {name: torch.zeros(1, size, size, channels, dtype=torch.uint8) for name, channels in (("image", 3), ("mask", 1))}
    return lower(ChannelsLastShell(core), pixels, quantised=program.scheme.calibrated)
