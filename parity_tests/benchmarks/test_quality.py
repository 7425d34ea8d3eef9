"""``python -m benchmarks quality``: artefacts beside a checkpoint on the same photos."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks import quality
from benchmarks.__main__ import main
from models.evaluation.baselines import BASELINES
from models.runner import torch_run
from models.system.errors import run_main
from parity_tests.support.models_command import COFFEE
from parity_tests.support.small import small_generator


@pytest.fixture
def photos(here, monkeypatch):
    """Three photos in a folder, and folders that stand for artefacts of 32 pixels."""
    Path("photos").mkdir()
    for index in range(3):
        Image.fromarray(np.ascontiguousarray(COFFEE[index:, 7 * index :])).save(f"photos/{index}.png")
    for name in ("one", "two", "network", *BASELINES, "photo", "hole"):
        Path(name).mkdir()
    run = torch_run(small_generator(1), 32)
    monkeypatch.setattr(quality, "load_artefact", lambda folder, threads: run)
    monkeypatch.setattr(quality, "read_manifest", lambda folder: SimpleNamespace(size=32))


@pytest.fixture
def call(photos, capsys):
    def run(*options):
        code = run_main(main, ["quality", "--data", "photos", *options])
        return code, *capsys.readouterr()

    return run


def test_artefacts_are_compared_with_the_network(call):
    options = ("--checkpoint", "small.safetensors", "--artifact", "one")
    code, out, _ = call(*options, "--artifact", "two", "--json", "a.json")
    assert code == 0
    assert "one over network" in out
    report = json.loads(Path("a.json").read_text())
    assert report["methods"]["one"] == report["methods"]["two"] != report["methods"]["network"]
    assert report["setting"]["artifacts"] == ["one", "two"]
    assert report["setting"]["checkpoint_sha256"]


def test_fills_with_detail_are_rows_of_their_own(call):
    code, _, _ = call("--artifact", "one", "--detail", "auto", "--json", "a.json")
    assert code == 0
    methods = json.loads(Path("a.json").read_text())["methods"]
    assert {"one", "one + detail"} <= set(methods)
    assert methods["one"] != methods["one + detail"]


def test_artefacts_alone(call):
    code, _, _ = call("--artifact", "one", "--json", "a.json")
    assert code == 0
    report = json.loads(Path("a.json").read_text())
    assert "network" not in report["methods"]
    assert report["setting"]["checkpoint_sha256"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--artifact", "one", "--artifact", "one"), "one is given twice"),
        (("--artifact", "one", "--size", "64"), "made for 32x32 pixels, the other networks or --size say 64"),
        *((("--artifact", name), f"a folder cannot be called {name} here") for name in ("network", *BASELINES, "photo", "hole")),
    ],
)
def test_artefacts_that_cannot_be_compared_are_one_line(call, options, said):
    code, out, err = call(*options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
