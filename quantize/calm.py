"""Where one changed level grows: w8a8 programs that keep parts of the network in float.

A rounding turns the smallest difference in front of it into a whole step for some values. Which roundings do most of that shows
when parts of the network compute in float (``quantize.kept``): each part alone, and all from a part to the head.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from torch import Tensor

from models.generator import Generator, fold
from models.inpainter import Core
from models.macs import conv2d
from models.spec import ModelSpec
from quantize.fake_quantised import FakeQuantisedCore
from quantize.integer_core import IntegerCore
from quantize.kept import layers, spec_items
from quantize.table import QuantizationTable
from quantize.wide import sixteen_bits, weights_only


@dataclass(frozen=True)
class Part:
    """Layers of one module of the generator.

    Attributes:
        name: ``stem``, ``down.0``, ``shrink.0`` ...
        layers: paths of its layers, as ``quantize.kept`` names them.
        macs_share: its part of the multiply-accumulates of all layers, 0 to 1.
    """

    name: str
    layers: tuple[str, ...]
    macs_share: float


def parts(spec: ModelSpec) -> list[Part]:
    """The network cut into its modules, in execution order."""
    macs: dict[str, int] = dict.fromkeys(layers(spec_items(spec)), 0)
    for item in spec_items(spec):
        if item.weight is not None:
            data, weight = (item.node.args[i].meta["val"].shape for i in range(2))  # type: ignore[union-attr] # nodes
            macs[item.weight.removesuffix(".weight")] = conv2d(weight, data, item.node.meta["val"].shape)
    grouped: dict[str, list[str]] = {}
    for name in macs:
        grouped.setdefault(".".join(name.split(".")[:2]), []).append(name)
    total = sum(macs.values())
    return [Part(name, tuple(own), sum(macs[layer] for layer in own) / total) for name, own in grouped.items()]


def below(spec: ModelSpec, paths: Sequence[str]) -> tuple[str, ...]:
    """Layers at module paths and below them: ``up.0`` stands for all layers of that level.

    Raises:
        ValueError: a path with no layer.
    """
    known = layers(spec_items(spec))
    found = set()
    for path in paths:
        own = {name for name in known if name == path or name.startswith(f"{path}.")}
        if not own:
            raise ValueError(f"{path}: no layer of {spec.name} is there; such are {', '.join(part.name for part in parts(spec))}")
        found |= own
    return tuple(name for name in known if name in found)


class MixedCore:
    """A table's program with some of its layers in float; called like the generator.

    Args:
        core: of the table; may be shared.
        kept: paths of the layers in float.

    Raises:
        ValueError: a layer that the network does not have.
    """

    def __init__(self, core: FakeQuantisedCore, kept: Collection[str]) -> None:
        self.core, self.rounded = core, core.rounded_without(kept)

    def __call__(self, normalised: Tensor, hole: Tensor) -> Tensor:
        """(1, 3, size, size) and (1, 1, size, size) float32 in, (1, 3, size, size) float32 out."""
        return self.core.fill(normalised, hole, self.rounded)


def core_of(scheme: str, generator: Generator, table: QuantizationTable, size: int) -> Core:
    """What computes a scheme's fill.

    Args:
        scheme: ``fp32``, ``w8``, ``w8a16`` or ``w8a8``. fp16 is not among them: what it computes depends on the runtime.
        generator: the network as trained.
        table: of w8a8; w8a16 follows from it. Layers that it keeps in float are kept in w8a8.
        size: height and width in pixels.

    Raises:
        ValueError: another scheme.
    """
    folded = fold(generator, size, size)
    if scheme == "fp32":
        return folded
    if scheme == "w8":
        return weights_only(folded)
    if scheme == "w8a16":
        return sixteen_bits(table, generator).apply(folded, size)
    if scheme == "w8a8":
        if table.float_layers:
            return MixedCore(FakeQuantisedCore(folded, size, table), table.float_layers)
        return IntegerCore(generator, table, size)
    raise ValueError(f"scheme {scheme}: fp32, w8, w8a16 and w8a8 can be measured")
