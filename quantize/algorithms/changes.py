"""What is done to a network's parameters before they are quantised, as numbers that a table can hold."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from models.generator import Generator
from quantize.algorithms.groups import groups

LARGEST_EXPONENT = 12
"""Of a factor, either way. Ranges of channels differ by less, and float16 still holds what is scaled."""


@dataclass(frozen=True)
class Changes:
    """Changes that algorithms found; empty for the network as trained.

    Attributes:
        exponents: by group (``quantize.algorithms.groups``), for each channel the power of two that it is multiplied by. Powers
            of two move no bit of a float's significand, so that the float network computes what it did before, bit for bit.
        biases: by convolution, what is added to the bias of each output channel.
    """

    exponents: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    biases: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def applied(self, network: Generator) -> Generator:
        """A copy of a network with the changes made.

        Args:
            network: with plain convolutions (``with_plain_convolutions`` or ``fold``).

        Raises:
            ValueError: a group or convolution that the network does not have, or another number of channels.
        """
        if not self.exponents and not self.biases:
            return network
        changed = copy.deepcopy(network)
        known = {group.name: group for group in groups(network.spec)}
        for name, powers in self.exponents.items():
            if name not in known:
                raise ValueError(f"calibration does not fit this network: it has no channels {name!r} to scale")
            factors = torch.exp2(torch.tensor(powers, dtype=torch.float32))
            for maker in known[name].makers:
                layer = convolution(changed, maker)
                _fits(name, len(powers), len(layer.weight))
                layer.weight.data *= factors.view(-1, 1, 1, 1)
                _bias(layer).data *= factors
            for reader in known[name].readers:
                layer = convolution(changed, reader)
                # Of a depthwise convolution, output channel c reads input channel c alone.
                shape = (-1, 1, 1, 1) if layer.groups > 1 else (1, -1, 1, 1)
                layer.weight.data /= factors.view(shape)
        for name, corrections in self.biases.items():
            layer = convolution(changed, name)
            _fits(name, len(corrections), len(_bias(layer)))
            _bias(layer).data += torch.tensor(corrections, dtype=torch.float32)
        return changed


def convolution(network: nn.Module, name: str) -> nn.Conv2d:
    """The plain convolution of a name.

    Raises:
        ValueError: there is none.
    """
    found = dict(network.named_modules()).get(name)
    if not isinstance(found, nn.Conv2d):
        raise ValueError(f"calibration does not fit this network: {name!r} is no convolution of it")
    return found


def _bias(layer: nn.Conv2d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


def _fits(name: str, got: int, needed: int) -> None:
    if got != needed:
        raise ValueError(f"calibration does not fit this network: {got} numbers for the {needed} channels of {name}")
