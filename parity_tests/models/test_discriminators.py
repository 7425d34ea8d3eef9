"""Discriminators: each sees the hole, judges samples apart, in patches of a known size, and learns with every parameter."""

import numpy as np
import pytest
import pywt
import torch

from models.discriminators import DETAIL_GAIN, DISCRIMINATORS, PatchDiscriminator

SCALES = {"image": [1], "wavelet": [2], "structure": [2], "structure_wavelet": [4], "multiscale": [1, 2, 4]}
"""Pixels to a step of the first layer, for each patch discriminator inside."""

SMOOTHING = {"structure": 5, "structure_wavelet": 5}
"""Pixels that a window of 7 around every second one sees beyond the blocks of two."""


def _network(name):
    torch.manual_seed(0)
    return DISCRIMINATORS[name]()


def _scales(name, network):
    """(pixels to a step, halvings) of each patch discriminator inside."""
    inside = [module for module in network.modules() if isinstance(module, PatchDiscriminator)]
    return [(pixels, len(patches.layers)) for pixels, patches in zip(SCALES[name], inside, strict=True)]


def _inputs(count=2, size=128, seed=0):
    rng = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 3, size, size, generator=rng) * 2 - 1
    hole = torch.zeros(count, 1, size, size)
    hole[:, :, size // 4 : size // 2, size // 3 :] = 1
    return image, hole


def test_every_discriminator_is_described_here():
    assert SCALES.keys() == DISCRIMINATORS.keys()


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_another_hole_gives_other_logits(name):
    network, (image, hole) = _network(name), _inputs()
    with torch.no_grad():
        for before, after in zip(network(image, hole), network(image, hole.flip(3)), strict=True):
            assert (before.logits != after.logits).any()
            assert all((a != b).any() for a, b in zip(before.features, after.features, strict=True))


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_samples_of_a_batch_are_independent(name):
    """Statistics over the batch would tie them together, and two processes would not equal one."""
    network, (image, hole) = _network(name), _inputs(3)
    image.requires_grad_()
    hole.requires_grad_()
    judgements = network(image, hole)
    sums = [value[1].sum() for j in judgements for value in (j.logits, *j.features)]
    for gradient in torch.autograd.grad(torch.stack(sums).sum(), (image, hole)):
        assert gradient[1].any()
        assert not gradient[[0, 2]].any()


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_gradients_reach_every_parameter(name):
    network = _network(name)
    torch.stack([j.logits.square().sum() for j in network(*_inputs())]).sum().backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.any(), parameter


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_shapes(name, size):
    network = _network(name)
    with torch.no_grad():
        judgements = network(*_inputs(1, size))
    for judgement, (pixels, halvings) in zip(judgements, _scales(name, network), strict=True):
        sides = [size // (pixels * 2 ** (layer + 1)) for layer in range(halvings)]
        assert [tuple(f.shape[2:]) for f in judgement.features] == [(side, side) for side in sides]
        assert judgement.logits.shape == (1, 1, sides[-1], sides[-1])


def _extent(value, image):
    """Height and width of the pixels that a value depends on."""
    (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
    rows, columns = gradient[0].abs().sum(0).nonzero().T
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_patches_have_the_size_of_their_closed_form(name):
    """A 4x4 convolution of stride 2 adds 3 steps of its input: 1 + 3 (2^n - 1) after n; the last 3x3 one adds 2 of 2^n."""
    network, (image, hole) = _network(name), _inputs(1, 512)
    image.requires_grad_()
    for judgement, (pixels, halvings) in zip(network(image, hole), _scales(name, network), strict=True):
        centre = judgement.logits.shape[2] // 2
        features = pixels * (1 + 3 * (2**halvings - 1)) + SMOOTHING.get(name, 0)
        assert _extent(judgement.features[-1][0, :, centre, centre].sum(), image) == (features, features)
        logits = features + pixels * 2 * 2**halvings
        assert _extent(judgement.logits[0, 0, centre, centre], image) == (logits, logits)
        if (pixels, halvings) == (1, 5):  # the figure in the docstring
            assert features == 94


def _input_of_patches(network, image, hole):
    """What the wavelet discriminator hands to the patch discriminator inside it."""
    seen = []
    handle = network.patches.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    with torch.no_grad():
        network(image, hole)
    handle.remove()
    return seen[0].float().numpy()


def test_the_wavelet_one_judges_the_subbands_of_pywavelets():
    network, (image, hole) = _network("wavelet"), _inputs(2, 32)
    hole[0, 0, 3, 5] = 1  # a quarter of a block
    ll, (hl, lh, hh) = pywt.dwt2(image.numpy().astype(np.float64), "haar", axes=(2, 3))
    bands = np.stack([0.5 * ll, DETAIL_GAIN * lh, DETAIL_GAIN * hl, DETAIL_GAIN * hh], axis=2)
    share = hole.numpy().reshape(2, 1, 16, 2, 16, 2).mean((3, 5))
    got = _input_of_patches(network, image, hole)
    np.testing.assert_allclose(got[:, :12], bands.reshape(2, 12, 16, 16), atol=1e-5)
    np.testing.assert_array_equal(got[:, 12:], share)
    # The harness can fail: two bands changed places.
    assert np.abs(got[:, :12] - bands[:, :, [0, 2, 1, 3]].reshape(2, 12, 16, 16)).max() > 0.1


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_logits_are_float32_under_autocast(name):
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        judgements = _network(name)(*_inputs())
    assert all(j.logits.dtype == torch.float32 for j in judgements)


def test_subbands_are_taken_in_float32_under_autocast():
    network, (image, hole) = _network("wavelet"), _inputs(1, 32)
    plain = _input_of_patches(network, image, hole)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(_input_of_patches(network, image, hole), plain)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_initial_logits_are_moderate(name):
    """He's gain keeps the variance, so that the first steps are neither blind nor saturated."""
    with torch.no_grad():
        for judgement in _network(name)(*_inputs(8)):
            assert 0.05 < float(judgement.logits.std()) < 5
