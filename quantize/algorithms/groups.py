"""Which channels of a generator may be scaled without changing what it computes.

A channel that is multiplied by a positive number where it is made and divided by it wherever it is read leaves the network's
result as it is, through a ReLU too (Nagel et al., *Data-Free Quantization Through Weight Equalization and Bias Correction*, 2019,
section 4.1). Between the two convolutions of a block the channel has one maker and one reader. A residual stream has many: every
convolution that adds to it makes it, and by the skip connection the stream on the way down and that on the way up are one. So
there is one group for each level's stream and one for each tensor inside a block.
"""

from dataclasses import dataclass

from models.spec import ModelSpec


@dataclass(frozen=True)
class Group:
    """Tensors that share one factor for each channel.

    Attributes:
        name: of the tensor, or ``stream.<level>``.
        tensors: everything that carries these channels, by the names of the quantisation table.
        makers: convolutions whose outputs are multiplied.
        readers: convolutions whose inputs are divided.
    """

    name: str
    tensors: tuple[str, ...]
    makers: tuple[str, ...]
    readers: tuple[str, ...]


def groups(spec: ModelSpec) -> list[Group]:
    """All groups of an architecture, level by level.

    The ends are not among them: the fixed Haar transforms have the factors of the bands (``spec.band_gains``) in them.
    """
    found = []
    for level in range(len(spec.widths)):
        plain = level < spec.plain_levels
        blocks = [f"{way}.{level}.{i}" for way in _ways(spec, level) for i in range(spec.blocks[level])]
        for block in blocks:
            inner = [("conv1", "conv2")] if plain else [("depthwise", "expand"), ("expand", "project")]
            found += [
                Group(f"{block}.{made}", (f"{block}.{made}",), (f"{block}.{made}",), (f"{block}.{read}",)) for made, read in inner
            ]
        found.append(_stream(spec, level, blocks, plain=plain))
    return found


def rectified(spec: ModelSpec) -> frozenset[str]:
    """Names of the convolutions that a ReLU follows, which is stored in their place."""
    return frozenset(
        f"{way}.{level}.{i}.{'conv1' if level < spec.plain_levels else 'expand'}"
        for level in range(len(spec.widths))
        for way in _ways(spec, level)
        for i in range(spec.blocks[level])
    )


def _stream(spec: ModelSpec, level: int, blocks: list[str], *, plain: bool) -> Group:
    coarsest = level == len(spec.widths) - 1
    first, last = ("conv1", "conv2") if plain else ("depthwise", "project")
    makers = ["stem" if level == 0 else f"shrink.{level - 1}", *(f"{block}.{last}" for block in blocks)]
    readers = [*(f"{block}.{first}" for block in blocks), "head" if level == 0 else f"grow.{level - 1}.conv"]
    sums = list(blocks)
    if not coarsest:
        makers.append(f"grow.{level}.conv")
        readers.append(f"shrink.{level}")
        sums.append(f"grow.{level}")
    return Group(f"stream.{level}", (*makers, *sums), tuple(makers), tuple(readers))


def _ways(spec: ModelSpec, level: int) -> tuple[str, ...]:
    return ("down",) if level == len(spec.widths) - 1 else ("down", "up")
