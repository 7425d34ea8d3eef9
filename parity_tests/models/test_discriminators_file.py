"""Discriminators as a file: written by adversarial runs, taken up by ``train --init``, refused where they are another's."""

import dataclasses

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.checkpoint import save_checkpoint, sha256
from models.commands import train
from models.discriminators_file import file_name, load_discriminators, save_discriminators
from models.generator import Generator
from models.spec import SPECS
from models.training.config import PRESETS
from models.training.state import TrainState
from parity_tests.support.train_tiny import CPU, TINY, arguments, register, write_smooth


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    register(monkeypatch.setitem)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_smooth(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def begin(photos, tmp_path):
    """Run the verb on the photos."""

    def call(*words, out="run"):
        return train.main(arguments("--data", photos, "--out", tmp_path / out, "--device", "cpu", "--sample-steps", 0, *words))

    return call


def test_an_adversarial_run_leaves_its_discriminators_and_another_begins_with_them(begin, tmp_path, monkeypatch):
    assert begin("--preset", "tiny-gan", "--set", "steps=2", "--licence", "CC0") == 0
    file, checkpoint = tmp_path / "run" / file_name("tiny"), tmp_path / "run" / "checkpoint.safetensors"
    assert file.name == "tiny.discriminators.safetensors"
    with safe_open(file, "pt") as opened:
        header = opened.metadata()
    told = [header[name] for name in ("discriminators", "licence", "step")]
    assert told == ["image, wavelet", "CC0", "2"]
    halves, live = load_file(file), TrainState.load(tmp_path / "run" / "state.safetensors", CPU)[0].discriminators
    assert {value.dtype for value in halves.values()} == {torch.float16}
    for row, network in live.items():
        for name, value in network.state_dict().items():
            # 11 bits of mantissa; entries under 6e-5 are kept to 3e-8.
            assert torch.allclose(halves[f"{row}.{name}"].float(), value, rtol=2**-11, atol=3e-8), name

    seen = {}
    monkeypatch.setattr("models.training.loop.run", lambda recipe, limits: seen.update(recipe=recipe))
    assert begin("--preset", "tiny-gan", "--init", checkpoint, "--init", file, "--set", "seed=5", out="next") == 0
    state = seen["recipe"].state
    fresh = TrainState.fresh(dataclasses.replace(PRESETS["tiny-gan"], seed=5), CPU)
    for row, network in state.discriminators.items():
        for name, value in network.state_dict().items():
            assert torch.equal(value, halves[f"{row}.{name}"].float()), name
        assert not torch.equal(network.patches.last.weight, fresh.discriminators[row].patches.last.weight)
    assert state.provenance["init_discriminators_sha256"] == sha256(file)
    assert state.provenance["init_sha256"] == sha256(checkpoint)


def test_a_run_without_an_opponent_leaves_none(begin, tmp_path):
    assert begin("--preset", "tiny", "--set", "steps=1") == 0
    assert not list((tmp_path / "run").glob("*discriminators*"))


def test_equal_discriminators_give_equal_files(tmp_path):
    networks = TrainState.fresh(PRESETS["tiny-gan"], CPU).discriminators
    for name in ("a", "b"):
        save_discriminators(tmp_path / name, networks, TINY, {"licence": "none", "b": "1", "a": "2"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_discriminators_of_another_network_are_refused(begin, tmp_path, monkeypatch):
    other = dataclasses.replace(TINY, name="other", widths=(8, 12))
    monkeypatch.setitem(SPECS, "other", other)
    networks = TrainState.fresh(PRESETS["tiny-gan"], CPU).discriminators
    start, good, foreign, image = (tmp_path / name for name in ("start", "good", "foreign", "image"))
    save_checkpoint(start, Generator(TINY), {})
    save_discriminators(good, networks, TINY, {})
    save_discriminators(foreign, networks, other, {})
    save_discriminators(image, {"image": networks["image"]}, TINY, {})
    narrow = {
        name: value[:4].contiguous() if name == "image.patches.layers.0.weight" else value
        for name, value in load_file(good).items()
    }
    with safe_open(good, "pt") as opened:
        save_file(narrow, tmp_path / "narrow", metadata=opened.metadata())
    for words, message in (
        (["tiny-gan", start, foreign], "foreign: discriminators of a other; the configuration says tiny"),
        (["tiny-gan", start, image], "image: holds discriminators image; the configuration has image, wavelet"),
        (["tiny-gan", start, tmp_path / "narrow"], "wrong shapes: patches.layers.0.weight"),
        (["tiny-gan", good], "good: discriminators alone; give the checkpoint"),
        (["tiny-gan", start, good, good], "a second file of its kind"),
        (["tiny", start, good], "the configuration tiny has none; choose --preset adversarial"),
    ):
        given = [word for path in words[1:] for word in ("--init", path)]
        with pytest.raises(ValueError, match=message):
            begin("--preset", words[0], *given)
    assert not (tmp_path / "run").exists(), "refused before anything is written"
    with pytest.raises(ValueError, match="format 'wavefill-checkpoint-1', not 'wavefill-discriminators-1'"):
        load_discriminators(start, TINY, ["image"])
