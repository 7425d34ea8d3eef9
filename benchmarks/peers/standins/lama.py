"""The published shape of big-lama (Suvorov et al., WACV 2022, section 2 and supplement), with random weights.

Three halvings from 64 to 512 channels, 18 residual blocks of two fast Fourier convolutions (Chi et al., 2020) with three quarters
of the channels in the global branch, three doublings; 51 million parameters. Batch normalisation is folded into the convolutions,
and the Fourier transform, which runtimes of phones do not have, is written as products with its matrices.
"""

import numpy as np

from benchmarks.peers.standins.graph import GraphWriter, Tensor

WIDTH, HALVINGS, BLOCKS = 64, 3, 18
GLOBAL = 384
"""Channels of the global branch among the 512."""


def build(size: int, seed: int = 0) -> tuple[GraphWriter, list[Tensor], Tensor]:
    """The network for pictures of size x size, a multiple of 8.

    Returns:
        The graph; its inputs ``image`` (1, 3, size, size) in [0, 1] and ``mask`` (1, 1, size, size), 1 in the hole; its output
        (1, 3, size, size) in [0, 1].
    """
    if size % 2**HALVINGS:
        raise ValueError(f"size {size}: LaMa takes multiples of {2**HALVINGS}")
    writer = GraphWriter(seed)
    image, mask = Tensor("image", 3, size, size), Tensor("mask", 1, size, size)
    known = writer.pointwise("Sub", Tensor(writer.scalar(1), 1, size, size), mask.name)
    cleared = writer.pointwise("Mul", image, known.name)
    x = Tensor(writer.node("Concat", [cleared.name, mask.name], axis=1)[0], 4, size, size)
    x = _relu(writer, writer.conv(x, WIDTH, 7, reflect=True))
    for i in range(1, HALVINGS):
        x = _relu(writer, writer.conv(x, WIDTH * 2**i, 3, stride=2, reflect=True))
    width = WIDTH * 2**HALVINGS
    near, far = (_relu(writer, writer.conv(x, count, 3, stride=2, reflect=True)) for count in (width - GLOBAL, GLOBAL))
    for _ in range(BLOCKS):
        inner = _fourier_convolution(writer, *_fourier_convolution(writer, near, far))
        near, far = (writer.pointwise("Add", before, after.name) for before, after in zip((near, far), inner, strict=True))
    x = Tensor(writer.node("Concat", [near.name, far.name], axis=1)[0], width, near.height, near.width)
    for i in reversed(range(HALVINGS)):
        x = _relu(writer, writer.grown(x, WIDTH * 2**i, 3, groups=1))
    return writer, [image, mask], writer.pointwise("Sigmoid", writer.conv(x, 3, 7, reflect=True))


def _relu(writer: GraphWriter, x: Tensor) -> Tensor:
    return writer.pointwise("Relu", x)


def _fourier_convolution(writer: GraphWriter, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """One fast Fourier convolution: 3x3 within and between the branches, a spectral transform within the global one."""
    to_near = [writer.conv(x, near.channels, 3, reflect=True) for x in (near, far)]
    to_far = [writer.conv(near, far.channels, 3, reflect=True), _spectral_transform(writer, far)]
    # Random weights: a sum of two keeps its size, so that 36 of these in a row stay finite.
    made = [writer.pointwise("Mul", writer.pointwise("Add", a, b.name), writer.scalar(0.5)) for a, b in (to_near, to_far)]
    return _relu(writer, made[0]), _relu(writer, made[1])


def _spectral_transform(writer: GraphWriter, x: Tensor) -> Tensor:
    """1x1 to half the channels, a 1x1 convolution of their spectrum, 1x1 back."""
    half = _relu(writer, writer.conv(x, x.channels // 2, 1))
    return writer.conv(writer.pointwise("Add", half, _fourier_unit(writer, half).name), x.channels, 1)


def _fourier_unit(writer: GraphWriter, x: Tensor) -> Tensor:
    """Real 2-D transform, 1x1 convolution over real and imaginary parts as channels, inverse transform (orthonormal)."""
    rows, columns = _matrix(x.height), _matrix(x.width)[:, : x.width // 2 + 1]  # of a real signal half the spectrum says all
    real, imaginary = (_product(writer, x, part, right=True) for part in (columns.real, columns.imag))
    real, imaginary = _complex_product(writer, real, imaginary, rows)
    joined = Tensor(writer.node("Concat", [real.name, imaginary.name], axis=1)[0], 2 * x.channels, real.height, real.width)
    mixed = _relu(writer, writer.conv(joined, joined.channels, 1))
    parts = writer.node("Split", [mixed.name], count=2, axis=1)
    real, imaginary = (Tensor(name, x.channels, real.height, real.width) for name in parts)
    real, imaginary = _complex_product(writer, real, imaginary, rows.conj())
    # What the other half of the spectrum would add is the conjugate of this one: its columns count twice, but for the ends.
    back = columns.conj().T * np.where(np.isin(np.arange(columns.shape[1]), (0, x.width // 2)), 1, 2)[:, None]
    cosine, sine = _product(writer, real, back.real, right=True), _product(writer, imaginary, back.imag, right=True)
    return writer.pointwise("Sub", cosine, sine.name)


def _matrix(length: int) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """The orthonormal discrete Fourier transform of a length."""
    return np.exp(-2j * np.pi * np.outer(np.arange(length), np.arange(length)) / length) / np.sqrt(length)


def _complex_product(writer: GraphWriter, real: Tensor, imaginary: Tensor, matrix: np.ndarray) -> tuple[Tensor, Tensor]:
    """The transform along the rows' index, from the left."""
    a, b, c, d = (_product(writer, x, part) for x in (real, imaginary) for part in (matrix.real, matrix.imag))
    return writer.pointwise("Sub", a, d.name), writer.pointwise("Add", b, c.name)


def _product(writer: GraphWriter, x: Tensor, matrix: np.ndarray, *, right: bool = False) -> Tensor:
    """Every channel times a real matrix."""
    stored = writer.constant(matrix.astype(np.float32))
    (name,) = writer.node("MatMul", [x.name, stored] if right else [stored, x.name])
    made = Tensor(name, x.channels, x.height if right else matrix.shape[0], matrix.shape[1] if right else x.width)
    writer.macs += made.channels * made.height * made.width * (x.width if right else x.height)
    return made
