"""w8 and w8a16: what their programs compute, against the float network with weights and tensors rounded by NumPy."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from models.checkpoint import SHIPPED, load_checkpoint
from models.generator import fold, with_plain_convolutions
from parity_tests.support.formats.onnx_cells import SIZE, hole, photo, small_calibration
from parity_tests.support.small import small_generator
from quantize.affine import LARGEST_BIAS, weight_integers
from quantize.algorithms.changes import Changes
from quantize.calibrate import Sample
from quantize.coverage import QUANTISE, expected_counts, float_operators, region_counts
from quantize.integer_reference import IntegerReference
from quantize.schemes import DEFAULT_SCHEMES, SCHEMES
from quantize.table import Activation, QuantizationTable, calibration_path
from quantize.wide import ROOM, eight_bit_weights, sixteen_bits, weights_only


def inputs(top=60):
    return Sample(photo(SIZE, top, 90)[0], hole()[0, :, :, 0] >= 128, {}).tensors()


def rounded_by_hand(weight, largest=127):
    """Nearest integers and what they stand for, in NumPy: the largest magnitude of a channel becomes ``largest``."""
    weight = weight.detach().numpy()
    reach = np.abs(weight).max(axis=(1, 2, 3))
    scales = (np.where(reach > 0, reach, 1) / largest).astype(np.float32)
    integers = np.rint(weight * (np.float32(1) / scales).reshape(-1, 1, 1, 1))
    return integers.astype(np.int8), integers.astype(np.float32) * scales.reshape(-1, 1, 1, 1), scales


def test_the_table_of_schemes():
    assert DEFAULT_SCHEMES == ("fp32", "fp16", "w8a8")
    assert {name: scheme.weight_max for name, scheme in SCHEMES.items() if scheme.quantised} == {
        "w8": 127,
        "w8a16": 127,
        "w8a8": 63,
    }
    assert SCHEMES["w8a8"].activation_range == (-128, 127)
    assert SCHEMES["w8a16"].activation_range == (-32768, 32767)
    assert [name for name, scheme in SCHEMES.items() if scheme.wide] == ["w8a16"]


@pytest.mark.parametrize("fold_weights", [True, False])
def test_w8_is_the_float_network_with_rounded_weights(fold_weights):
    expected = fold(small_generator(), SIZE, SIZE)
    learned = [module for module in expected.modules() if isinstance(module, nn.Conv2d)]
    for module in learned:
        _, module.weight.data = (torch.from_numpy(one) for one in rounded_by_hand(module.weight)[:2])
    program = weights_only(fold(small_generator(), SIZE, SIZE), fold_weights=fold_weights)
    with torch.no_grad():
        got, wanted = program(*inputs()), expected(*inputs())
        exact = small_generator()(*inputs())
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)
    error = (got - exact).square().mean()
    assert 0 < error < exact.square().mean() / 1000
    for module in learned:  # planted: seven bits
        module.weight.data = torch.from_numpy(rounded_by_hand(module.weight, 63)[1])
    with torch.no_grad():
        assert (expected(*inputs()) - wanted).abs().max() > 1e-3


def test_w8_integers_are_those_of_numpy():
    found = eight_bit_weights(small_generator())
    parameters = {name: value for name, value in fold(small_generator(), SIZE, SIZE).named_parameters() if value.ndim == 4}
    assert found.keys() == parameters.keys()
    for name, (integers, scales) in found.items():
        wanted, _, wanted_scales = rounded_by_hand(parameters[name])
        np.testing.assert_array_equal(integers, wanted)
        np.testing.assert_array_equal(scales, wanted_scales)


def test_w8a16_is_integer_from_stem_to_head_in_sixteen_bits():
    generator = small_generator()
    program = sixteen_bits(small_calibration(), generator).apply(fold(generator, SIZE, SIZE), SIZE)
    graph = torch.export.export(program, inputs()).module()
    assert float_operators(graph) == []
    assert dict(region_counts(graph)) == expected_counts(generator.spec)
    stored = [node.args[3:] for node in graph.graph.nodes if str(node.target) == QUANTISE]
    assert set(stored) == {(-32768, 32767, torch.int16)}


def test_w8a16_is_the_float_network_with_rounded_tensors():
    """Modules of the float network in their own order, each result rounded by NumPy: nothing of the program's graph."""
    generator, table = small_generator(), sixteen_bits(small_calibration(), small_generator())
    with torch.no_grad():
        got = table.apply(fold(generator, SIZE, SIZE), SIZE)(*inputs())
        # A convolution is rounded before its ReLU here and behind it there: the same, since 0 is an integer. Ties that go another
        # way, and all that follows from them, are steps of 2^-13 of a range.
        assert psnr(got, rounded_by_module(table)(*inputs())) > 73
        # Planted: a step of one tensor in the middle as eight bits would have it.
        row = table.activations["down.1.0"]
        coarse = {**table.activations, "down.1.0": dataclasses.replace(row, scale=row.scale * 64)}
        assert psnr(got, rounded_by_module(dataclasses.replace(table, activations=coarse))(*inputs())) < 67


def rounded_by_module(table):
    core = fold(small_generator(), SIZE, SIZE)

    def rounded(name):
        step = np.float64(np.float32(table.activations[name].scale))

        def hook(module, arguments, output):
            integers = np.clip(np.rint(output.double().numpy() / step), -32768, 32767)
            return torch.from_numpy(integers * step).float()

        return hook

    for name, module in core.named_modules():
        if isinstance(module, nn.Conv2d):
            scales = np.array(table.weights[f"{name}.weight"].scales, np.float32)
            integers = weight_integers(module.weight.detach().numpy(), scales, 127)
            module.weight.data = torch.from_numpy(integers * scales.reshape(-1, 1, 1, 1))
        if name in table.activations and name != "analysis":
            module.register_forward_hook(rounded(name))
    core.grain.register_forward_hook(rounded("analysis"))
    return core


def psnr(a, b):
    return 10 * math.log10(4 / max(float((a - b).square().mean()), 1e-20))


def test_a_w8a16_table_follows_from_the_w8a8_one():
    table = dataclasses.replace(
        small_calibration(), float_layers=("stem",), changes=Changes({}, {"stem": (0.5,) * small_generator().spec.widths[0]})
    )
    wide = sixteen_bits(table, small_generator())
    assert (wide.scheme, wide.float_layers, wide.changes.biases) == ("w8a16", (), {})
    assert wide.activations.keys() == table.activations.keys()
    for name, row in wide.activations.items():
        assert row.zero_point == 0
        assert row.scale * 32767 == pytest.approx(ROOM * max(map(abs, table.activations[name].range)), rel=1e-6)
    with pytest.raises(ValueError, match="w8a16 is derived from one of w8a8"):
        sixteen_bits(wide, small_generator())


def test_equalisation_stays():
    exponents = {"stream.0": (1, -1) * (small_generator().spec.widths[0] // 2)}
    wide = sixteen_bits(dataclasses.replace(small_calibration(), changes=Changes(exponents)), small_generator())
    assert wide.changes.exponents == exponents
    wide.check_weights(dict(wide.changes.applied(with_plain_convolutions(small_generator())).named_parameters()))
    with pytest.raises(ValueError, match="gives other integers"):
        wide.check_weights(dict(with_plain_convolutions(small_generator()).named_parameters()))


def test_a_saved_table_is_of_w8a8(tmp_path):
    path = tmp_path / "wide.calibration.json"
    sixteen_bits(small_calibration(), small_generator()).save(path)
    with pytest.raises(ValueError, match="tables are of w8a8"):
        QuantizationTable.load(path)


def test_no_accumulator_of_the_shipped_network_can_overflow_32_bits():
    """Whatever 16-bit integers come in, in whatever order they are added up; so accelerators may add in 32 bits."""
    generator, table = load_checkpoint(SHIPPED), QuantizationTable.load(calibration_path(SHIPPED))
    convolutions = IntegerReference(generator, sixteen_bits(table, generator)).convolutions()
    assert len(convolutions) == 67
    for name, one in convolutions.items():
        assert np.abs(one.bias).max() <= LARGEST_BIAS * (1 + 1e-6), name
        reach = np.abs(one.weight).reshape(len(one.weight), -1).sum(axis=1) * 32768 + np.abs(one.bias)
        assert reach.max() < 2**31, name
    # Planted: a bias as it would be without the scales that make room for it.
    tight = dataclasses.replace(
        table, activations={n: Activation(r.scale / 1e6, r.zero_point) for n, r in table.activations.items()}
    )
    with pytest.raises(AssertionError):
        assert np.abs(next(iter(IntegerReference(generator, tight).convolutions().values())).bias).max() <= LARGEST_BIAS
