"""Algorithms before quantisation: the float network is what it was, the quantised one is better, and tables carry both."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from models.generator import Generator, fold, with_plain_convolutions
from models.spec import SPECS
from parity_tests.quantize.test_table import SIZE, images, inputs
from parity_tests.support.small import SMALL, small_generator
from quantize.affine import weight_integers, weight_scales
from quantize.algorithms import ALGORITHMS
from quantize.algorithms.changes import Changes
from quantize.algorithms.equalise import channel_ranges
from quantize.algorithms.groups import groups
from quantize.calibrate import observe, tabulate
from quantize.choose import TRIALS, Chooser, find_changes
from quantize.commands import calibrate as command
from quantize.coverage import expected_counts, region_counts
from quantize.observers import BINS, RANGES, divergence, entropy
from quantize.table import QuantizationTable
from quantize.ties import additions


@pytest.fixture(scope="module")
def uneven():
    """The small network with channels of its streams a hundred times apart, computing what it did."""
    rng = np.random.default_rng(3)
    widths = {f"stream.{level}": width for level, width in enumerate(SMALL.widths)}
    powers = {name: tuple(int(p) for p in rng.integers(-4, 5, width)) for name, width in widths.items()}
    return Changes(powers).applied(with_plain_convolutions(small_generator()))


@pytest.fixture(scope="module")
def equalised(uneven):
    return find_changes(uneven, list(images(4, SIZE)), ["equalise"])


@pytest.mark.parametrize("spec", [SMALL, *SPECS.values()], ids=lambda spec: spec.name)
def test_every_convolution_reads_and_makes_one_group(spec):
    """All but the stem's input and the head's output, which belong to the Haar transforms."""
    with torch.random.fork_rng():
        layers = dict(with_plain_convolutions(Generator(spec)).named_modules())
    convolutions = {name for name, layer in layers.items() if isinstance(layer, torch.nn.Conv2d)}
    makers = [name for group in groups(spec) for name in group.makers]
    readers = [name for group in groups(spec) for name in group.readers]
    assert sorted(makers) == sorted(convolutions - {"head"})
    assert sorted(readers) == sorted(convolutions - {"stem"})


def test_scaling_leaves_the_float_network_as_it_is_bit_for_bit(uneven, equalised):
    ports = inputs()
    exact = fold(small_generator(), SIZE, SIZE)(*ports)
    assert torch.equal(fold(uneven, SIZE, SIZE)(*ports), exact)
    assert torch.equal(equalised.applied(fold(uneven, SIZE, SIZE))(*ports), exact)
    assert any(any(powers) for powers in equalised.exponents.values())


def test_a_forgotten_reader_changes_the_network(uneven, equalised, monkeypatch):
    """The planted error."""

    def forgetful(spec):
        return [
            dataclasses.replace(group, readers=group.readers[1:]) if group.name == "stream.0" else group for group in groups(spec)
        ]

    monkeypatch.setattr("quantize.algorithms.changes.groups", forgetful)
    ports = inputs()
    changed = equalised.applied(fold(uneven, SIZE, SIZE))(*ports)
    assert not torch.allclose(changed, fold(uneven, SIZE, SIZE)(*ports), atol=1e-2)


def spread(network):
    """How far apart the ranges of a stream's channels are: largest over the mean, worst tensor of the finest level."""
    ranges = channel_ranges(fold(network, SIZE, SIZE), list(images(3, SIZE)))
    return max(float(ranges[name].max() / ranges[name].mean()) for name in ranges if name.startswith(("down.0", "up.0")))


def test_channels_come_to_like_ranges_and_the_quantised_network_gains(uneven, equalised):
    samples = list(images(6, SIZE))
    assert spread(equalised.applied(uneven)) < 0.6 * spread(uneven)
    chooser = Chooser(uneven, "0" * 64, samples, "mse", progress=False)
    scores = [
        chooser.score(tabulate(uneven, "0" * 64, observe(changes.applied(uneven), samples, progress=False), changes=changes))
        for changes in (Changes(), equalised)
    ]
    assert scores[1] > scores[0] + 3


def test_a_bias_takes_back_what_rounding_the_weight_moves(uneven):
    samples = list(images(2, SIZE))
    found = find_changes(uneven, samples, ["correct-biases"])
    core = fold(uneven, SIZE, SIZE)
    layer, seen = core.down[0][0].conv2, []
    handle = layer.register_forward_hook(lambda _layer, arguments, y: seen.append((arguments[0], y)))
    with torch.no_grad():
        for sample in samples:
            core(*sample.tensors())
    handle.remove()
    weight = layer.weight.detach().numpy()
    scales = weight_scales(weight)
    rounded = torch.from_numpy(weight_integers(weight, scales).astype(np.float32) * scales.reshape(-1, 1, 1, 1))
    shifted = [(torch.conv2d(x, rounded, layer.bias, padding=1) - y).mean((0, 2, 3)) for x, y in seen]
    moved = torch.stack(shifted).mean(0)
    assert moved.abs().max() > 1e-3
    assert torch.allclose(torch.tensor(found.biases["down.0.0.conv2"]), -moved, atol=1e-4)


def test_a_table_with_changes_is_read_as_written_applied_and_all_integer(uneven, equalised, tmp_path):
    samples = list(images(3, SIZE))
    corrections = {"stem": tuple(0.01 * k for k in range(SMALL.widths[0]))}
    changes = Changes(equalised.exponents, corrections)
    table = tabulate(uneven, "0" * 64, observe(changes.applied(uneven), samples, progress=False), changes=changes)
    table.save(tmp_path / "t.json")
    again = QuantizationTable.load(tmp_path / "t.json")
    assert again.table() == table.table()
    core, ports = fold(uneven, SIZE, SIZE), inputs()
    graph = torch.export.export(again.apply(core, SIZE), ports).module()
    assert dict(region_counts(graph)) == expected_counts(SMALL)
    plain = dataclasses.replace(table, changes=Changes())
    assert table.sha256() != plain.sha256()
    assert not {"exponents", "biases"} & plain.table().keys()
    with pytest.raises(ValueError, match="another checkpoint"):  # its integers are those of the changed weights
        plain.apply(core, SIZE)
    content = json.loads((tmp_path / "t.json").read_text())
    for key, wrong in (("exponents", {"stream.0": [99]}), ("biases", {"stem": ["x"]}), ("exponents", [])):
        (tmp_path / "bad.json").write_text(json.dumps({**content, key: wrong}))
        with pytest.raises(ValueError, match="not a valid calibration"):
            QuantizationTable.load(tmp_path / "bad.json")
    for wrong in ({"stream.9": (0,)}, {"stream.0": (0,)}):
        with pytest.raises(ValueError, match="does not fit this network"):
            Changes(wrong).applied(core)
    with pytest.raises(ValueError, match="does not fit this network"):
        Changes(biases={"nothing": (0.0,)}).applied(core)


@pytest.mark.thorough
def test_the_choice_is_recorded_and_better_by_its_own_measure(uneven):
    samples = list(images(2, SIZE))
    chooser = Chooser(uneven, "0" * 64, samples, "minmax", progress=False)
    changes = chooser.changes()
    watched = observe(changes.applied(uneven), samples, progress=False)
    table = chooser.rules(tabulate(uneven, "0" * 64, watched, "minmax", changes=changes), watched)
    record = chooser.record
    assert "equalise" in record["algorithms"]
    assert set(record["algorithms_tried_db"]) == {"+".join(names) or "none" for names in TRIALS}
    assert record["rules_tried_db"]["chosen"] > record["rules_tried_db"]["minmax"]
    assert record["rules"].keys() == table.activations.keys()
    assert set(record["rules"].values()) <= set(RANGES)
    tied = {"analysis", *(result for *_, result in additions(uneven))}  # the scales that are raised: sums, and the input
    for name, rule in record["rules"].items():
        scale, _ = watched[name].parameters_by(RANGES[rule])
        assert table.activations[name].scale == pytest.approx(scale, rel=0.04 if name in tied else 1e-7)


def test_entropy_keeps_a_normal_distribution_and_cuts_a_lone_outlier():
    centres = (np.arange(BINS) + 0.5) / BINS * 64 - 32
    counts = np.round(1e6 * np.exp(-(centres**2) / 2))
    low, high = entropy(counts, centres, -4.0, 4.0)
    assert low < -2.5
    assert high > 2.5
    counts[-1] = 1  # one value at 32: if it is kept, a step is a quarter of a standard deviation wide
    low, high = entropy(counts, centres, -32.0, 32.0)
    assert 2.5 < high < 16
    seen = counts > 0
    whole, cut = (divergence(counts[seen], centres[seen], span) for span in ((-32.0, 32.0), (low, high)))
    assert cut < whole
    assert entropy(np.eye(1, BINS, 5)[0], centres, -3.0, 3.0) == (-3.0, 3.0)  # a constant: nothing to cut


def test_the_command_s_words_are_the_table_s():
    assert set(command.ALGORITHMS) == set(ALGORITHMS)
    with pytest.raises(ValueError, match="algorithm 'best'"):
        find_changes(small_generator(), [], ["best"])
