"""Mixed precision: what is kept in float, the same in the graph, in the fake quantised core and in all files; the search."""

import dataclasses
import json

import pytest
import torch

from export.artifact.declared import faults
from export.backends import BACKENDS, artefact_backends
from export.program import Program
from models.checkpoint import save_checkpoint
from models.generator import fold
from models.system.errors import run_main
from parity_tests.quantize.test_calibrate import folder as folder  # a fixture
from parity_tests.quantize.test_table import SIZE, images, inputs, small_program
from parity_tests.support.small import SMALL, small_generator
from quantize import __main__ as cli
from quantize.budget import Budget, Figures, Programs, ranked, search
from quantize.coverage import expected_counts, region_counts
from quantize.fake_quantised import FakeQuantisedCore
from quantize.kept import layers, plan, spec_items
from quantize.schemes import SCHEMES
from quantize.sensitivity.file import Cost, Sensitivity
from quantize.table import Activation, QuantizationTable

TAIL = ("head", "up.0.0", "up.0.0.conv2")
MIDDLE = ("down.0.0.conv1", "down.1.0", "grow.0.conv", "grow.0")


def kept(names, table=None):
    return dataclasses.replace(table or small_program(), float_layers=tuple(sorted(names)))


def test_what_is_stored_follows_from_what_reads_it():
    items = spec_items(SMALL)
    everything = plan(items, ())
    assert everything.tensors == small_program().activations.keys()
    assert everything.weights == small_program().weights.keys()
    assert not everything.floating
    tail = plan(items, TAIL)
    assert everything.tensors - tail.tensors == {"head", "up.0.0", "up.0.0.conv2"}
    assert tail.floating == {"conv": 2, "add": 1}
    stem = plan(items, ["stem"])  # its result is still read by integers, its input is not
    assert everything.tensors - stem.tensors == {"analysis"}
    up = plan(items, ["grow.0.conv", "grow.0"])
    assert everything.tensors - up.tensors == {"grow.0.conv"}
    assert up.floating == {"conv": 1, "add": 1, "resize": 1}
    hidden = plan(items, ["down.0.0.conv1", "down.0.0.conv2"])
    assert everything.tensors - hidden.tensors == {"down.0.0.conv1"}
    assert hidden.floating == {"conv": 2, "relu": 1}
    whole = plan(items, layers(items))
    assert not whole.tensors
    assert not whole.weights
    assert whole.floating == expected_counts(SMALL)


def test_an_addition_between_stored_tensors_stays_an_integer_addition():
    """Runtimes that fuse would make one of it anyway; its graph is the same."""
    assert plan(spec_items(SMALL), ["down.0.0"]) == plan(spec_items(SMALL), ())


def test_unknown_layers_are_refused():
    for name in ("down.9", "analysis", "stem.weight"):
        with pytest.raises(ValueError, match=f"layer {name}: the network has"):
            small_program_with(name)


def small_program_with(name):
    return kept([name]).apply(fold(small_generator(), SIZE, SIZE), SIZE)


@pytest.mark.parametrize("names", [TAIL, MIDDLE, ("stem",)], ids=["tail", "middle", "stem"])
def test_graph_and_fake_quantised_core_keep_the_same(names):
    table, core = kept(names), fold(small_generator(), SIZE, SIZE)
    program = table.apply(core, SIZE)
    counts = region_counts(torch.export.export(program, inputs()).module())
    assert dict(counts) == expected_counts(SMALL, plan(spec_items(SMALL), names).floating)
    fake = FakeQuantisedCore(core, SIZE, table)
    with torch.inference_mode():
        for seed in range(2):
            assert torch.equal(fake.fill(*inputs(seed=seed), fake.names), program(*inputs(seed=seed)))


def test_the_table_carries_them(tmp_path):
    table = kept(MIDDLE)
    table.save(tmp_path / "t.json")
    assert QuantizationTable.load(tmp_path / "t.json").float_layers == tuple(sorted(MIDDLE))
    assert table.sha256() != small_program().sha256()
    assert "float_layers" not in small_program().table()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "onnx" else pytest.mark.thorough) for name in artefact_backends()],
)
def test_files_have_the_integers_that_the_table_says(name, tmp_path):
    backend = BACKENDS[name]
    if reason := backend.unavailable("convert"):
        pytest.skip(reason)
    # LiteRT's converter makes integers of a convolution whose input and result both are; the check of files refuses that.
    lone = ["down.0.0.conv1"] if name == "litert" else []
    names = tuple(layer for layer in (*MIDDLE, *TAIL) if layer not in lone)
    program = Program(small_generator(), SIZE, SCHEMES["w8a8"], "uint8", "0" * 64, kept(names))
    backend.convert(program, tmp_path)
    inspection = backend.inspect(tmp_path / backend.model_file)
    metadata = dict(inspection.metadata)
    assert faults(inspection, SIZE, "uint8", metadata, SMALL, names) == []
    said = faults(inspection, SIZE, "uint8", metadata, SMALL, TAIL)  # a table that keeps fewer
    assert any(line.startswith("conv: ") and "integer between stem and head" in line for line in said)
    assert faults(inspection, SIZE, "uint8", metadata, SMALL) != []


def sensitivity_of(table, order):
    cost = Cost(0.0, 50.0, 0.0, 0.0)
    costs = {name: dataclasses.replace(cost, but_to_float_gain_db=float(len(order) - i)) for i, name in enumerate(order)}
    return Sensitivity(table.spec, table.checkpoint_sha256, table.sha256(), "", 20.0, 19.0, 40.0, {}, {"analysis": cost, **costs})


def spoilt():
    """The small table with a scale that ruins one layer's result."""
    row = small_program().activations["up.0.0.conv1"]
    activations = {**small_program().activations, "up.0.0.conv1": Activation(row.scale * 80, row.zero_point)}
    return dataclasses.replace(small_program(), activations=activations)


def test_the_search_keeps_what_is_needed_and_gives_the_rest_back():
    programs = Programs(small_generator(), spoilt(), list(images(2, SIZE)))
    bad, good = programs.measure(()), programs.measure(("up.0.0.conv1", "up.0.0.conv2"))
    assert good.to_float_db > bad.to_float_db + 3
    budget = Budget((bad.drop_db + good.drop_db) / 2 if bad.drop_db > good.drop_db else bad.drop_db, good.parity_db - 0.5, 6)
    assert not bad.meets(budget)
    order = ["down.2.0.expand", "up.0.0.conv1", "up.0.0.conv2", "stem"]
    found = search(programs, sensitivity_of(spoilt(), order), budget, progress=False)
    assert found.met
    assert found.figures.meets(budget)
    assert found.layers == ("up.0.0.conv1", "up.0.0.conv2")
    unmet = search(programs, sensitivity_of(spoilt(), order), Budget(1e-9, 99.0, 2), progress=False)
    assert not unmet.met
    assert len(unmet.layers) <= 2
    assert unmet.figures.excess(Budget(1e-9, 99.0, 2)) <= bad.excess(Budget(1e-9, 99.0, 2))


def test_everything_in_float_is_the_float_network():
    programs = Programs(small_generator(), small_program(), list(images(1, SIZE)))
    assert programs.measure(tuple(layers(spec_items(SMALL)))) == Figures(0.0, 100.0, 100.0)
    assert ranked(sensitivity_of(small_program(), ["head", "stem"])) == ["head", "stem"]


def run(*arguments):
    return run_main(cli.main, [str(argument) for argument in arguments])


def test_the_command(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("quantize.samples.SIZE", 64)
    checkpoint, out = tmp_path / "mine.safetensors", tmp_path / "mixed.json"
    save_checkpoint(checkpoint, small_generator(), {"licence": "test"})
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 0
    table = QuantizationTable.load(tmp_path / "mine.calibration.json")
    sensitivity_of(table, ["head", "stem"]).save(tmp_path / "s.json")
    capsys.readouterr()
    ask = ("mixed", "--checkpoint", checkpoint, "--data", folder, "--count", 1, "--out", out)
    assert run(*ask, "--layer", "nowhere") == 2
    assert "layer nowhere" in capsys.readouterr().err
    assert run(*ask, "--sensitivity", tmp_path / "s.json", "--max-drop-db", 1e-9, "--min-parity-db", 99, "--most", 1) == 1
    printed = capsys.readouterr()
    assert "in float: " in printed.out
    assert "do not meet" in printed.err or "meet the budget" in printed.err
    assert not out.exists()
    assert run(*ask, "--layer", "head", "--max-drop-db", 50, "--min-parity-db", 1, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["float_layers"] == ["head"]
    assert QuantizationTable.load(out).float_layers == ("head",)
    stale = dataclasses.replace(sensitivity_of(table, ["head"]), checkpoint_sha256="f" * 64)
    stale.save(tmp_path / "s.json")
    assert run(*ask, "--sensitivity", tmp_path / "s.json") == 2
    assert "ffffffffffff" in capsys.readouterr().err
