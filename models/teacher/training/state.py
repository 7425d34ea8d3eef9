"""A teacher's state, and its comparison with a file before anything of it is built."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from models.checkpoint import MAX_PARAMETERS, check_tensors, read_safetensors
from models.system.foreign import reader
from models.teacher.training.config import TeacherConfig
from models.training.run_state import RunState


class TeacherState(RunState):
    """Live state of a teacher's run; the first network samples, another is its opponent."""

    @staticmethod
    def fresh(networks: dict[str, nn.Module], config: TeacherConfig, provenance: Mapping[str, str]) -> "TeacherState":
        """State at step 0 around networks that are on their device."""
        return TeacherState.around(networks, (config.beta1, 0.999 if config.kind == "ddpm" else 0.9), provenance)


@reader
def check_stored(path: Path, config: TeacherConfig, build: Callable[[], dict[str, nn.Module]]) -> None:
    """Compare a saved state with the networks that its configuration asks for, before they are made.

    Args:
        path: file that :meth:`TeacherState.save` wrote.
        config: of the run.
        build: makes the networks on the meta device, where they take no memory.

    Raises:
        ValueError: damaged, of other networks, or of more than ``MAX_PARAMETERS``.
    """
    with torch.device("meta"):
        expected = TeacherState.fresh(build(), config, {}).tensors()
    count = sum(value.numel() for value in expected.values())
    if count > MAX_PARAMETERS:
        raise ValueError(f"{path}: its configuration asks for {count:,} parameters; at most {MAX_PARAMETERS:,} are read")
    check_tensors(path, read_safetensors(path)[0], expected)
