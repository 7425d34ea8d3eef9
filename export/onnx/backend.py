"""ONNX: PyTorch's exporter, a graph written afresh, and ONNX Runtime."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from export.backend import Action, Inspection, Runner
from export.errors import ToolchainMissing
from export.onnx import runtime
from export.onnx.graph import OPSET, WIDE_OPSET, Graph
from export.onnx.inspect import inspect
from export.onnx.integer import lower_quantisation, lower_weights, sink_weights
from export.onnx.levels import analyse_levels, synthesise_levels
from export.onnx.mobile import usability_report, write_ort
from export.onnx.names import core_trace, name_nodes, name_values, number_shell
from export.onnx.rewrite import cast_before_transposing, pad_stem, reshape_masks, shuffle_synthesis, state_rois, widen_masks
from export.quiet import quiet_torch_export
from models.checkpoint import write_atomically
from models.inpainter import Uint8Shell
from models.system.foreign import MAX_MODEL_BYTES, read_bytes, reading

if TYPE_CHECKING:
    from onnx import ModelProto

    from export.program import Program
    from quantize.schemes import Scheme

MAX_ATTRIBUTE = 2**31 - 1
"""Largest whole number that an operator's attribute may be."""


class OnnxBackend:
    """See ``export.backend.Backend``."""

    name = "onnx"
    model_file = runtime.MODEL_FILE
    minimum_target = "ONNX opset 18, IR 8: onnxruntime >= 1.15"
    later_targets: Mapping[str, str] = {"w8a16": "ONNX opset 21, IR 10: onnxruntime >= 1.18"}

    def unavailable(self, action: Action) -> str | None:
        """Names the Python packages that are missing."""
        if action == "run":
            return runtime.unavailable()
        missing = [package for package in ("onnx", "onnxscript") if importlib.util.find_spec(package) is None]
        return f"not installed: {', '.join(missing)} (pip install 'wavefill[export]')" if missing else None

    def unsupported(self, scheme: Scheme) -> str | None:
        """ONNX has every scheme."""
        return None

    def convert(self, program: Program, folder: Path) -> None:
        """Write ``folder / "model.onnx"``.

        Raises:
            ToolchainMissing: onnx or onnxscript is not installed.
            ValueError: the exporter wrote a graph that this backend does not know.
        """
        self._require("convert")
        write_atomically(folder / self.model_file, build_model(program).SerializeToString(deterministic=True))

    def load(self, model: Path, threads: int) -> Runner:
        """See ``export.onnx.runtime``."""
        return runtime.load(model, threads)

    def inspect(self, model: Path) -> Inspection:
        """Read a ``.onnx`` file.

        Raises:
            ToolchainMissing: onnx is not installed.
            ValueError: no such file, or not an ONNX model.
        """
        self._require("convert")
        with reading(model):
            return inspect(read_model(model))

    def write_ort(self, model: Path, folder: Path) -> Path:
        """See ``onnx_mobile.write_ort``.

        Raises:
            ToolchainMissing: onnxruntime is not installed.
            ValueError: ONNX Runtime refuses the model.
        """
        self._require("run")
        return write_ort(model, folder)

    def usability_report(self, model: Path) -> str:
        """See ``onnx_mobile.usability_report``.

        Raises:
            ToolchainMissing: onnx or onnxruntime is not installed.
            ValueError: no such file.
        """
        self._require("convert")
        self._require("run")
        return usability_report(model)

    def _require(self, action: Action) -> None:
        if reason := self.unavailable(action):
            raise ToolchainMissing(f"backend onnx: {reason}")


def build_model(program: Program) -> ModelProto:
    """The ONNX model of a program, in memory."""
    graph = Graph.of(_exported(program))
    sink_weights(graph)
    name_nodes(graph, core_trace(program.generator.spec))
    shuffle_synthesis(graph, 3, program.generator.spec.band_gains)
    state_rois(graph)
    if program.io == "uint8":
        reshape_masks(graph, program.size)
        widen_masks(graph)
        if program.scheme.name != "fp16":  # half precision does not hold sums of levels, nor would its shell be next to its core
            analyse_levels(graph)
            synthesise_levels(graph)
            pad_stem(graph)
        cast_before_transposing(graph)
    if program.scheme.calibrated:
        lower_quantisation(graph)
    elif program.scheme.quantised:
        lower_weights(graph)
    number_shell(graph)
    name_values(graph)
    return graph.to_model(program.metadata("NHWC"), WIDE_OPSET if program.scheme.wide else OPSET)


def read_model(path: Path) -> ModelProto:
    """Parse a ``.onnx`` file.

    Raises:
        ValueError: no such file, or not an ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(read_bytes(path, MAX_MODEL_BYTES))
    except (OSError, DecodeError) as error:
        raise ValueError(f"{path}: not an ONNX model ({error})") from error
    if not model.graph.node:
        raise ValueError(f"{path}: not an ONNX model (it has no operators)")
    for node in model.graph.node:
        for attribute in node.attribute:
            # No size, axis or count of ours comes near; ONNX Runtime multiplies them unchecked and divides by what overflowed.
            if any(abs(value) > MAX_ATTRIBUTE for value in (attribute.i, *attribute.ints)):
                raise ValueError(f"{path}: damaged ({node.op_type} has {attribute.name} beyond {MAX_ATTRIBUTE})")
    return model


class _FloatPorts(nn.Module):
    """A bare core whose ports are float32 whatever it computes in."""

    def __init__(self, core: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.core, self.dtype = core, dtype

    def forward(self, normalised: Tensor, hole: Tensor) -> Tensor:
        fill: Tensor = self.core(normalised.to(self.dtype), hole.to(self.dtype))
        return fill.to(torch.float32)


def _exported(program: Program) -> ModelProto:
    """What ``torch.onnx.export`` makes of a program."""
    size, module = program.size, program.module(Uint8Shell)
    if program.io == "uint8":
        inputs, output = {"image": torch.zeros(1, size, size, 3, dtype=torch.uint8)}, "result"
        inputs["mask"] = torch.zeros(1, size, size, 1, dtype=torch.uint8)
    else:
        inputs, output = {"normalised": torch.zeros(1, 3, size, size), "hole": torch.zeros(1, 1, size, size)}, "fill"
        module = _FloatPorts(module, torch.float16 if program.scheme.name == "fp16" else torch.float32)
    module.training = False  # not eval(): the graph of a quantised core refuses it
    with _quiet_exporter():
        exported = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=[output],
        )
    assert exported is not None
    return exported.model_proto


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what the exporter says that no user of ours can act on."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # "torchvision is not installed. Skipping torchvision::nms"
    try:
        with quiet_torch_export():
            yield
    finally:
        registration.setLevel(level)
