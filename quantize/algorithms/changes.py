"""What is done to a network's parameters before they are quantised, as numbers that a table can hold."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

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
        for name, change in self.by_layer(changed).items():
            layer = convolution(changed, name)
            layer.weight.data, _bias(layer).data = change.weight(layer.weight.data), change.bias(_bias(layer).data)
        return changed

    def by_layer(self, network: Generator) -> "dict[str, LayerChange]":
        """What becomes of the parameters of each convolution that is changed, by module path.

        Args:
            network: as trained, or with plain convolutions.

        Raises:
            ValueError: as for :meth:`applied`.
        """
        found: dict[str, LayerChange] = {}
        known = {group.name: group for group in groups(network.spec)}
        for name, powers in self.exponents.items():
            if name not in known:
                raise ValueError(f"calibration does not fit this network: it has no channels {name!r} to scale")
            factors = torch.exp2(torch.tensor(powers, dtype=torch.float32))
            for maker in known[name].makers:
                _fits(name, len(powers), len(convolution(network, maker).weight))
                change = found.get(maker, LayerChange())
                found[maker] = replace(change, weights=change.weights * factors.view(-1, 1, 1, 1), biases=change.biases * factors)
            for reader in known[name].readers:
                # Of a depthwise convolution, output channel c reads input channel c alone.
                shape = (-1, 1, 1, 1) if convolution(network, reader).groups > 1 else (1, -1, 1, 1)
                change = found.get(reader, LayerChange())
                found[reader] = replace(change, weights=change.weights / factors.view(shape))
        for name, corrections in self.biases.items():
            _fits(name, len(corrections), len(_bias(convolution(network, name))))
            found[name] = replace(found.get(name, LayerChange()), added=torch.tensor(corrections, dtype=torch.float32))
        return found


@dataclass(frozen=True)
class LayerChange:
    """What becomes of one convolution's parameters; a new one changes nothing.

    Attributes:
        weights: factors of the weight, powers of two that broadcast to its shape.
        biases: factors of the bias, likewise.
        added: to the bias, after it was multiplied.
    """

    weights: Tensor = field(default_factory=lambda: torch.ones(1))
    biases: Tensor = field(default_factory=lambda: torch.ones(1))
    added: Tensor = field(default_factory=lambda: torch.zeros(1))

    def weight(self, value: Tensor) -> Tensor:
        """(outputs, inputs / groups, kh, kw) -> the same, changed."""
        return value * self.weights.to(value.device)

    def bias(self, value: Tensor) -> Tensor:
        """(outputs,) -> the same, changed."""
        return value * self.biases.to(value.device) + self.added.to(value.device)


def convolution(network: nn.Module, name: str) -> nn.Conv2d:
    """The plain convolution of a name.

    Raises:
        ValueError: there is none.
    """
    found = dict(network.named_modules()).get(name)
    if not isinstance(found, nn.Conv2d):
        raise ValueError(f"calibration does not fit this network: {name!r} is no convolution of it")
    return found


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _fits(name: str, got: int, needed: int) -> None:
    if got != needed:
        raise ValueError(f"calibration does not fit this network: {got} numbers for the {needed} channels of {name}")
