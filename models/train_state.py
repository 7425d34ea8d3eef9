"""Everything a run needs to go on after a stop: weights, moving average, Adam's moments and the step, in one safetensors file."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from models.checkpoint import check_tensors, read_safetensors, write_atomically
from models.generator import Generator
from models.spec import SPECS
from models.train_config import TrainConfig

FORMAT = "wavefill-training-1"


@dataclass
class TrainState:
    """Live state of a run.

    Attributes:
        generator: the network being trained.
        average: moving average of its weights, what is evaluated and shipped.
        optimizer: Adam over the generator's parameters.
        step: optimiser steps taken so far.
    """

    generator: Generator
    average: Generator
    optimizer: torch.optim.Adam
    step: int

    @staticmethod
    def fresh(config: TrainConfig, device: torch.device) -> "TrainState":
        """State at step 0; initial weights are a function of the seed."""
        torch.manual_seed(config.seed)
        # channels_last: what the CPU's convolution kernels want; contiguous tensors would be reordered in every layer.
        generator = Generator(SPECS[config.spec]).to(device)
        generator = generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        average = copy.deepcopy(generator).requires_grad_(False)
        optimizer = torch.optim.Adam(generator.parameters(), lr=config.learning_rate, betas=config.betas, foreach=True)
        return TrainState(generator, average, optimizer, 0)

    def update_average(self, decay: float) -> None:
        """average <- decay average + (1 - decay) weights."""
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under stable names; Adam's moments are zeros before the first step."""
        found: dict[str, Tensor] = {}
        for (name, parameter), mean in zip(self.generator.named_parameters(), self.average.parameters(), strict=True):
            moments = self.optimizer.state.get(parameter, {})
            found[f"weight.{name}"] = parameter.detach()
            found[f"average.{name}"] = mean.detach()
            for key in ("exp_avg", "exp_avg_sq"):
                found[f"{key}.{name}"] = moments[key] if key in moments else torch.zeros_like(parameter)
        return found

    def save(self, path: Path, config: TrainConfig) -> None:
        """Write atomically; a full disk leaves the previous state as it was."""
        tensors = {name: value.contiguous().cpu() for name, value in self.tensors().items()}
        header = {"format": FORMAT, "step": str(self.step), "config": config.to_json()}
        write_atomically(path, save(tensors, metadata=header))

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.generator.head.weight.device

    @staticmethod
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
        if header.get("format") != FORMAT:
            raise ValueError(f"{path}: not a training state of this program")
        config = TrainConfig.from_json(header["config"]).with_settings(list(settings))
        state = TrainState.fresh(config, device)
        check_tensors(path, tensors, state.tensors())
        state.step = int(header["step"])
        with torch.no_grad():
            for (name, parameter), mean in zip(state.generator.named_parameters(), state.average.parameters(), strict=True):
                parameter.copy_(tensors[f"weight.{name}"])
                mean.copy_(tensors[f"average.{name}"])
                if state.step:
                    state.optimizer.state[parameter] = {
                        "step": torch.tensor(float(state.step)),
                        "exp_avg": torch.empty_like(parameter).copy_(tensors[f"exp_avg.{name}"]),
                        "exp_avg_sq": torch.empty_like(parameter).copy_(tensors[f"exp_avg_sq.{name}"]),
                    }
        return state, config
