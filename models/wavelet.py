"""Orthonormal Haar wavelet transform as fixed convolutions.

One level of the two-dimensional Haar transform (Mallat, *A Theory for Multiresolution Signal Decomposition*, 1989;
Haar filters h = (1, 1)/sqrt 2 and g = (1, -1)/sqrt 2) is a 2x2 convolution of stride 2. Being orthonormal, its inverse is
the transposed convolution with the same filters. Transposed convolutions are refused by some phone GPU delegates, so the
inverse is written as nearest-neighbour upsampling, a stride-aligned mask (together: zero-stuffing) and a plain convolution;
both forms are equal to the last bit and both are here, the transposed form as the reference of the tests.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the field's standard abbreviation
from torch import Tensor, nn

from models.conventions import SUBBANDS


def haar_filters() -> Tensor:
    """Return the four 2x2 analysis filters in the order of ``SUBBANDS``.

    Returns:
        (4, 2, 2) float32, entries +-1/2; rows of the flattened (4, 4) matrix are orthonormal.
    """
    low, high = torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0])
    taps = {"l": low, "h": high}
    # The outer product of two 1/sqrt(2) filters has entries of exactly 1/2.
    return torch.stack([torch.outer(taps[rows], taps[columns]) / 2 for rows, columns in SUBBANDS])


def dwt(x: Tensor) -> Tensor:
    """One level of the orthonormal Haar transform.

    An odd height or width is extended by repeating its last row or column, which is PyWavelets' ``symmetric`` mode.

    Args:
        x: (N, C, H, W) float, any range.

    Returns:
        (N, 4 C, ceil(H/2), ceil(W/2)); channel 4 c + b holds subband ``SUBBANDS[b]`` of channel c.
    """
    channels, height, width = x.shape[1:]
    if height % 2 or width % 2:
        x = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
    kernel = haar_filters().to(x).repeat(channels, 1, 1).unsqueeze(1)
    return F.conv2d(x, kernel, stride=2, groups=channels)


def idwt(y: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Inverse of :func:`dwt`.

    Args:
        y: (N, 4 C, h, w) float, channels as :func:`dwt` orders them.
        size: (H, W) of the original where it was odd; default (2 h, 2 w).

    Returns:
        (N, C, H, W).

    Raises:
        ValueError: the number of channels is no multiple of four, or ``size`` does not belong to (h, w).
    """
    if y.shape[1] % 4:
        raise ValueError(f"idwt: {y.shape[1]} channels given, a multiple of 4 is needed (ll, lh, hl, hh of each channel)")
    channels, (rows, columns) = y.shape[1] // 4, y.shape[2:]
    height, width = size or (2 * rows, 2 * columns)
    if (height + 1) // 2 != rows or (width + 1) // 2 != columns:
        raise ValueError(f"idwt: size {(height, width)} does not belong to subbands of {(rows, columns)}")
    kernel = haar_filters().to(y).repeat(channels, 1, 1).unsqueeze(1)
    return F.conv_transpose2d(y, kernel, stride=2, groups=channels)[:, :, :height, :width]


def wavelet_packet(x: Tensor, levels: int) -> Tensor:
    """Full Haar packet: :func:`dwt` applied ``levels`` times to every band; (N, 4^levels C, H/2^levels, W/2^levels)."""
    for _ in range(levels):
        x = dwt(x)
    return x


def inverse_wavelet_packet(y: Tensor, levels: int) -> Tensor:
    """Inverse of :func:`wavelet_packet` for sizes that are multiples of 2^levels."""
    for _ in range(levels):
        y = idwt(y)
    return y


def packet_names(levels: int) -> list[str]:
    """Band names of a packet in channel order, coarsest transform last: level 2 begins ll.ll, ll.lh, ll.hl, ll.hh."""
    names = list(SUBBANDS)
    for _ in range(levels - 1):
        names = [f"{outer}.{inner}" for outer in names for inner in SUBBANDS]
    return names


class PacketAnalysis(nn.Module):
    """``levels`` Haar levels and a fixed gain for each band, as one strided convolution.

    The bands of a photograph differ in range by a factor of four to ten, and one quantisation scale serves all channels of
    a tensor, so the bands are brought to a similar range by powers of two first; these fold into the filters.

    Args:
        channels: C, channels of the input.
        gains: one factor for each band in the order of :func:`packet_names`; 4^levels of them.
    """

    weight: Tensor

    def __init__(self, channels: int, gains: tuple[float, ...]) -> None:
        super().__init__()
        levels = packet_levels(gains)
        bands, self.stride = 4**levels, 2**levels
        # The response to a unit impulse at each pixel of a block gives the composed filters, column by column.
        impulses = torch.eye(bands).view(bands, 1, self.stride, self.stride)
        filters = wavelet_packet(impulses, levels).view(bands, bands).T * torch.tensor(gains).view(bands, 1)
        # Dense, not grouped: grouped convolutions are refused or split up by some delegates, and the inputs are few.
        weight = torch.zeros(channels * bands, channels, self.stride, self.stride)
        for c in range(channels):
            weight[c * bands : (c + 1) * bands, c] = filters.view(bands, self.stride, self.stride)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 4^levels C, H/2^levels, W/2^levels)."""
        return F.conv2d(x, self.weight, stride=self.stride)


class PacketSynthesis(nn.Module):
    """Inverse of :class:`PacketAnalysis` as one grouped transposed convolution: any size, the form used in training.

    Args:
        channels: C, channels of the output.
        gains: the factors given to :class:`PacketAnalysis`; the bands are divided by them.
    """

    weight: Tensor

    def __init__(self, channels: int, gains: tuple[float, ...]) -> None:
        super().__init__()
        self.channels, self.gains = channels, gains
        analysis = PacketAnalysis(1, tuple(1 / gain for gain in gains))
        self.stride = analysis.stride
        self.register_buffer("weight", analysis.weight.repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """(N, 4^levels C, h, w) -> (N, C, 2^levels h, 2^levels w)."""
        return F.conv_transpose2d(y, self.weight, stride=self.stride, groups=self.channels)

    def deployed(self, height: int, width: int) -> "StuffedSynthesis":
        """The same map for a fixed output size and without a transposed convolution."""
        return StuffedSynthesis(self.channels, self.gains, height, width)


class StuffedSynthesis(nn.Module):
    """:class:`PacketSynthesis` for phones: zero-stuffing and a plain convolution, level by level.

    Zero-stuffing is nearest-neighbour upsampling times a comb that is aligned to the stride. No TRANSPOSE_CONV, no
    rank-6 reshape, no strided slice: those are what GPU delegates refuse (docs/export.md).

    Args:
        channels: C, channels of the output.
        gains: as for :class:`PacketSynthesis`.
        height: output height in pixels, a multiple of 2^levels.
        width: output width in pixels, likewise.
    """

    def __init__(self, channels: int, gains: tuple[float, ...], height: int, width: int) -> None:
        super().__init__()
        self.levels = packet_levels(gains)
        if height % 2**self.levels or width % 2**self.levels:
            raise ValueError(f"size {height}x{width}: both must be multiples of {2**self.levels}")
        # The stuffed sample (2i, 2j) must reach pixels (2i..2i+1, 2j..2j+1): pad a row above and a column to the left and
        # turn the filters by 180 degrees, because a network's "convolution" is a correlation.
        turned = haar_filters().flip(1, 2)
        for level in range(self.levels):
            outputs = channels * 4 ** (self.levels - 1 - level)
            weight = torch.zeros(outputs, 4 * outputs, 2, 2)
            for o in range(outputs):
                weight[o, 4 * o : 4 * o + 4] = turned
            if level == 0:
                weight = weight / torch.tensor(gains).repeat(channels).view(1, -1, 1, 1)
            comb = torch.zeros(1, 1, height >> (self.levels - 1 - level), width >> (self.levels - 1 - level))
            comb[:, :, ::2, ::2] = 1
            self.register_buffer(f"weight{level}", weight, persistent=False)
            self.register_buffer(f"comb{level}", comb, persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """(N, 4^levels C, h, w) -> (N, C, 2^levels h, 2^levels w)."""
        for level in range(self.levels):
            stuffed = F.interpolate(y, scale_factor=2.0, mode="nearest") * getattr(self, f"comb{level}")
            y = F.conv2d(F.pad(stuffed, (1, 0, 1, 0)), getattr(self, f"weight{level}"))
        return y


class BlockSynthesis(nn.Module):
    """:class:`PacketSynthesis` for processors: a 1x1 convolution, whose results are then laid out as blocks of pixels.

    A quarter of the work of :class:`StuffedSynthesis`, which multiplies the zeros that it stuffs. Tensors have four axes at most.

    Args:
        channels: C, channels of the output.
        gains: as for :class:`PacketSynthesis`.
    """

    weight: Tensor

    def __init__(self, channels: int, gains: tuple[float, ...]) -> None:
        super().__init__()
        self.channels, self.stride = channels, 2 ** packet_levels(gains)
        self.register_buffer("weight", synthesis_matrix(channels, gains), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """(1, 4^levels C, h, w) -> (1, C, 2^levels h, 2^levels w)."""
        (rows, columns), side = y.shape[2:], self.stride
        pixels = F.conv2d(y, self.weight).permute(0, 2, 3, 1).reshape(rows, columns, side, side * self.channels)
        return pixels.permute(0, 2, 1, 3).reshape(1, rows * side, columns * side, self.channels).permute(0, 3, 1, 2)


def synthesis_matrix(channels: int, gains: tuple[float, ...]) -> Tensor:
    """The inverse Haar packet as a 1x1 convolution from bands to the pixels of a block.

    One coefficient of each band makes one block of 2^levels x 2^levels pixels, and blocks do not overlap, so the inverse is a
    matrix on the bands of each block; the columns are the responses to unit impulses.

    Args:
        channels: colours of the output.
        gains: as for :class:`PacketSynthesis`.

    Returns:
        (channels 4^levels, channels 4^levels, 1, 1) float32; outputs by row, column, colour.
    """
    bands = channels * len(gains)
    impulses = torch.eye(bands).view(bands, bands, 1, 1)
    blocks = PacketSynthesis(channels, gains)(impulses)  # (bands, channels, 2^levels, 2^levels)
    return blocks.permute(2, 3, 1, 0).reshape(bands, bands, 1, 1).contiguous()


def packet_levels(gains: tuple[float, ...]) -> int:
    """Number of Haar levels that a table of band gains is for: 4 gains for one level, 16 for two.

    Raises:
        ValueError: the table's length is no power of four.
    """
    levels = next((n for n in range(1, 5) if 4**n == len(gains)), None)
    if levels is None:
        raise ValueError(f"{len(gains)} band gains given, 4, 16, 64 or 256 are needed")
    return levels
