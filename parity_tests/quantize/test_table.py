"""The quantised program: integer from stem to head, one table for every size and fold, strict to read."""

import dataclasses
import json
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import skimage.data
import torch
from torch.fx import GraphModule

from models.generator import fold
from models.inpainter import ImageTypeShell, Uint8Shell
from models.spec import SPECS
from parity_tests.support.small import small_generator
from quantize.affine import weight_integers
from quantize.calibrate import Sample, observe, tabulate
from quantize.coverage import QUANTISE, expected_counts, float_operators, region, region_counts, requantised
from quantize.lowering import prepared
from quantize.pt2e import convert_pt2e
from quantize.quantizer import CoreQuantizer, FixedActivation
from quantize.table import Activation, QuantizationTable, Weight, calibration_path, integers_sha256

SIZE = 64


def images(count, size):
    """Crops of the packages' own photos, each with a box and a stripe to fill."""
    photos = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket())
    rng = np.random.default_rng(5)
    for i in range(count):
        photo = photos[i % 4]
        top, left = (int(rng.integers(0, side - size)) for side in photo.shape[:2])
        hole = np.zeros((size, size), bool)
        hole[size // 4 : size // 4 * 3, size // 5 : size // 2] = True
        hole[:, -size // 8 :] = i % 2 == 0
        yield Sample(np.ascontiguousarray(photo[top : top + size, left : left + size]), hole, {})


@cache
def small_program():
    generator = small_generator()
    return tabulate(generator, "0" * 64, observe(generator, list(images(8, SIZE)), progress=False))


def inputs(size=SIZE, seed=0):
    return list(images(seed + 1, size))[seed].tensors()


def flat(core, size=SIZE) -> GraphModule:
    return torch.export.export(core, inputs(size)).module()


def psnr(a, b):
    """Over fills in [-1, 1], so a peak of 2."""
    return 10 * torch.log10(4 / (a - b).square().mean()).item()


@pytest.mark.parametrize("fold_weights", [True, False])
def test_every_operator_from_stem_to_head_is_integer(fold_weights):
    generator = small_generator()
    graph = flat(small_program().apply(fold(generator, SIZE, SIZE), SIZE, fold_weights=fold_weights))
    assert float_operators(graph) == []
    assert requantised(graph) == []
    assert dict(region_counts(graph)) == expected_counts(generator.spec)


def test_the_shipped_size_counts_as_designed():
    assert expected_counts(SPECS["wavefill-s"]) == {"conv": 67, "relu": 21, "add": 26, "resize": 5}


def test_an_addition_left_in_float_is_found():
    class ForgetsAdditions(CoreQuantizer):
        def annotate(self, model):
            super().annotate(model)
            for node in model.graph.nodes:
                if str(node.target) == "aten.add.Tensor":
                    node.meta.pop("quantization_annotation", None)
            return model

    quantiser = ForgetsAdditions(lambda name: FixedActivation(0.05, 0))
    found = float_operators(convert_pt2e(prepared(fold(small_generator(), SIZE, SIZE), SIZE, quantiser)))
    # The sums lose their results, and what consumes a sum loses an operand.
    assert sum("aten.add.Tensor" in line for line in found) == expected_counts(small_generator().spec)["add"]
    assert any("aten.conv2d.default" in line for line in found)


def test_an_operator_without_integer_form_is_refused():
    generator = fold(small_generator(), SIZE, SIZE)
    generator.down[1][0].conv1 = torch.nn.Sequential(generator.down[1][0].conv1, torch.nn.LeakyReLU())
    with pytest.raises(ValueError, match=r"down\.1\.0.*leaky_relu.*no integer form"):
        prepared(generator, SIZE, CoreQuantizer(lambda name: FixedActivation(0.05, 0)))


def test_a_resize_by_another_factor_is_refused():
    generator = fold(small_generator(), SIZE, SIZE)
    conv = generator.grow[0].conv

    def forward(x, skip):
        return torch.nn.functional.interpolate(conv(x), scale_factor=4.0, mode="nearest")[:, :, ::2, ::2] + skip

    generator.grow[0].forward = forward
    with pytest.raises(ValueError, match=r"grow\.0: nearest-neighbour resizing"):
        prepared(generator, SIZE, CoreQuantizer(lambda name: FixedActivation(0.05, 0)))


def test_tensor_names_are_module_paths():
    program, modules = small_program(), dict(small_generator().named_modules())
    assert set(program.activations) <= modules.keys()
    assert {name.removesuffix(".weight") for name in program.weights} <= modules.keys()
    assert {"analysis", "stem", "down.0.0", "down.0.0.conv1", "grow.1", "grow.1.conv", "head"} <= program.activations.keys()
    assert not any(name.startswith(("synthesis", "conv2d")) for name in program.activations)


def numbers(graph):
    """Scale and zero point of every quantisation, in execution order."""
    return [node.args[1:5] for node in graph.graph.nodes if str(node.target) == QUANTISE]


def test_folds_sizes_and_repeats_carry_the_same_numbers():
    program, generator = small_program(), small_generator()
    folded = fold(generator, SIZE, SIZE)
    one, again, unfolded = (program.apply(folded, SIZE, fold_weights=f) for f in (True, True, False))
    larger = program.apply(fold(generator, 2 * SIZE, 2 * SIZE), 2 * SIZE)
    assert numbers(flat(one)) == numbers(flat(again)) == numbers(flat(unfolded)) == numbers(flat(larger, 2 * SIZE))
    state = one.state_dict()
    for other in (again, larger):
        for name, value in other.state_dict().items():
            if not name.startswith("synthesis.comb"):
                assert torch.equal(value, state[name]), name
    for name, row in program.weights.items():
        assert state[name].dtype == torch.int8
        assert state[name].abs().max() <= 63
        assert integers_sha256(state[name].numpy()) == row.integers_sha256
        assert state[name.replace(".weight", ".weight_scale")].tolist() == list(row.scales)
        whole = unfolded.state_dict()[name]
        assert whole.dtype == torch.float32
        assert integers_sha256(weight_integers(whole.numpy(), np.array(row.scales, np.float32))) == row.integers_sha256
    with torch.no_grad():
        assert torch.equal(one(*inputs()), unfolded(*inputs()))
        assert torch.equal(one(*inputs()), again(*inputs()))


def test_the_table_s_scales_are_those_in_the_graph():
    program = small_program()
    graph = flat(program.apply(fold(small_generator(), SIZE, SIZE), SIZE))
    used = {(scale, zero) for scale, zero, low, high in numbers(graph)}
    assert used == {(row.scale, row.zero_point) for row in program.activations.values()}
    assert all((low, high) == (-128, 127) for _, _, low, high in numbers(graph))


def test_the_generator_is_left_alone_and_the_result_can_be_used_like_a_module():
    folded = fold(small_generator(), SIZE, SIZE)
    before = {name: value.clone() for name, value in folded.state_dict().items()}
    core = small_program().apply(folded, SIZE)
    assert all(torch.equal(value, before[name]) for name, value in folded.state_dict().items())
    assert not Uint8Shell(core).eval().training
    pixels = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8), torch.zeros(1, SIZE, SIZE, 1, dtype=torch.uint8)
    exported = torch.export.export(Uint8Shell(core), pixels)
    paths = {str(list(node.meta.get("nn_module_stack", {"": ("",)}).values())[-1][0]) for node in exported.graph.nodes}
    assert {"core.stem", "core.down.0.0.conv1", "core.down.0.0.add", "core.grow.0.resize", "core.head"} <= paths
    torch.export.export(ImageTypeShell(core), (torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE)))


def test_quantising_costs_little_and_a_wrong_scale_costs_much():
    folded, program = fold(small_generator(), SIZE, SIZE), small_program()

    def quality(table):
        core = table.apply(folded, SIZE)
        with torch.no_grad():
            return np.mean([psnr(core(*inputs(seed=s)), folded(*inputs(seed=s))) for s in range(4)])

    right = quality(program)
    # Random weights, and the head's range is wider than that of a trained network: 8 bits give about 38 dB here.
    assert right >= 33
    for name in ("head", "stem"):
        row = program.activations[name]
        planted = {**program.activations, name: Activation(row.scale / 2, row.zero_point)}
        assert quality(dataclasses.replace(program, activations=planted)) < right - 3


def test_a_table_survives_the_disk(tmp_path):
    program = dataclasses.replace(small_program(), provenance={"photos": [{"photo": "a.jpg"}], "seed": 3})
    path = tmp_path / "x.calibration.json"
    program.save(path)
    first = path.read_bytes()
    loaded = QuantizationTable.load(path)
    assert loaded == program
    assert loaded.sha256() == program.sha256()
    loaded.save(path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
    assert dataclasses.replace(program, provenance={}).sha256() == program.sha256()


CHANGES = {
    "a scale": lambda c: c["activations"]["head"].update(scale=2 * c["activations"]["head"]["scale"]),
    "a zero point": lambda c: c["activations"]["head"].update(zero_point=c["activations"]["head"]["zero_point"] - 1),
    "a weight's scale": lambda c: c["weights"]["stem.weight"]["scales"].__setitem__(0, 1.0),
    "a weight's hash": lambda c: c["weights"]["stem.weight"].update(integers_sha256="0" * 64),
    "a missing tensor": lambda c: c["activations"].pop("head"),
    "the checkpoint": lambda c: c.update(checkpoint_sha256="1" * 64),
    "a negative scale": lambda c: c["activations"]["head"].update(scale=-1.0),
    "text for a number": lambda c: c["activations"]["head"].update(scale="1"),
    "a zero point out of range": lambda c: c["activations"]["head"].update(zero_point=128),
    "an unknown field": lambda c: c.update(extra=1),
    "no weights": lambda c: c.pop("weights"),
    "a list for a table": lambda c: c.update(weights=[]),
    "another version": lambda c: c.update(format="wavefill-calibration-9"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_table_is_refused(change, tmp_path):
    path = tmp_path / "x.calibration.json"
    small_program().save(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"x\.calibration\.json: "):
        QuantizationTable.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_what_is_no_table_is_refused(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.json: "):
        QuantizationTable.load(path)
    with pytest.raises(ValueError, match="no such file"):
        QuantizationTable.load(tmp_path / "none.json")


def test_a_table_of_another_checkpoint_is_refused():
    program = small_program()
    with pytest.raises(ValueError, match="another checkpoint"):
        program.apply(fold(small_generator(seed=1), SIZE, SIZE), SIZE)
    rows = dict(program.weights)
    rows["stem.weight"] = Weight(rows["stem.weight"].scales, "0" * 64)
    with pytest.raises(ValueError, match=r"stem\.weight gives other integers"):
        dataclasses.replace(program, weights=rows).apply(fold(small_generator(), SIZE, SIZE), SIZE)
    with pytest.raises(ValueError, match="does not fit this network"):
        dataclasses.replace(program, weights={}).apply(fold(small_generator(), SIZE, SIZE), SIZE)
    activations = {name: row for name, row in program.activations.items() if name != "head"}
    with pytest.raises(ValueError, match="no scale for head"):
        dataclasses.replace(program, activations=activations).apply(fold(small_generator(), SIZE, SIZE), SIZE)


def test_folded_weights_do_not_depend_on_the_order_of_a_sum():
    """One unit in the last place of a weight can flip its integer, and the table would then refuse its own checkpoint."""
    generator = small_generator()
    conv = generator.down[0][0].conv1
    v, g = (tensor.detach().double().numpy() for tensor in (conv.weight, conv.gain))
    exact = v * (g / np.sqrt(np.square(v[:, ::-1, ::-1]).sum((1, 2, 3)))).reshape(-1, 1, 1, 1)
    assert np.array_equal(fold(generator, SIZE, SIZE).down[0][0].conv1.weight.numpy(), exact.astype(np.float32))


def test_the_region_starts_behind_the_analysis_and_ends_with_the_head():
    exported = torch.export.export(fold(small_generator(), SIZE, SIZE), inputs()).module()
    items = list(region(exported))
    assert (items[0].tensor, items[0].kind, items[-1].tensor) == ("analysis", "input", "head")
    with pytest.raises(ValueError, match="not a generator's graph"):
        list(region(torch.export.export(torch.nn.ReLU(), (torch.zeros(2),)).module()))


def test_the_calibration_lies_beside_its_checkpoint(tmp_path):
    assert calibration_path(tmp_path / "wavefill-s.safetensors") == tmp_path / "wavefill-s.calibration.json"


def test_reading_a_table_needs_no_toolkit():
    code = "import sys, quantize.table, quantize.schemes; print({'torchao', 'onnx', 'coremltools'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
