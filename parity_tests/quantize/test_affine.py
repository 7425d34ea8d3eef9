"""The arithmetic of w8a8 against torch's own operators and against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantize.affine import LARGEST_BIAS, WEIGHT_MAX, affine_parameters, weight_integers, weight_scales, with_room_for_bias
from quantize.observers import BINS, RANGES, ActivationHistogram, squared_error
from quantize.pt2e import Quantizer  # noqa: F401 - registers torch.ops.quantized_decomposed


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_a_range_is_covered_and_zero_is_exact(low, width):
    scale, zero_point = affine_parameters(low, low + width)
    assert -128 <= zero_point <= 127
    assert scale == np.float32(scale)
    bottom, top = scale * (-128 - zero_point), scale * (127 - zero_point)
    assert bottom <= min(low, 0) + 0.51 * scale
    assert top >= max(low + width, 0) - 0.51 * scale


@pytest.mark.parametrize("span", [(0.0, 0.0), (float("nan"), 1.0), (-1.0, float("inf")), (0.0, 1e-44)])
def test_an_empty_or_infinite_range_is_refused(span):
    with pytest.raises(ValueError, match="range"):
        affine_parameters(*span)


def test_weight_integers_are_torch_s_and_fit_seven_bits():
    weight = torch.randn(24, 5, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 3, 24).view(-1, 1, 1, 1)
    weight[7] = 0
    scales = weight_scales(weight.numpy())
    ours = weight_integers(weight.numpy(), scales)
    zero = torch.zeros(24, dtype=torch.int64)
    theirs = torch.ops.quantized_decomposed.quantize_per_channel(
        weight, torch.from_numpy(scales), zero, 0, -WEIGHT_MAX, WEIGHT_MAX, torch.int8
    )
    assert np.array_equal(ours, theirs.numpy())
    assert np.abs(ours).max(axis=(1, 2, 3)).tolist() == [0 if o == 7 else 63 for o in range(24)]
    restored = ours * scales.reshape(-1, 1, 1, 1)
    assert (np.abs(restored - weight.numpy()) <= 0.5001 * scales.reshape(-1, 1, 1, 1)).all()


def observed(*tensors):
    histogram = ActivationHistogram("x")
    for tensor in tensors:
        histogram(tensor)
    return histogram


def test_the_histogram_does_not_depend_on_the_order():
    parts = [torch.randn(1000, generator=torch.Generator().manual_seed(i)) * 4.0**i for i in range(4)]
    forth, back = observed(*parts), observed(*reversed(parts))
    assert torch.equal(forth.counts, back.counts)
    assert (forth.low, forth.high, forth.exponent) == (back.low, back.high, back.exponent)
    assert forth.counts.sum() == 4000
    assert forth.low == min(part.min().item() for part in parts)


def test_the_histogram_is_numpy_s():
    x = torch.randn(5000, generator=torch.Generator().manual_seed(1))
    histogram = observed(x[:10] / 1000, x)
    span = 2.0**histogram.exponent
    expected = np.histogram(torch.cat([x[:10] / 1000, x]).double().numpy(), BINS, (-span, span))[0]
    assert np.array_equal(histogram.counts.numpy(), expected)


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="x: values"):
        observed(torch.tensor([1.0, float("inf")]))


@pytest.mark.parametrize("rule", RANGES)
def test_every_rule_gives_a_range_inside_what_was_seen(rule):
    histogram = observed(torch.relu(torch.randn(20000, generator=torch.Generator().manual_seed(2))))
    scale, zero_point = histogram.parameters_by(RANGES[rule])
    assert zero_point == -128
    assert 0.3 * histogram.high <= 255 * scale <= histogram.high * 1.001


def test_the_mse_rule_finds_the_range_that_brute_force_finds():
    # A body of unit size with one outlier at 40: covering it would cost every other value its resolution.
    x = torch.cat([torch.randn(200000, generator=torch.Generator().manual_seed(3)), torch.tensor([40.0])])
    histogram = observed(x)
    scale, zero_point = histogram.parameters_by(RANGES["mse"])

    def error(scale, zero_point):
        restored = (torch.clamp(torch.round(x / scale) + zero_point, -128, 127) - zero_point) * scale
        return ((restored - x) ** 2).sum().item()

    best = min(error(*affine_parameters(-4 * a, 40 * b)) for a in np.linspace(0.5, 2, 16) for b in np.linspace(0.05, 1, 39))
    assert error(scale, zero_point) <= 1.02 * best
    assert error(scale, zero_point) < 0.8 * error(*histogram.parameters_by(RANGES["minmax"]))


def test_squared_error_is_that_of_quantising():
    centres = np.linspace(-1, 3, 4001)
    counts = np.ones_like(centres)
    scale, zero_point = affine_parameters(-0.5, 2.0)
    restored = (np.clip(np.rint(centres / scale) + zero_point, -128, 127) - zero_point) * scale
    assert squared_error(counts, centres, (-0.5, 2.0)) == pytest.approx(((restored - centres) ** 2).sum(), rel=0.02)


def test_a_channel_of_tiny_weights_gets_the_scale_that_its_bias_needs():
    scales, bias = np.array([1e-3, 1e-7], np.float32), np.array([0.5, -0.5], np.float32)
    wider = with_room_for_bias(scales, bias, 0.02)
    assert wider[0] == scales[0]
    assert abs(bias[1]) / (0.02 * wider[1].astype(np.float64)) == pytest.approx(LARGEST_BIAS)
