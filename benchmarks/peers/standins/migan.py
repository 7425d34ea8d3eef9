"""The published shape of MI-GAN's generator (Sargsyan et al., ICCV 2023, section 3 and supplement), with random weights.

An encoder and a decoder of depthwise-separable convolutions, min(32768 / side, 512) channels at every side down to 4,
additive skips, fixed noise in the decoder, a picture read off at every scale and summed; 5.9 million parameters and 10.9 G
multiply-accumulates at 256 x 256 after re-parametrisation. Activations are leaky ReLU times sqrt(2), cut at 256.
"""

import math

import numpy as np

from benchmarks.peers.standins.graph import GraphWriter, Tensor

BASE, MOST, SMALLEST = 32_768, 512, 4
KERNEL = (np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64).astype(np.float32)
"""Resampling filter of StyleGAN2, which the network takes over (Karras et al., 2020)."""


def build(size: int, seed: int = 0) -> tuple[GraphWriter, list[Tensor], Tensor]:
    """The network for pictures of size x size, a power of two.

    Returns:
        The graph, its input (1, 4, size, size): known - 0.5, then the picture in [-1, 1] with its hole cleared; and its output
        (1, 3, size, size) in [-1, 1].
    """
    sides = [2**i for i in range(int(math.log2(size)), 1, -1)]
    if sides[0] != size:
        raise ValueError(f"size {size}: MI-GAN takes powers of two")
    writer = GraphWriter(seed)
    picture = Tensor("input", 4, size, size)
    x = _activated(writer, writer.conv(picture, channels(size), 1))
    skips = {}
    for side in sides:
        below = max(side // 2, SMALLEST)
        skips[side] = _separable(writer, x, channels(side))
        x = _separable(writer, skips[side], channels(below), shrink=below < side)
    x = _separable(writer, x, channels(SMALLEST))
    x = _separable(writer, writer.pointwise("Add", x, skips[SMALLEST].name), channels(SMALLEST))
    image = writer.conv(x, 3, 1)
    for side in sides[-2::-1]:
        x = _separable(writer, x, channels(side), grow=True, noise=True)
        x = writer.pointwise("Add", x, skips[side].name)
        x = _separable(writer, x, channels(side), noise=True)
        image = writer.pointwise("Add", _doubled(writer, image), writer.conv(x, 3, 1).name)
    return writer, [picture], image


def channels(side: int) -> int:
    """How many a layer has whose output is side x side."""
    return min(BASE // side, MOST)


def _separable(
    writer: GraphWriter, x: Tensor, out: int, *, shrink: bool = False, grow: bool = False, noise: bool = False
) -> Tensor:
    """3x3 depthwise, then 1x1; half the side between the two, or twice the side after both."""
    x = _activated(writer, writer.conv(x, x.channels, 3, groups=x.channels))
    if shrink:
        x = writer.filtered(x, KERNEL, [1, 1, 1, 1], stride=2)
    x = writer.conv(x, out, 1, bias=False)
    if grow:
        x = _doubled(writer, x)
    if noise:
        x = writer.pointwise("Add", x, writer.constant(0.1 * writer.normal((x.height, x.width), 2)))
    return _activated(writer, x)


def _doubled(writer: GraphWriter, x: Tensor) -> Tensor:
    """Twice the side: zeros between the values by a transposed convolution, then the filter."""
    corner = np.zeros((x.channels, 1, 2, 2), np.float32)
    corner[:, :, 0, 0] = 1
    return writer.filtered(writer.grown(x, x.channels, 2, groups=x.channels, weight=corner), np.float32(4) * KERNEL, [2, 2, 1, 1])


def _activated(writer: GraphWriter, x: Tensor) -> Tensor:
    x = writer.pointwise("LeakyRelu", x, alpha=0.2)
    x = writer.pointwise("Mul", x, writer.scalar(math.sqrt(2)))
    return writer.pointwise("Clip", x, writer.scalar(-256), writer.scalar(256))
