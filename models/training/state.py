"""The student's state: a generator and, in the adversarial recipes, its discriminators."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from models.discriminators import DISCRIMINATORS
from models.generator import Generator
from models.spec import SPECS
from models.training.config import TrainConfig
from models.training.run_state import RunState, read_config

Network = TypeVar("Network", bound=nn.Module)


class TrainState(RunState):
    """Live state of a student's run: the generator under the empty name, discriminators under theirs in ``DISCRIMINATORS``."""

    @staticmethod
    def fresh(config: TrainConfig, device: torch.device, provenance: Mapping[str, str] | None = None) -> "TrainState":
        """State at step 0; initial weights are a function of the seed."""
        torch.manual_seed(config.seed)
        networks: dict[str, nn.Module] = {"": _channels_last(Generator(SPECS[config.spec]), device)}
        networks |= {name: _channels_last(DISCRIMINATORS[name](), device) for name in config.discriminators}
        return TrainState.around(networks, config.betas, provenance or {})

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
        _, config = read_config(path, TrainConfig, settings)
        state = TrainState.fresh(config, device)
        state.restore(path)
        return state, config

    @property
    def generator(self) -> Generator:
        """The network being trained."""
        return cast(Generator, self.main)

    @property
    def shipped(self) -> Generator:
        """The moving average as the generator that it is."""
        return cast(Generator, self.ema)

    @property
    def discriminators(self) -> dict[str, nn.Module]:
        """Its opponents; empty without an adversarial loss."""
        return {name: network for name, network in self.networks.items() if name}

    def start_from(self, generator: Generator) -> None:
        """Take over the weights of another generator of the same spec, also as the EMA."""
        with torch.no_grad():
            for network in (self.generator, self.ema):
                for own, other in zip(network.parameters(), generator.parameters(), strict=True):
                    own.copy_(other)

    def take_up(self, discriminators: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over the weights of discriminators, by name and row, as ``load_discriminators`` gives them."""
        for row, weights in discriminators.items():
            self.networks[row].load_state_dict(dict(weights))


def _channels_last(network: Network, device: torch.device) -> Network:
    """What the CPU's convolution kernels want; contiguous tensors would be reordered in every layer."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
