"""Room in half precision: the audit on a network whose largest values are known, and the shipped one."""

import numpy as np
import pytest
import skimage.data
import torch

from models.checkpoint import SHIPPED, load_checkpoint
from models.data.masks import sample_mask
from models.generator import Generator
from parity_tests.conftest import TINY
from quantize.activations import BAR, HALF_MAX, extremes, half_psnr_db
from quantize.samples import Sample


def photos(size):
    rng = np.random.default_rng(5)
    for photo in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.rocket()):
        yield Sample(np.ascontiguousarray(photo[:size, :size]), sample_mask(size, rng)[1], {})


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Generator(TINY).eval()


def test_outputs_and_partial_sums_are_those_written_out(tiny):
    """The stem by hand: its input from the analysis, products in float64, absolute values added up."""
    samples = list(photos(32))
    found = extremes(tiny, samples)
    with torch.no_grad():
        bands = [tiny.analysis(torch.cat(sample.tensors(), dim=1)).double() for sample in samples]
        stem = tiny.stem.folded().double()
        largest = max(float(stem(one).abs().max()) for one in bands)
        weight, bias = stem.weight.abs(), stem.bias.abs()
        partial = max(float(torch.conv2d(one.abs(), weight, bias, padding=1).max()) for one in bands)
    assert found["analysis"].partial is None
    assert found["analysis"].output == pytest.approx(max(float(one.abs().max()) for one in bands), rel=1e-5)
    assert found["stem"].output == pytest.approx(largest, rel=1e-4)
    assert found["stem"].partial == pytest.approx(partial, rel=1e-4)
    assert found["stem"].partial >= found["stem"].output


def test_an_overflow_is_found(tiny):
    """Planted: a head that is 1e7 times too strong leaves the bar, and half precision itself refuses."""
    sample = next(photos(32))
    assert max(one.output for one in extremes(tiny, [sample]).values()) < BAR
    assert half_psnr_db(tiny, sample) > 40
    with torch.no_grad():
        for parameter in tiny.head.parameters():
            parameter *= 1e7
    assert extremes(tiny, [sample])["head"].output > HALF_MAX
    with pytest.raises(ValueError, match="half precision overflows"):
        half_psnr_db(tiny, sample)


@pytest.mark.slow
def test_the_shipped_network_has_room():
    """1,044 was the largest of 64 photos, 63 times below fp16's end; no partial sum in any order comes near it either (1,283)."""
    generator, samples = load_checkpoint(SHIPPED), list(photos(256))
    found = extremes(generator, samples)
    assert max(one.output for one in found.values()) < BAR
    assert max(one.partial or 0.0 for one in found.values()) < HALF_MAX
    assert half_psnr_db(generator, samples[0]) > 50
