"""Quantisation-aware fine-tuning: what is trained is the quantised program; a run's products; its refusals."""

import copy
import dataclasses
import json

import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint, sha256
from models.generator import fold, with_plain_convolutions
from models.spec import SPECS
from models.system.errors import run_main
from parity_tests.quantize.test_table import SIZE, images, inputs, small_program
from parity_tests.support.small import SMALL, small_generator
from parity_tests.support.train_tiny import write_smooth
from quantize import __main__ as cli
from quantize.algorithms.changes import Changes
from quantize.finetune import QuantisedForward, straight_through, table_of
from quantize.table import QuantizationTable, calibration_path
from quantize.tabulate import observe, tabulate

SYNTHESIS = 1e-5
"""The inverse Haar transform is a transposed convolution here and another one in a deployed program: sums in float in another
order, about 1e-7 of fills in [-1, 1]. One integer more or less anywhere is 1e-3 and more."""


def changed_table():
    """A stream and a hidden tensor scaled by powers of two, biases corrected."""
    generator = small_generator()
    stream = tuple(i % 3 - 1 for i in range(SMALL.widths[1]))
    hidden = tuple(i % 4 for i in range(2 * SMALL.widths[2]))
    changes = Changes({"stream.1": stream, "down.2.0.expand": hidden}, {"head": tuple(0.01 * i for i in range(48))})
    watched = observe(changes.applied(with_plain_convolutions(generator)), list(images(4, SIZE)), progress=False)
    return tabulate(generator, "0" * 64, watched, changes=changes)


def kept_table():
    return dataclasses.replace(small_program(), float_layers=("down.0.0.conv1", "head", "stem"))


@pytest.mark.parametrize("table", [small_program, changed_table, kept_table])
def test_the_forward_pass_is_the_quantised_program(table):
    generator, table = small_generator(), table()
    program = table.apply(fold(generator, SIZE, SIZE), SIZE)
    with torch.no_grad():
        wanted, got = program(*inputs()), QuantisedForward(generator, table)(generator, *inputs())
    assert (generator(*inputs()) - wanted).abs().max() > 100 * SYNTHESIS
    torch.testing.assert_close(got, wanted, atol=SYNTHESIS, rtol=0)


def test_a_wrong_scale_is_seen():
    """Planted: one tensor's scale doubled."""
    generator, table = small_generator(), small_program()
    form = table.activations["up.0.0"]
    spoilt = {**table.activations, "up.0.0": dataclasses.replace(form, scale=2 * form.scale)}
    with torch.no_grad():
        wanted = table.apply(fold(generator, SIZE, SIZE), SIZE)(*inputs())
        got = QuantisedForward(generator, dataclasses.replace(table, activations=spoilt))(generator, *inputs())
    assert (got - wanted).abs().max() > 100 * SYNTHESIS


def test_a_gradient_passes_the_rounding_and_reaches_every_parameter():
    exact = torch.tensor([0.2, 0.7], requires_grad=True)
    rounded = straight_through(exact, torch.tensor([0.0, 1.0]))
    (rounded * torch.tensor([3.0, 5.0])).sum().backward()
    assert rounded.tolist() == [0.0, 1.0]
    assert exact.grad.tolist() == [3.0, 5.0]
    generator = small_generator().train()
    generator.zero_grad()
    QuantisedForward(generator, changed_table())(generator, *inputs()).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


def test_descent_lowers_the_loss_of_the_program_itself():
    """Some steps of Adam; judged by the program that the trained weights are exported as, not by what was trained."""
    generator, table = copy.deepcopy(small_generator()).requires_grad_(True), small_program()
    target = inputs()[0]
    forward, optimiser = QuantisedForward(generator, table), torch.optim.Adam(generator.parameters(), 2e-3)

    def loss_of_program():
        own = table_of(generator, "0" * 64, table, {})
        with torch.no_grad():
            return float((own.apply(fold(generator, SIZE, SIZE), SIZE)(*inputs()) - target).square().mean())

    before = loss_of_program()
    for _ in range(12):
        optimiser.zero_grad()
        (forward(generator, *inputs()) - target).square().mean().backward()
        optimiser.step()
    assert loss_of_program() < 0.8 * before


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small checkpoint with its table, photos; the small network is a row of ``SPECS``."""
    monkeypatch.setitem(SPECS, "small", SMALL)
    checkpoint = tmp_path / "small.safetensors"
    save_checkpoint(checkpoint, small_generator(), {"licence": "test"})
    dataclasses.replace(changed_table(), checkpoint_sha256=sha256(checkpoint)).save(calibration_path(checkpoint))
    write_smooth(tmp_path / "photos")
    return tmp_path


def run(place, *arguments):
    words = ["finetune", "--checkpoint", place / "small.safetensors", "--data", place / "photos", "--out", place / "run"]
    return run_main(cli.main, [str(word) for word in [*words, *arguments]])


SHORT = (
    "--set",
    "stages=[[0,32,2]]",
    "--set",
    "warmup_steps=1",
    "--set",
    "decay_steps=1",
    "--sample-steps",
    "1",
    "--device",
    "cpu",
)


def test_a_run_writes_weights_and_the_table_that_fits_them(place, capsys):
    assert run(place, *SHORT, "--set", "steps=2") == 0
    product = place / "run" / "checkpoint.safetensors"
    assert capsys.readouterr().out.strip() == str(product)
    first = QuantizationTable.load(calibration_path(place / "small.safetensors"))
    table = QuantizationTable.load(calibration_path(product))
    assert table.checkpoint_sha256 == sha256(product) != first.checkpoint_sha256
    assert (table.activations, table.changes) == (first.activations, first.changes)
    assert table.weights != first.weights
    assert table.provenance["finetuned"]["table_sha256"] == first.sha256()
    trained = load_checkpoint(product)
    with torch.no_grad():
        wanted = table.apply(fold(trained, SIZE, SIZE), SIZE)(*inputs())
        torch.testing.assert_close(QuantisedForward(trained, first)(trained, *inputs()), wanted, atol=SYNTHESIS, rtol=0)
    assert run(place, *SHORT, "--resume", "--set", "steps=3") == 0
    assert json.loads((place / "run" / "run.json").read_text())[1]["from_step"] == 2
    assert QuantizationTable.load(calibration_path(product)).provenance["finetuned"]["step"] == 3


def test_refusals(place, capsys):
    other = place / "other.calibration.json"
    small_program().save(other)  # of no checkpoint
    assert run(place, "--calibration", other, *SHORT) == 2
    assert "calibration of another checkpoint" in capsys.readouterr().err
    assert run(place, "--set", "spec=wavefill-s", *SHORT) == 2
    assert "the network is that of --checkpoint" in capsys.readouterr().err
    assert run(place, "--resume") == 2
    assert "nothing to resume" in capsys.readouterr().err
    assert not (place / "run" / "state.safetensors").exists()
    assert run(place, *SHORT, "--set", "steps=1") == 0
    table = QuantizationTable.load(calibration_path(place / "small.safetensors"))
    wider = {**table.activations, "head": dataclasses.replace(table.activations["head"], scale=0.5)}
    dataclasses.replace(table, activations=wider).save(calibration_path(place / "small.safetensors"))
    capsys.readouterr()
    assert run(place, *SHORT, "--resume", "--set", "steps=2") == 2
    assert "--calibration: not what the run" in capsys.readouterr().err
