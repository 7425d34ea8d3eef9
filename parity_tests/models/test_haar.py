"""The Haar transform against PyWavelets, and every form of it against the others."""

from collections.abc import Callable

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.conventions import SUBBANDS
from models.spec import TWO_LEVEL_GAINS
from models.wavelet import (
    BlockSynthesis,
    PacketAnalysis,
    PacketSynthesis,
    StuffedSynthesis,
    dwt,
    haar_filters,
    idwt,
    inverse_wavelet_packet,
    packet_levels,
    packet_names,
    wavelet_packet,
)

UNEVEN_GAINS = tuple(0.25 * 2.0 ** (band % 5) for band in range(16))
EXACT = 1e-12  # float64: a handful of additions of numbers around 1
SINGLE = 2e-6  # float32 sums of at most 64 products of numbers around 1
SIZES = [(2, 2), (8, 12), (16, 16), (1, 1), (7, 8), (8, 7), (5, 9), (1, 6)]


def random(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(list(shape)).standard_normal(shape))


def worst_subband_error(transform: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Largest difference of any subband of any channel from PyWavelets."""
    y = transform(x).numpy()
    worst = 0.0
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            ll, (hl, lh, hh) = pywt.dwt2(x[n, c].numpy(), "haar", mode="symmetric")
            for band, reference in {"ll": ll, "lh": lh, "hl": hl, "hh": hh}.items():
                ours = y[n, 4 * c + SUBBANDS.index(band)]
                assert ours.shape == reference.shape
                worst = max(worst, float(np.abs(ours - reference).max()))
    return worst


@pytest.mark.parametrize("size", SIZES)
def test_every_subband_equals_pywavelets(size):
    assert worst_subband_error(dwt, random(2, 3, *size)) < EXACT


def test_comparison_notices_swapped_details():
    def swapped(x: Tensor) -> Tensor:
        bands = dwt(x).unflatten(1, (-1, 4))
        return bands[:, :, [0, 2, 1, 3]].flatten(1, 2)

    assert worst_subband_error(swapped, random(1, 2, 8, 8)) > 0.1


def test_comparison_notices_a_missing_sign():
    assert worst_subband_error(lambda x: dwt(x).abs(), random(1, 1, 8, 8)) > 0.1


def test_filters_are_orthonormal():
    matrix = haar_filters().view(4, 4)
    assert torch.equal(matrix @ matrix.T, torch.eye(4))


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_perfect_reconstruction(height, width, channels):
    x = random(1, channels, height, width)
    assert torch.allclose(idwt(dwt(x), (height, width)), x, atol=EXACT, rtol=0)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_packet_is_repeated_dwt_and_keeps_the_energy(levels):
    x = random(2, 3, 16, 24)
    y = wavelet_packet(x, levels)
    repeated = x
    for _ in range(levels):
        repeated = dwt(repeated)
    assert torch.equal(y, repeated)
    assert y.square().sum().item() == pytest.approx(x.square().sum().item(), rel=1e-12)
    assert torch.allclose(inverse_wavelet_packet(y, levels), x, atol=EXACT, rtol=0)


def test_packet_channels_are_named_after_the_dwt_of_the_dwt():
    """Channel i of the packet is band names[i]: the first name is the first transform's band, checked by PyWavelets."""
    x = random(1, 1, 16, 16)
    packet = wavelet_packet(x, 2)[0].numpy()
    keys = {"ll": "a", "lh": "v", "hl": "h", "hh": "d"}
    tree = pywt.WaveletPacket2D(x[0, 0].numpy(), "haar", mode="symmetric")
    for channel, name in enumerate(packet_names(2)):
        outer, inner = name.split(".")
        reference = tree[keys[outer] + keys[inner]].data
        assert np.abs(packet[channel] - reference).max() < EXACT, name


@pytest.mark.parametrize("gains", [TWO_LEVEL_GAINS, UNEVEN_GAINS, (1.0, 2.0, 4.0, 8.0)])
def test_analysis_is_the_packet_times_gains(gains):
    x = random(2, 4, 16, 32).float()
    levels = packet_levels(gains)
    expected = wavelet_packet(x, levels) * torch.tensor(gains).repeat(4).view(1, -1, 1, 1)
    assert torch.allclose(PacketAnalysis(4, gains)(x), expected, atol=SINGLE * max(gains), rtol=0)


@pytest.mark.parametrize("gains", [TWO_LEVEL_GAINS, UNEVEN_GAINS, (1.0, 2.0, 4.0, 8.0)])
def test_both_syntheses_invert_the_analysis(gains):
    x = random(2, 3, 16, 32).float()
    bands = PacketAnalysis(3, gains)(x)
    for synthesis in (PacketSynthesis(3, gains), StuffedSynthesis(3, gains, 16, 32)):
        assert torch.allclose(synthesis(bands), x, atol=SINGLE, rtol=0), type(synthesis).__name__


@pytest.mark.parametrize("gains", [TWO_LEVEL_GAINS, UNEVEN_GAINS])
@pytest.mark.parametrize("size", [(4, 4), (16, 32), (20, 12)])
def test_stuffed_equals_transposed_equals_blocks_equals_packet(gains, size):
    """Not only on images of the analysis: on any bands."""
    y = random(2, 48, size[0] // 4, size[1] // 4).float()
    transposed = PacketSynthesis(3, gains)
    by_definition = inverse_wavelet_packet(y / torch.tensor(gains).repeat(3).view(1, -1, 1, 1), 2)
    atol = SINGLE / min(gains)
    assert torch.allclose(transposed(y), by_definition, atol=atol, rtol=0)
    assert torch.allclose(transposed.deployed(*size)(y), by_definition, atol=atol, rtol=0)
    assert torch.allclose(BlockSynthesis(3, gains)(y[:1]), by_definition[:1], atol=atol, rtol=0)


def test_a_comb_off_by_one_is_noticed():
    stuffed = StuffedSynthesis(3, TWO_LEVEL_GAINS, 16, 16)
    y = random(1, 48, 4, 4).float()
    good = stuffed(y)
    stuffed.comb0 = stuffed.comb0.roll(1, dims=-1)
    assert not torch.allclose(stuffed(y), good, atol=0.1)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="6 channels"):
        idwt(torch.zeros(1, 6, 2, 2))
    with pytest.raises(ValueError, match=r"\(9, 8\) does not belong to subbands of \(4, 4\)"):
        idwt(torch.zeros(1, 4, 4, 4), (9, 8))
    with pytest.raises(ValueError, match="5 band gains"):
        packet_levels((1.0,) * 5)
    with pytest.raises(ValueError, match="18x16"):
        StuffedSynthesis(3, TWO_LEVEL_GAINS, 18, 16)
