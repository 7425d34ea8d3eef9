"""The wavelet-domain generator: a U-Net of residual blocks on Haar subbands, designed for phones.

What shapes it (docs/training.md): two Haar levels are a free downsampling by four; plain 3x3 convolutions beat
depthwise ones at equal cost in the fine levels, depthwise ones save parameters in the coarse levels; levels down to 2x2 (at 256)
carry the context that keeps the middle of a large hole from turning grey. There is no normalisation over space (its sums
overflow fp16 on phone accelerators); weights are normalised instead and fold away. ReLU is the only nonlinearity: it fuses
with the convolution before it in every int8 runtime.
"""

import copy
import functools
import hashlib

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.spec import LARGEST_SIZE, ModelSpec
from models.wavelet import PacketAnalysis, PacketSynthesis


class NormalisedConv2d(nn.Conv2d):
    """Convolution with a normalised weight, w = g v / ||v|| for each output channel, folded for deployment.

    Weight normalisation (Salimans and Kingma, 2016, eq. 2) gives the optimiser the scale and the direction separately and
    needs no statistics of the activations, so nothing of it is left at inference.

    Args:
        gain: initial g; sqrt(2) after a ReLU keeps the variance (He et al., 2015, eq. 10).
    """

    bias: nn.Parameter  # always there

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=_same_padding(kernel, stride), groups=groups)
        nn.init.normal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = nn.Parameter(torch.full((outputs,), gain))

    def effective_weight(self, dtype: torch.dtype | None = None) -> Tensor:
        """g v / ||v||, (outputs, inputs / groups, kernel, kernel), computed in ``dtype`` (the weight's own if None)."""
        weight = self.weight.to(dtype)
        norm = weight.flatten(1).norm(dim=1).clamp_min(1e-8)
        return weight * (self.gain.to(dtype) / norm).view(-1, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding, groups=self.groups)

    def folded(self) -> nn.Conv2d:
        """A plain convolution that computes the same."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding = _same_padding(kernel, stride)
        plain = nn.Conv2d(self.in_channels, self.out_channels, kernel, stride=stride, padding=padding, groups=self.groups)
        # In float64, because machines add up a norm in different orders: rounded to float32 once, the weights, and the integers
        # that quantisation makes of them, come out equal everywhere.
        plain.weight = nn.Parameter(self.effective_weight(torch.float64).detach().to(self.weight.dtype))
        plain.bias = nn.Parameter(self.bias.detach().clone())
        return plain


class PlainBlock(nn.Module):
    """x + conv3x3(relu(conv3x3(x))): the residual block of EDSR (Lim et al., 2017, fig. 2c), which has no normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = NormalisedConv2d(width, width, 3)
        self.conv2 = NormalisedConv2d(width, width, 3, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class DepthwiseBlock(nn.Module):
    """x + conv1x1(relu(conv1x1(depthwise5x5(x)))): ConvNeXt's order (Liu et al., 2022, fig. 4) without its norm and GELU."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = NormalisedConv2d(width, width, 5, groups=width)
        self.expand = NormalisedConv2d(width, expansion * width, 1)
        self.project = NormalisedConv2d(expansion * width, width, 1, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(F.relu(self.expand(self.depthwise(x))))


class Up(nn.Module):
    """conv1x1, then twice the size by nearest neighbour, then the skip connection is added."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = NormalisedConv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return F.interpolate(self.conv(x), scale_factor=2.0, mode="nearest") + skip


class NoiseInput(nn.Module):
    """Appends channels of fixed noise to the subbands at the input.

    In a cleared hole every cell looks like its neighbours, so what convolutions and nearest upsampling make there repeats with
    their strides, as a lattice. Noise breaks that symmetry (Karras et al., *StyleGAN*, 2019, section 3.2: in every layer).
    Here it is the same in every run, so that a photo has one fill; where a texture needs none, the network can ignore it.

    Args:
        channels: how many to append.
        rows: height of the noise; inputs may be lower.
        columns: width of the noise; inputs may be narrower.
    """

    noise: Tensor

    def __init__(self, channels: int, rows: int, columns: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("noise", _noise(channels)[:, :, :rows, :columns].contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C + channels, h, w)."""
        noise = self.noise
        if noise.shape[2:] != x.shape[2:]:  # never once it is deployed: converters refuse slices
            noise = noise[:, :, : x.shape[2], : x.shape[3]]
        if x.shape[0] > 1:
            noise = noise.expand(x.shape[0], -1, -1, -1)
        return torch.cat([x, noise], dim=1)

    def deployed(self, rows: int, columns: int) -> "NoiseInput":
        """The same for inputs of one size."""
        return NoiseInput(self.channels, rows, columns)


@functools.cache
def _noise(channels: int) -> Tensor:
    """(1, channels, side, side) float32, uniform in [-1, 1], from hashes: equal with every version of every library."""
    side = LARGEST_SIZE // 2  # one Haar level at least
    # The word is part of the noise: another one gives other numbers, which no trained weights have seen.
    rows = (hashlib.shake_128(f"grain {c} {r}".encode()).digest(side) for c in range(channels) for r in range(side))
    digits = torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.uint8).float()
    return ((digits - 127.5) / 127.5).view(1, channels, side, side)


class Generator(nn.Module):
    """Core of the inpainter: image with the hole cleared, and the hole, in; fill out.

    Args:
        spec: a row of ``SPECS``.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        bands = len(spec.band_gains)
        self.analysis = PacketAnalysis(4, spec.band_gains)
        side = LARGEST_SIZE >> spec.haar_levels
        # The name that its operator has in artefacts, whose bytes a nicer one would change.
        self.grain: nn.Module = NoiseInput(spec.noise_channels, side, side) if spec.noise_channels else nn.Identity()
        self.stem = NormalisedConv2d(4 * bands + spec.noise_channels, spec.widths[0], 3)
        self.down = nn.ModuleList(_level(spec, i) for i in range(len(spec.widths)))
        pairs = list(zip(spec.widths, spec.widths[1:], strict=False))
        self.shrink = nn.ModuleList(NormalisedConv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.grow = nn.ModuleList(Up(coarse, fine) for fine, coarse in pairs)
        self.up = nn.ModuleList(_level(spec, i) for i in range(len(pairs)))
        self.head = NormalisedConv2d(spec.widths[0], 3 * bands, 3, gain=0.1)
        self.synthesis: nn.Module = PacketSynthesis(3, spec.band_gains)

    def forward(self, normalised: Tensor, hole: Tensor) -> Tensor:
        """Fill the hole.

        Args:
            normalised: (N, 3, H, W) float in [-1, 1], 0 inside the hole; H and W multiples of ``spec.multiple``.
            hole: (N, 1, H, W) float, 1 inside the hole and 0 outside.

        Returns:
            (N, 3, H, W) float, about [-1, 1] and not clamped; meaningful inside the hole.
        """
        x = self.stem(self.grain(self.analysis(torch.cat([normalised, hole], dim=1))))
        skips = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            if level < len(self.shrink):
                skips.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.grow))):
            x = self.up[level](self.grow[level](x, skips[level]))
        return self.synthesis(self.head(x))


def _same_padding(kernel: int, stride: int) -> int:
    return (kernel - 1) // 2 if stride == 1 else 0


def _level(spec: ModelSpec, level: int) -> nn.Sequential:
    width = spec.widths[level]
    if level < spec.plain_levels:
        return nn.Sequential(*(PlainBlock(width) for _ in range(spec.blocks[level])))
    return nn.Sequential(*(DepthwiseBlock(width, spec.expansion) for _ in range(spec.blocks[level])))


def with_plain_convolutions(generator: Generator) -> Generator:
    """A copy whose normalised convolutions are folded, for images of any size; doing it twice is harmless."""
    plain = copy.deepcopy(generator).eval().requires_grad_(False)
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NormalisedConv2d):
                setattr(parent, name, child.folded().requires_grad_(False))
    return plain


def fold(generator: Generator, height: int, width: int) -> Generator:
    """A copy for deployment at one size: normalised convolutions folded, no transposed convolution. Folding twice is harmless.

    Args:
        generator: trained network; left as it is.
        height: image height in pixels, a multiple of ``generator.spec.multiple``.
        width: image width in pixels, likewise.

    Raises:
        ValueError: the size is no multiple of ``spec.multiple``.
    """
    multiple = generator.spec.multiple
    if height < multiple or width < multiple or height % multiple or width % multiple:
        raise ValueError(f"size {height}x{width}: {generator.spec.name} takes multiples of {multiple} pixels")
    folded = with_plain_convolutions(generator)
    if isinstance(folded.grain, NoiseInput):
        folded.grain = folded.grain.deployed(height >> generator.spec.haar_levels, width >> generator.spec.haar_levels)
    if isinstance(folded.synthesis, PacketSynthesis):
        folded.synthesis = folded.synthesis.deployed(height, width)
    return folded.eval()
