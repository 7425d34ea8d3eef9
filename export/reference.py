"""Eager PyTorch as a backend: it runs programs and is the reference for all others; it writes no artefact."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export.backend import Action, Array, Inspection, Runner
from export.errors import Unsupported
from export.program import Program
from models.inpainter import Uint8Shell
from quantize.schemes import Scheme


class TorchBackend:
    """See ``export.backend.Backend``; a program is run directly instead of a saved file."""

    name = "torch"
    model_file = ""
    minimum_target = "any host with PyTorch"
    later_targets: Mapping[str, str] = {}

    def unavailable(self, action: Action) -> str | None:
        """``convert`` is not for PyTorch: the checkpoint is its file."""
        return "eager PyTorch runs the checkpoint itself; it is no artefact" if action == "convert" else None

    def unsupported(self, scheme: Scheme) -> str | None:
        """PyTorch runs every scheme."""
        return None

    def convert(self, program: Program, folder: Path) -> None:
        """Not made.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"backend torch: {self.unavailable('convert')}")

    def load(self, model: Path, threads: int) -> Runner:
        """Not made; use :meth:`runner`.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"backend torch: {self.unavailable('convert')}")

    def inspect(self, model: Path) -> Inspection:
        """Not made.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"backend torch: {self.unavailable('convert')}")

    def runner(self, program: Program, threads: int) -> Runner:
        """The program as deployed (folded, in its scheme's numbers), run eagerly.

        Args:
            program: what to run.
            threads: CPU threads of PyTorch; a setting of the whole process, made on every call.
        """
        return _runner(program.module(Uint8Shell), threads)

    def reference(self, program: Program, threads: int = 2) -> Runner:
        """What an artefact of this program is compared with.

        For float schemes this is the network as trained, in float32, neither folded nor with its transposed convolution
        replaced, so that parity also covers those steps; for a quantised scheme it is the quantised program.

        Args:
            program: the cell.
            threads: as for :meth:`runner`.
        """
        if program.scheme.quantised:
            return self.runner(program, threads)
        generator = program.generator.eval()
        return _runner(generator if program.io == "float" else Uint8Shell(generator), threads)


def _runner(module: nn.Module, threads: int) -> Runner:
    def run(image: Array, mask: Array) -> Array:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        with torch.inference_mode():
            result = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in (image, mask)))
        result = result["result"] if isinstance(result, dict) else result
        return result.numpy()

    return run
