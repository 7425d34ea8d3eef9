"""Mixing two networks: a straight line between their weights, named in the file; what cannot be mixed is refused."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.__main__ import main
from models.checkpoint import load_checkpoint, read_safetensors, save_checkpoint, sha256
from models.system.errors import run_main
from models.training.mix import mixed
from parity_tests.support.small import SMALL, small_generator


@settings(max_examples=15)
@given(st.floats(0, 1), st.integers(0, 99))
def test_weights_lie_on_the_line_between(share, seed):
    one, other = small_generator(seed), small_generator(seed + 1)
    before = {name: value.clone() for name, value in one.state_dict().items()}
    result = mixed(one, other, share).state_dict()
    for name, value in one.state_dict().items():
        expected = torch.lerp(value.double(), other.state_dict()[name].double(), share)
        torch.testing.assert_close(result[name].double(), expected, rtol=0, atol=1e-6)
        assert torch.equal(value, before[name]), "the first network is left alone"


def test_the_ends_are_the_networks_themselves():
    one, other = small_generator(1), small_generator(2)
    for share, end in ((0.0, one), (1.0, other)):
        assert all(torch.equal(value, end.state_dict()[name]) for name, value in mixed(one, other, share).state_dict().items())
    assert not torch.equal(mixed(one, other, 0.5).stem.weight, one.stem.weight), "the test can fail"


def test_other_specs_are_refused():
    other = small_generator(0, dataclasses.replace(SMALL, name="other", widths=tuple(w + 4 for w in SMALL.widths)))
    with pytest.raises(ValueError, match=f"{SMALL.name} and other"):
        mixed(small_generator(), other, 0.5)


def test_the_command_writes_a_checkpoint_that_names_both(tmp_path, capsys):
    one, other, out = (tmp_path / f"{name}.safetensors" for name in ("one", "other", "out"))
    save_checkpoint(one, small_generator(1), {"licence": "theirs"})
    save_checkpoint(other, small_generator(2), {"licence": "ours", "step": "12", "config": "{}"})
    assert main(["mix", str(one), str(other), "--share", "0.25", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    _, header = read_safetensors(out)
    assert (header["licence"], header["mixed_share"]) == ("ours", "0.25")
    assert (header["mixed_from_sha256"], header["mixed_with_sha256"]) == (sha256(one), sha256(other))
    assert not {"step", "config"} & set(header), "they are those of one part"
    expected = mixed(small_generator(1), small_generator(2), 0.25).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in load_checkpoint(out).state_dict().items())


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan"])
def test_shares_outside_0_to_1_are_refused(share, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["mix", "a.safetensors", "b.safetensors", f"--share={share}", "--out", str(tmp_path / "out.safetensors")])
    assert stopped.value.code == 2
    assert f"{float(share):g} given, 0 to 1 are allowed" in capsys.readouterr().err


def test_a_wrong_name_writes_nothing(tmp_path, capsys):
    one = tmp_path / "one.safetensors"
    save_checkpoint(one, small_generator(), {})
    assert run_main(main, ["mix", str(one), str(one), "--share", "0.5", "--out", str(tmp_path / "out.ckpt")]) == 2
    assert "a checkpoint is called *.safetensors" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["one.safetensors"]
