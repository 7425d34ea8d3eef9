"""Everything a run needs to go on after a stop: weights, moving average, Adam's moments and the step, in one safetensors file."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.checkpoint import check_tensors, read_safetensors, sorted_header, write_atomically
from models.discriminators import DISCRIMINATORS
from models.generator import Generator
from models.spec import SPECS
from models.system.foreign import reader
from models.training.config import TrainConfig

FORMAT = "wavefill-training-2"
MOMENTS = ("exp_avg", "exp_avg_sq")
Network = TypeVar("Network", bound=nn.Module)


@dataclass
class TrainState:
    """Live state of a run.

    Attributes:
        generator: the network being trained.
        average: moving average of its weights, what is evaluated and shipped.
        discriminators: its opponents by their names in ``DISCRIMINATORS``; empty without an adversarial loss.
        optimizers: Adam for each network, keyed as :meth:`networks`.
        step: optimiser steps taken so far.
        facts: what else must be the same when the run goes on (hash of the photos, weights it began from); text.
    """

    generator: Generator
    average: Generator
    discriminators: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Adam]
    step: int
    facts: dict[str, str]

    @staticmethod
    def fresh(config: TrainConfig, device: torch.device, facts: Mapping[str, str] | None = None) -> "TrainState":
        """State at step 0; initial weights are a function of the seed."""
        torch.manual_seed(config.seed)
        generator = _channels_last(Generator(SPECS[config.spec]), device)
        average = copy.deepcopy(generator).requires_grad_(False)
        discriminators = {name: _channels_last(DISCRIMINATORS[name](), device) for name in config.discriminators}
        state = TrainState(generator, average, discriminators, {}, 0, dict(facts or {}))
        for name, network in state.networks().items():
            state.optimizers[name] = torch.optim.Adam(network.parameters(), betas=config.betas, foreach=True)
        return state

    def networks(self) -> dict[str, nn.Module]:
        """Everything that is optimised: the generator under the empty name, and each discriminator under its own."""
        return {"": self.generator, **self.discriminators}

    def start_from(self, generator: Generator) -> None:
        """Take over the weights of another generator of the same spec, also as the average."""
        with torch.no_grad():
            for network in (self.generator, self.average):
                for own, other in zip(network.parameters(), generator.parameters(), strict=True):
                    own.copy_(other)

    def zero_grad(self) -> None:
        """Forget the gradients of every network."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def apply(self, config: TrainConfig) -> None:
        """Let every optimiser take its step at the rates of the schedule, then move the average."""
        for name, optimizer in self.optimizers.items():
            rate = config.rate(self.step, config.discriminator_rate if name else config.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.update_average(config.ema(self.step))
        self.step += 1

    def update_average(self, decay: float) -> None:
        """average <- decay average + (1 - decay) weights."""
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under stable names; Adam's moments are zeros before the first step."""
        found = {f"average.{name}": value.detach() for name, value in self.average.named_parameters()}
        for prefix, network in self.networks().items():
            for name, parameter in network.named_parameters():
                moments = self.optimizers[prefix].state.get(parameter, {})
                found[_key(prefix, "weight", name)] = parameter.detach()
                for key in MOMENTS:
                    found[_key(prefix, key, name)] = moments[key] if key in moments else torch.zeros_like(parameter)
        return found

    def save(self, path: Path, config: TrainConfig) -> None:
        """Write atomically; a full disk leaves the previous state as it was."""
        tensors = {name: value.contiguous().cpu() for name, value in self.tensors().items()}
        header = {**self.facts, "format": FORMAT, "step": str(self.step), "config": config.to_json()}
        write_atomically(path, sorted_header(save(tensors, metadata=header)))

    @staticmethod
    @reader
    def load(path: Path, device: torch.device, settings: Sequence[str] = ()) -> tuple["TrainState", TrainConfig]:
        """Read a state back, with the configuration that it was saved under.

        Args:
            path: file that :meth:`save` wrote.
            device: where to put the networks.
            settings: ``key=value`` changes of the configuration.

        Raises:
            ValueError: not a training state, damaged, or settings that make it another network.
        """
        tensors, header = read_safetensors(path)
        step, config = _parse(path, header, settings)
        facts = {key: value for key, value in header.items() if key not in ("format", "step", "config")}
        state = TrainState.fresh(config, device, facts)
        check_tensors(path, tensors, state.tensors())
        state.step = step
        with torch.no_grad():
            for name, value in state.average.named_parameters():
                value.copy_(tensors[f"average.{name}"])
            for prefix, network in state.networks().items():
                for name, parameter in network.named_parameters():
                    parameter.copy_(tensors[_key(prefix, "weight", name)])
                    if state.step:
                        moments = {key: torch.empty_like(parameter).copy_(tensors[_key(prefix, key, name)]) for key in MOMENTS}
                        state.optimizers[prefix].state[parameter] = {"step": torch.tensor(float(state.step)), **moments}
        return state, config


@reader
def read_header(path: Path, settings: Sequence[str] = ()) -> tuple[int, TrainConfig]:
    """Step and configuration of a saved state, without its tensors.

    Raises:
        ValueError: as :meth:`TrainState.load`.
    """
    return _parse(path, read_safetensors(path)[1], settings)


def _parse(path: Path, header: Mapping[str, str], settings: Sequence[str]) -> tuple[int, TrainConfig]:
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: not a training state of this version of the program")
    config = TrainConfig.from_json(header.get("config", ""))
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


def _channels_last(network: Network, device: torch.device) -> Network:
    """What the CPU's convolution kernels want; contiguous tensors would be reordered in every layer."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs


def _key(network: str, kind: str, name: str) -> str:
    return f"{network}.{kind}.{name}" if network else f"{kind}.{name}"
