"""Executes a saved Core ML package anywhere: reads it back from disk and evaluates its MIL program operator by operator.

What it shows is that the *file* computes what PyTorch computes. It says nothing of the device's arithmetic: Core ML compiles
the program and may fuse operators, accumulate in half precision or run integers natively. Here every operator is computed
in float32 and its result rounded to the type that the program declares, so a half-precision program is evaluated with
half-precision values between operators and exact sums inside them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from export.backend import Array, Runner
from export.coreml.ops import OPS
from export.coreml.package import SavedProgram, read_program
from export.coreml.ports import channels, check_arrays
from export.errors import Unsupported
from models.system.foreign import reader, reading


@dataclass(frozen=True)
class _Step:
    """One operator, ready to run."""

    compute: Callable[..., Tensor]
    constants: dict[str, Any]
    variables: dict[str, str | list[str | Tensor]]
    """Names of computed values; in a list, constants stand among them."""
    output: str
    half: bool
    last_uses: tuple[str, ...]


class Evaluator:
    """A MIL program as a function of named tensors.

    Args:
        program: from :func:`export.coreml.package.read_program`.

    Raises:
        Unsupported: the program holds an operator type that ``OPS`` does not have.
    """

    def __init__(self, program: SavedProgram) -> None:
        operations = [op for op in program.function.operations if op.op_type != "const"]
        unknown = sorted({op.op_type for op in operations} - OPS.keys())
        if unknown:
            raise Unsupported(f"MIL operator {', '.join(unknown)}: the evaluator knows {', '.join(OPS)}")
        self._half_inputs = {name for name, var in program.function.inputs.items() if _is_half(var)}
        self.outputs = [var.name for var in program.function.outputs]
        # Integer weights become floats once, here, as Core ML does when it loads a model.
        constants: dict[str, Tensor] = {}
        self._steps: list[_Step] = []
        for op in operations:
            fixed, variable = _split(op, constants)
            (output,) = op.outputs
            half = _is_half(output)
            if not variable:
                constants[output.name] = _rounded(OPS[op.op_type](**fixed), half)
                continue
            self._steps.append(_Step(OPS[op.op_type], fixed, variable, output.name, half, ()))
        self._steps = _with_last_uses(self._steps, keep=set(self.outputs))
        self._constant_outputs = {name: constants[name] for name in self.outputs if name in constants}

    def __call__(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Evaluate.

        Args:
            **inputs: one float32 tensor for each input of the program.

        Returns:
            Each output of the program; half-precision ones as float32 that holds half-precision values.
        """
        values = self._constant_outputs | {name: _rounded(value, name in self._half_inputs) for name, value in inputs.items()}
        for step in self._steps:
            arguments = {
                name: values[source] if isinstance(source, str) else [values[x] if isinstance(x, str) else x for x in source]
                for name, source in step.variables.items()
            }
            values[step.output] = _rounded(step.compute(**step.constants, **arguments), step.half)
            for name in step.last_uses:
                del values[name]
        return {name: values[name] for name in self.outputs}


def _split(op: Any, constants: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, str | list[str | Tensor]]]:  # noqa: ANN401
    """Arguments that are known now, and names of those that are computed."""
    fixed: dict[str, Any] = {}
    variable: dict[str, str | list[str | Tensor]] = {}
    for name, source in op.inputs.items():
        if isinstance(source, list | tuple):
            # A list mixes what is computed with constants (the noise beside the subbands).
            parts = [(var.name, _constant(var, constants)) for var in source]
            variable[name] = [computed if known is None else _tensor(op, known) for computed, known in parts]
        elif source is not None:
            value = _constant(source, constants)
            if value is None:
                variable[name] = source.name
            else:
                fixed[name] = value
    return fixed, variable


def _tensor(op: Any, value: Tensor | str) -> Tensor:  # noqa: ANN401
    if isinstance(value, str):
        raise Unsupported(f"MIL {op.op_type} with a string in its list; the evaluator knows lists of tensors")
    return value


def _constant(var: Any, constants: dict[str, Tensor]) -> Tensor | str | None:  # noqa: ANN401
    if var.name in constants:
        return constants[var.name]
    if var.op is None or var.op.op_type != "const":
        return None
    value = var.op.val.val
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    # Copied: what the reader returns is read-only memory. Half precision is computed in float32.
    return torch.from_numpy(array.astype(np.float32 if array.dtype == np.float16 else array.dtype, copy=True))


def _is_half(var: Any) -> bool:  # noqa: ANN401
    from coremltools.converters.mil.mil import types

    return bool(var.dtype == types.fp16)


def _rounded(value: Tensor, half: bool) -> Tensor:
    return value.half().float() if half else value


def _with_last_uses(steps: list[_Step], keep: set[str]) -> list[_Step]:
    """Note after which step each value may be forgotten."""
    done, result = set(keep), []
    for step in reversed(steps):
        sources = (one for source in step.variables.values() for one in ([source] if isinstance(source, str) else source))
        used = {one for one in sources if isinstance(one, str)}
        result.append(_Step(step.compute, step.constants, step.variables, step.output, step.half, tuple(sorted(used - done))))
        done |= used
    return result[::-1]


@reader
def runner(package: Path, threads: int) -> Runner:
    """A package as a function of arrays.

    Args:
        package: an ``.mlpackage`` with ImageType ports (public signature) or tensors (bare core).
        threads: threads that torch uses while it runs.

    Returns:
        ``export.backend.Runner``.

    Raises:
        ValueError: a damaged package, or ports that are neither.
        Unsupported: an operator, colour space or preprocessing that the evaluator does not know.
    """
    program = read_program(package)
    evaluator = Evaluator(program)
    description = program.spec.description
    ports = [*description.input, *description.output]
    images = {port.type.WhichOneof("Type") == "imageType" for port in ports}
    if len(description.input) != 2 or len(description.output) != 1 or len(images) != 1:
        raise ValueError(f"{package}: two inputs and one output are needed, all images or all tensors, got {_names(ports)}")
    convert_in, convert_out = (_from_image, _to_image) if images == {True} else (_from_tensor, _to_tensor)

    def run(image: Array, mask: Array) -> Array:
        check_arrays(description, image, mask)
        inputs = {port.name: convert_in(port, array) for port, array in zip(description.input, (image, mask), strict=True)}
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with reading(package), torch.inference_mode():
                return convert_out(description.output[0], evaluator(**inputs)[description.output[0].name])
        finally:
            torch.set_num_threads(before)

    return run


def _names(ports: list[Any]) -> str:
    return ", ".join(f"{port.name} ({port.type.WhichOneof('Type')})" for port in ports)


def _from_image(port: Any, array: Array) -> Tensor:  # noqa: ANN401 - port: as _to_image has it
    """uint8 (1, H, W, C) -> float (1, C, H, W) in 0..255.

    An ML program holds the scale and bias of ``ImageType`` as operators of its own, so there is nothing to apply here.
    """
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)).astype(np.float32))


def _to_image(port: Any, tensor: Tensor) -> Array:  # noqa: ANN401
    """Float (1, C, H, W) -> uint8 (1, H, W, C): clamped to 0..255 and rounded (our programs return whole numbers in range)."""
    channels(port)
    levels = torch.nan_to_num(tensor, nan=0.0).clamp(0, 255).round()
    return levels.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()


def _from_tensor(port: Any, array: Array) -> Tensor:  # noqa: ANN401 - port: as _from_image has it
    return torch.from_numpy(np.array(array, np.float32))


def _to_tensor(port: Any, tensor: Tensor) -> Array:  # noqa: ANN401 - port: as _to_image has it
    return tensor.contiguous().numpy()
