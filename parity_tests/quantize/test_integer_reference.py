"""The integer reference against torch's own integer convolutions, against sums written out, and its refusals."""

import dataclasses

import numpy as np
import pytest
import torch

from models.generator import with_plain_convolutions
from parity_tests.support.formats.onnx_cells import HASH, SIZE, hole, photo, small_calibration
from parity_tests.support.small import small_generator
from quantize.algorithms.changes import Changes
from quantize.coverage import STEM_INPUT
from quantize.integer_reference import Convolution, IntegerReference, Sum, doubled, entry_integers, head_values
from quantize.runtime_sums import RUNTIMES
from quantize.samples import Sample
from quantize.table import Activation
from quantize.tabulate import observe, tabulate

ENTRY, RESULT = Activation(0.05, -7), Activation(0.9, 4)


def convolution(weight, *, stride=1, padding=0, groups=1, relu=False, bias=None):
    outputs = len(weight)
    return Convolution(
        weight.astype(np.float64),
        np.arange(outputs, dtype=np.float64) * 11 if bias is None else bias,
        np.linspace(0.0005, 0.02, outputs, dtype=np.float32),
        ENTRY,
        RESULT,
        stride,
        padding,
        groups,
        relu,
    )


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 3, 3, 3), {"padding": 1}),
        ((5, 3, 1, 1), {"relu": True}),
        ((4, 3, 2, 2), {"stride": 2}),
        ((6, 1, 5, 5), {"padding": 2, "groups": 6, "relu": True}),
    ],
)
def test_a_convolution_is_that_of_torch_on_integers(shape, options):
    rng = np.random.default_rng(1)
    weight = rng.integers(-63, 64, shape)
    one = convolution(weight, **options)
    x = rng.integers(-128, 128, (shape[1] * one.groups, 8, 10)).astype(np.int16)
    integers = torch.from_numpy(x.astype(np.int64) - ENTRY.zero_point)[None]
    sums = torch.conv2d(integers, torch.from_numpy(weight), torch.arange(shape[0]) * 11, one.stride, one.padding, 1, one.groups)
    np.testing.assert_array_equal(one.accumulate(x), sums[0].numpy())
    # The requantisation, by a loop and Python's own rounding (halves to even) of the float32 product.
    got = one(x)
    for index in np.ndindex(*got.shape):
        level = round(float(np.float32(sums[0].numpy()[index]) * one.multiplier[index[0]])) + RESULT.zero_point
        assert got[index] == min(max(level, RESULT.zero_point if one.relu else -128), 127)


def test_a_sum_is_that_of_every_runtime_where_the_table_has_no_ties():
    """Scales of which `differing_pairs` finds none: all seven arithmetics of ``runtime_sums`` give the reference's integers."""
    from quantize.runtime_sums import differing_pairs

    left, right = Activation(0.0317, 3), Activation(0.0229, -20)
    scales = (float(np.float32(0.05 * (1 + step * 1e-4))) for step in range(400))
    result = next(c for s in scales if differing_pairs(left, right, c := Activation(s, -9)) == 0)
    integers = np.arange(-128, 128, dtype=np.int16)
    a, b = np.meshgrid(integers, integers, indexing="ij")
    got = Sum(left, right, result)(a[None], b[None])[0]
    for name, sums in RUNTIMES.items():
        wanted = np.clip(sums(left, right, result) + result.zero_point, -128, 127)
        np.testing.assert_array_equal(got, wanted, err_msg=name)


def test_doubling_entry_and_head():
    x = np.array([[[1, 2], [3, 4]]], np.int16)
    np.testing.assert_array_equal(doubled(x)[0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    values = np.array([0.0, 0.025, 0.075, -0.026, 90.0, -90.0], np.float32)
    exact = Activation(0.05, -7)
    np.testing.assert_array_equal(entry_integers(values[[0, 3, 4, 5]], exact), [-7, -8, 127, -128])
    np.testing.assert_array_equal(head_values(np.array([-7, -6], np.int16), exact), np.float32([0, 0.05]))


def test_an_accumulator_beyond_32_bits_is_refused():
    one = convolution(np.full((1, 1, 1, 1), 63), bias=np.array([2.0**31]))
    with pytest.raises(OverflowError, match="beyond 32 bits"):
        one(np.zeros((1, 1, 1), np.int16))


def test_the_reference_makes_the_changes_of_its_table_first():
    """Factors that are powers of two, and corrected biases."""
    generator = small_generator()
    layer = generator.stem
    factors = tuple(i % 3 - 1 for i in range(generator.spec.widths[0]))
    changes = Changes({"down.0.0.conv1": factors}, {"stem": tuple(0.25 * i for i in range(len(factors)))})
    changed = changes.applied(with_plain_convolutions(generator))
    samples = [Sample(photo(SIZE)[0], hole()[0, :, :, 0] >= 128, {})]
    table = tabulate(generator, HASH, observe(changed, samples, progress=False), changes=changes)
    layers = IntegerReference(generator, table).convolutions()
    step = table.activations[STEM_INPUT].scale * np.array(table.weights["stem.weight"].scales)
    bias = layer.bias.detach().numpy() + 0.25 * np.arange(len(factors), dtype=np.float32)
    np.testing.assert_array_equal(layers["stem"].bias, np.rint(bias / step))
    made, read = (layers[f"down.0.0.{name}"] for name in ("conv1", "conv2"))
    weights = [generator.get_submodule(f"down.0.0.{name}").folded().weight.detach().numpy() for name in ("conv1", "conv2")]
    scales = [np.array(table.weights[f"down.0.0.{name}.weight"].scales) for name in ("conv1", "conv2")]
    powers = np.exp2(factors)
    for one, weight, by, scale in (
        (made, weights[0], powers[:, None, None, None], scales[0]),
        (read, weights[1], 1 / powers[None, :, None, None], scales[1]),
    ):
        # A weight that lies half-way between two integers may go to either.
        assert np.abs(one.weight - weight * by / scale[:, None, None, None]).max() < 0.5 + 1e-4


def test_layers_kept_in_float_are_refused():
    with pytest.raises(ValueError, match=r"keeps down\.0\.0\.conv1 in float"):
        IntegerReference(small_generator(), dataclasses.replace(small_calibration(), float_layers=("down.0.0.conv1",)))
