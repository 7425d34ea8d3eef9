"""Switchable rounding: with everything on it is the exported program, with everything off the float network, bit for bit."""

import dataclasses

import pytest
import torch

from models.checkpoint import SHIPPED, load_checkpoint
from models.generator import fold
from parity_tests.quantize.test_table import SIZE, inputs, small_program
from parity_tests.support.small import small_generator
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN
from quantize.fake_quantised import FakeQuantisedCore, nearest_of_half
from quantize.table import Activation, QuantizationTable, calibration_path


@pytest.fixture(scope="module")
def folded():
    return fold(small_generator(), SIZE, SIZE)


@pytest.fixture(scope="module")
def core(folded):
    return FakeQuantisedCore(folded, SIZE, small_program())


def test_all_names_give_the_program_and_none_the_network(core, folded):
    program = small_program().apply(folded, SIZE)
    with torch.inference_mode():
        for seed in range(3):
            ports = inputs(seed=seed)
            assert torch.equal(core.fill(*ports, core.names), program(*ports))
            assert torch.equal(core.fill(*ports, ()), folded(*ports))
    assert set(core.names) == small_program().activations.keys() | small_program().weights.keys()


def test_every_tensor_and_weight_makes_a_difference(core):
    """A name that the walk forgot would change nothing."""
    ports = inputs()
    with torch.inference_mode():
        exact = core.fill(*ports, ())
        same = [
            name
            for name, fill in zip(core.names, core.variants(*ports, (), [(n,) for n in core.names]), strict=True)
            if torch.equal(fill, exact)
        ]
    assert same == []


def test_what_is_shared_between_programs_is_computed_as_if_it_were_not(core):
    ports = inputs(seed=1)
    changes = [(name,) for name in (*core.names[::3], *core.names[::-5])]  # forwards, and back again
    with torch.inference_mode():
        for common in ((), core.names):
            for change, fill in zip(changes, core.variants(*ports, common, changes), strict=True):
                assert torch.equal(fill, core.fill(*ports, set(common) ^ set(change))), change


def test_one_tensor_alone_is_rounded_as_its_row_says(folded):
    """Against the same network with a hook on one layer."""
    row = small_program().activations["down.0.0.conv2"]
    core = FakeQuantisedCore(folded, SIZE, small_program())

    def rounded(_module, _arguments, y):
        integers = torch.clamp(torch.round(y * (1 / torch.tensor(row.scale))) + row.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)
        return (integers - row.zero_point) * torch.tensor(row.scale)

    ports = inputs()
    handle = folded.down[0][0].conv2.register_forward_hook(rounded)
    try:
        with torch.inference_mode():
            expected = folded(*ports)
    finally:
        handle.remove()
    with torch.inference_mode():
        assert torch.equal(core.fill(*ports, ["down.0.0.conv2"]), expected)


def test_half_precision_rounds_twice():
    row = Activation(0.1, 0)
    x = torch.tensor([0.25001, 0.15001, 0.0499999])
    once = torch.fake_quantize_per_tensor_affine(x, row.scale, row.zero_point, ACTIVATION_MIN, ACTIVATION_MAX)
    assert torch.equal(nearest_of_half(x, row), torch.fake_quantize_per_tensor_affine(x.half().float(), 0.1, 0, -128, 127))
    assert not torch.equal(nearest_of_half(x, row), once)


def test_unknown_names_and_other_tables_are_refused(core, folded):
    with pytest.raises(ValueError, match=r"down\.9: no tensor of this network"):
        core.fill(*inputs(), ["down.9"])
    table = small_program()
    weight = dataclasses.replace(table.weights["stem.weight"], integers_sha256="0" * 64)
    with pytest.raises(ValueError, match=r"another checkpoint.*stem\.weight"):
        FakeQuantisedCore(folded, SIZE, dataclasses.replace(table, weights={**table.weights, "stem.weight": weight}))


@pytest.mark.thorough
def test_the_shipped_program_bit_for_bit():
    folded, table = fold(load_checkpoint(SHIPPED), 256, 256), QuantizationTable.load(calibration_path(SHIPPED))
    core, ports = FakeQuantisedCore(folded, 256, table), inputs(256)
    with torch.inference_mode():
        assert torch.equal(core.fill(*ports, core.names), table.apply(folded, 256)(*ports))
