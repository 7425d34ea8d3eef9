"""Everything a run needs to go on after a stop: weights, moving average, Adam's moments and the step, in one safetensors file."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.checkpoint import check_tensors, read_safetensors, sorted_header, write_atomically
from models.system.foreign import reader, reading
from models.training.run_config import RunConfig

FILE = "state.safetensors"
"""Its name in a run folder."""

MOMENTS = ("exp_avg", "exp_avg_sq")
OWN = ("format", "step", "config")
"""Entries of the header that are not provenance."""

Config = TypeVar("Config", bound=RunConfig)


@dataclass
class RunState:
    """Live state of a run.

    Attributes:
        networks: everything that is optimised, by name; the first one is what is trained for, others are its opponents.
        ema: exponential moving average of the first one's weights, what is evaluated and shipped.
        optimizers: Adam for each network.
        step: optimiser steps taken so far.
        provenance: what else must be the same when the run goes on (hash of the photos, weights it began from); text.
    """

    networks: dict[str, nn.Module]
    ema: nn.Module
    optimizers: dict[str, torch.optim.Adam]
    step: int
    provenance: dict[str, str]

    @classmethod
    def around(cls, networks: dict[str, nn.Module], betas: tuple[float, float], provenance: Mapping[str, str]) -> Self:
        """State at step 0 around networks that are on their device."""
        ema = copy.deepcopy(next(iter(networks.values()))).requires_grad_(False).eval()
        optimizers = {name: torch.optim.Adam(n.parameters(), betas=betas, foreach=True) for name, n in networks.items()}
        return cls(networks, ema, optimizers, 0, dict(provenance))

    @property
    def main(self) -> nn.Module:
        """The network that is trained for."""
        return next(iter(self.networks.values()))

    def zero_grad(self) -> None:
        """Forget the gradients of every network."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def apply(self, config: RunConfig) -> None:
        """Let every optimiser take its step at the rates of the schedule, then move the EMA."""
        for index, optimizer in enumerate(self.optimizers.values()):
            rate = config.rate(self.step, config.opponents_peak if index else config.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.update_ema(config.ema(self.step))
        self.step += 1

    def update_ema(self, decay: float) -> None:
        """ema <- decay ema + (1 - decay) weights."""
        averaged: list[Tensor] = [*self.ema.parameters()]
        weights: list[Tensor] = [*self.main.parameters()]
        with torch.no_grad():
            torch._foreach_lerp_(averaged, weights, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under stable names; Adam's moments are zeros before the first step."""
        # "average." is the name in the format of the file.
        found = {f"average.{name}": value.detach() for name, value in self.ema.named_parameters()}
        for prefix, network in self.networks.items():
            for name, parameter in network.named_parameters():
                moments = self.optimizers[prefix].state.get(parameter, {})
                found[_key(prefix, "weight", name)] = parameter.detach()
                for key in MOMENTS:
                    found[_key(prefix, key, name)] = moments[key] if key in moments else torch.zeros_like(parameter)
        return found

    def save(self, path: Path, config: RunConfig) -> None:
        """Write atomically; a full disk leaves the previous state as it was."""
        tensors = {name: value.contiguous().cpu() for name, value in self.tensors().items()}
        header = {**self.provenance, "format": config.FORMAT, "step": str(self.step), "config": config.to_json()}
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
        self.provenance = {key: value for key, value in header.items() if key not in OWN}
        with torch.no_grad():
            for name, value in self.ema.named_parameters():
                value.copy_(tensors[f"average.{name}"])
            for prefix, network in self.networks.items():
                for name, parameter in network.named_parameters():
                    parameter.copy_(tensors[_key(prefix, "weight", name)])
                    if self.step:
                        moments = {key: torch.empty_like(parameter).copy_(tensors[_key(prefix, key, name)]) for key in MOMENTS}
                        self.optimizers[prefix].state[parameter] = {"step": torch.tensor(float(self.step)), **moments}


@reader
def read_config(path: Path, kind: type[Config], settings: Sequence[str] = ()) -> tuple[int, Config]:
    """Step and configuration of a saved state, without its tensors.

    Args:
        path: file that :meth:`RunState.save` wrote.
        kind: the student's configuration or a teacher's.
        settings: ``key=value`` changes of it.

    Raises:
        ValueError: no state of that kind, damaged, or settings that cannot be.
    """
    header = read_safetensors(path)[1]
    if header.get("format") != kind.FORMAT:
        raise ValueError(f"{path}: not a {kind.STATE} of this version of the program")
    config = kind.from_json(header.get("config", ""))
    return stored_step(header), config.with_settings(list(settings))


def stored_step(header: Mapping[str, str]) -> int:
    """Step that the header of a training state names.

    Raises:
        ValueError: none, or no number of steps.
    """
    text = header.get("step", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(f"step is {text[:40]!r}; a whole number from 0 on is needed")
    return int(text)


def _key(network: str, kind: str, name: str) -> str:
    return f"{network}.{kind}.{name}" if network else f"{kind}.{name}"
