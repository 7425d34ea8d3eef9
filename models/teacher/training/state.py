"""Everything a teacher's run needs to go on after a stop, in one safetensors file."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.checkpoint import MAX_PARAMETERS, check_tensors, read_safetensors, sorted_header, write_atomically
from models.system.foreign import reader, reading
from models.teacher.training.config import TeacherConfig
from models.training.state import stored_step

FORMAT = "wavefill-teacher-training-1"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class TeacherState:
    """Live state of a run.

    Attributes:
        networks: everything that is optimised, by name; the first one samples, another is its opponent.
        average: moving average of the first one's weights.
        optimizers: Adam for each network.
        step: optimiser steps taken so far.
        facts: what else must be the same when the run goes on; text.
    """

    networks: dict[str, nn.Module]
    average: nn.Module
    optimizers: dict[str, torch.optim.Adam]
    step: int
    facts: dict[str, str]

    @staticmethod
    def fresh(networks: dict[str, nn.Module], config: TeacherConfig, facts: Mapping[str, str]) -> "TeacherState":
        """State at step 0 around networks that are on their device."""
        average = copy.deepcopy(next(iter(networks.values()))).requires_grad_(False).eval()
        betas = (config.beta1, 0.999 if config.kind == "ddpm" else 0.9)
        optimizers = {name: torch.optim.Adam(n.parameters(), betas=betas, foreach=True) for name, n in networks.items()}
        return TeacherState(networks, average, optimizers, 0, dict(facts))

    @property
    def main(self) -> nn.Module:
        """The network that samples."""
        return next(iter(self.networks.values()))

    def zero_grad(self) -> None:
        """Forget the gradients of every network."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def apply(self, config: TeacherConfig) -> None:
        """Let every optimiser take its step at the rates of the schedule, then move the average."""
        for index, optimizer in enumerate(self.optimizers.values()):
            for group in optimizer.param_groups:
                group["lr"] = config.rate(self.step, config.opponent_rate if index else None)
            optimizer.step()
        with torch.no_grad():
            average: list[Tensor] = [*self.average.parameters()]
            weights: list[Tensor] = [*self.main.parameters()]
            torch._foreach_lerp_(average, weights, 1 - config.ema(self.step))
        self.step += 1

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under stable names; Adam's moments are zeros before the first step."""
        found = {f"average.{name}": value.detach() for name, value in self.average.named_parameters()}
        for prefix, network in self.networks.items():
            for name, parameter in network.named_parameters():
                found[f"{prefix}.weight.{name}"] = parameter.detach()
                moments = self.optimizers[prefix].state.get(parameter, {})
                for key in MOMENTS:
                    found[f"{prefix}.{key}.{name}"] = moments[key] if key in moments else torch.zeros_like(parameter)
        return found

    def save(self, path: Path, config: TeacherConfig) -> None:
        """Write atomically; a full disk leaves the previous state as it was."""
        tensors = {name: value.contiguous().cpu() for name, value in self.tensors().items()}
        header = {**self.facts, "format": FORMAT, "step": str(self.step), "config": config.to_json()}
        write_atomically(path, sorted_header(save(tensors, metadata=header)))

    def restore(self, path: Path) -> None:
        """Take over everything from a file that :meth:`save` wrote; this state is a fresh one of the same networks.

        Raises:
            ValueError: damaged, or of another network.
        """
        with reading(path):
            tensors, header = read_safetensors(path)
            check_tensors(path, tensors, self.tensors())
            self.step = stored_step(header)
        self.facts = {key: value for key, value in header.items() if key not in ("format", "step", "config")}
        with torch.no_grad():
            for name, value in self.average.named_parameters():
                value.copy_(tensors[f"average.{name}"])
            for prefix, network in self.networks.items():
                for name, parameter in network.named_parameters():
                    parameter.copy_(tensors[f"{prefix}.weight.{name}"])
                    if self.step:
                        moments = {k: torch.empty_like(parameter).copy_(tensors[f"{prefix}.{k}.{name}"]) for k in MOMENTS}
                        self.optimizers[prefix].state[parameter] = {"step": torch.tensor(float(self.step)), **moments}


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


@reader
def read_config(path: Path, settings: list[str]) -> tuple[int, TeacherConfig]:
    """Step and configuration of a saved state, with changes.

    Raises:
        ValueError: not a teacher's training state.
    """
    header = read_safetensors(path)[1]
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: not a teacher's training state of this version of the program")
    return stored_step(header), TeacherConfig.from_json(header.get("config", "")).with_settings(settings)
