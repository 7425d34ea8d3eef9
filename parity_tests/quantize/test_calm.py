"""Programs with parts in float: what a part is, that it computes what its table says, and the command that measures them."""

import dataclasses
import json

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.generator import fold
from models.macs import count_macs
from models.spec import SPECS
from models.system.errors import run_main
from parity_tests.quantize.test_calibrate import folder as folder  # a fixture
from parity_tests.quantize.test_table import SIZE, inputs, small_program
from parity_tests.support.small import SMALL, small_generator
from quantize import __main__ as cli
from quantize.calm import MixedCore, below, core_of, parts
from quantize.fake_quantised import FakeQuantisedCore
from quantize.kept import layers, spec_items

TAIL = ("head", "up.0.0", "up.0.0.conv1", "up.0.0.conv2")


def test_parts_are_all_layers_once_and_their_work_is_the_networks():
    cut = parts(SMALL)
    assert [name for part in cut for name in part.layers] == layers(spec_items(SMALL))
    assert [part.name for part in cut][:3] == ["stem", "down.0", "shrink.0"]
    assert [part.name for part in cut][-3:] == ["grow.0", "up.0", "head"]
    assert sum(part.macs_share for part in cut) == pytest.approx(1)
    # One module against torch's own count: the stem, 3x3 over 4 x 16 bands, of all that is between stem and head.
    core = fold(small_generator(), SIZE, SIZE)
    x = torch.zeros(1, core.stem.in_channels, SIZE // 4, SIZE // 4)
    ports = (torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE))
    haar = count_macs(core.analysis, (torch.zeros(1, 4, SIZE, SIZE),))
    haar += count_macs(core.synthesis, (torch.zeros(1, core.head.out_channels, SIZE // 4, SIZE // 4),))
    assert cut[0].macs_share == pytest.approx(count_macs(core.stem, (x,)) / (count_macs(core, ports) - haar))


def test_a_path_stands_for_what_is_below_it():
    assert below(SMALL, ["up.0", "head"]) == ("up.0.0.conv1", "up.0.0.conv2", "up.0.0", "head")
    assert below(SMALL, ["down.0.0.conv1"]) == ("down.0.0.conv1",)
    assert below(SPECS["wavefill-s"], []) == ()
    for path in ("up.7", "up.0.", "u", "analysis"):
        with pytest.raises(ValueError, match=f"{path}: no layer of small is there; such are stem, down.0"):
            below(SMALL, [path])


@pytest.mark.parametrize("scheme", ["fp32", "w8a8", "mixed", "everything"])
def test_cores_compute_what_their_programs_do(scheme):
    kept = {"mixed": TAIL, "everything": tuple(layers(spec_items(SMALL)))}.get(scheme, ())
    table = dataclasses.replace(small_program(), float_layers=tuple(sorted(kept)))
    folded = fold(small_generator(), SIZE, SIZE)
    expected = folded if scheme in ("fp32", "everything") else table.apply(folded, SIZE)
    core = core_of("fp32" if scheme == "fp32" else "w8a8", small_generator(), table, SIZE)
    with torch.inference_mode():
        for seed in range(2):
            difference = (core(*inputs(seed=seed)) - expected(*inputs(seed=seed))).abs().max()
            assert difference == 0 if scheme in ("fp32", "mixed") else difference < 1e-5


def test_w8_and_w8a16_are_near_the_float_network_and_not_it():
    exact = fold(small_generator(), SIZE, SIZE)(*inputs())
    apart = {}
    for scheme in ("w8", "w8a16", "w8a8"):
        with torch.inference_mode():
            apart[scheme] = (core_of(scheme, small_generator(), small_program(), SIZE)(*inputs()) - exact).square().mean()
    assert 0 < apart["w8"] < apart["w8a8"] / 3
    assert 0 < apart["w8a16"] < apart["w8a8"] / 3
    assert apart["w8"] != apart["w8a16"]
    with pytest.raises(ValueError, match="scheme fp16: fp32, w8, w8a16 and w8a8"):
        core_of("fp16", small_generator(), small_program(), SIZE)


def test_a_core_without_its_roundings_is_found():
    """Planted: a core that keeps other layers than it was asked to."""
    table = dataclasses.replace(small_program(), float_layers=())
    shared = FakeQuantisedCore(fold(small_generator(), SIZE, SIZE), SIZE, table)
    with torch.inference_mode():
        assert not torch.equal(MixedCore(shared, TAIL)(*inputs()), MixedCore(shared, TAIL[1:])(*inputs()))


def run(*arguments):
    return run_main(cli.main, [str(argument) for argument in arguments])


def test_the_command(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("quantize.samples.SIZE", 64)
    checkpoint = tmp_path / "mine.safetensors"
    save_checkpoint(checkpoint, small_generator(), {"licence": "test"})
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 0
    capsys.readouterr()
    ask = ("perturbation", "--checkpoint", checkpoint, "--data", folder, "--count", 2, "--changes", 1)
    assert run(*ask, "--scheme", "w8", "--scheme", "w8a8", "--parts", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["parts"]) == [part.name for part in parts(SMALL)]
    assert report["w8"]["moved"] < report["w8a8"]["moved"]
    assert "fp32" not in report
    # All from the stem on in float is the float network, in which one level of one value is hardly seen.
    assert report["parts"]["stem"]["to_the_head"]["moved"] < report["w8a8"]["moved"]
    # From the head to the head is the head alone.
    assert report["parts"]["head"]["to_the_head"] == report["parts"]["head"]["alone"]
    assert run(*ask, "--keep", "head", "--json") == 0
    kept = json.loads(capsys.readouterr().out)
    assert kept["float_layers"] == ["head"]
    assert kept["w8a8"] == report["parts"]["head"]["alone"]
    assert run(*ask, "--parts") == 0
    text = capsys.readouterr().out
    assert "from here to the head" in text
    assert "up.0" in text
    assert run(*ask, "--min-db", 1) == 0
    assert run(*ask, "--min-db", 500) == 1
    capsys.readouterr()
    assert run(*ask, "--keep", "nowhere") == 2
    assert "nowhere: no layer of small" in capsys.readouterr().err
    assert run(*ask, "--scheme", "w8", "--parts") == 2
    assert "--scheme w8a8 is needed" in capsys.readouterr().err
