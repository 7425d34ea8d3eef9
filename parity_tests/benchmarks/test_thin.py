"""``python -m benchmarks thin``: which holes are drawn, what is measured, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from benchmarks import fill, thin
from benchmarks.__main__ import main
from models.fill.fade import depths
from models.fill.holes import Box, hole_groups
from models.runner import torch_run
from parity_tests.support.exit_code import exit_code
from parity_tests.support.small import small_generator


@pytest.fixture
def call(here, monkeypatch, capsys):
    """The command on two photos, one of them too small, and a network of 64 pixels."""
    for folder in ("photos", "artifact"):
        Path(folder).mkdir()
    Image.fromarray(skimage.data.astronaut()[:150, :200]).save("photos/a.png")
    Image.fromarray(skimage.data.astronaut()[:60, :64]).save("photos/small.png")
    monkeypatch.setattr(fill, "load_artefact", lambda folder, threads: torch_run(small_generator(1), 64))
    monkeypatch.setattr(fill, "read_manifest", lambda folder: SimpleNamespace(size=64))

    def run(*options):
        code = exit_code(main, ["thin", "--data", "photos", "--artifact", "artifact", *options])
        return code, *capsys.readouterr()

    return run


def test_four_fills_of_each_kind_of_hole_are_measured(call):
    code, out, err = call("--json", "figures.json", "--images", "fills", "--width", "2")
    assert code == 0
    assert "lines of 2 pixels" in out
    assert "small.png: 64 x 60 pixels are not more than the network's 64" in err
    figures = json.loads(Path("figures.json").read_text())
    assert list(figures) == list(thin.HOLES)
    for rows in figures.values():
        assert list(rows) == ["a.png"]
        assert len(set(rows["a.png"].values())) >= 3  # shallow holes keep what the network makes, with and without detail
    assert len(list(Path("fills").iterdir())) == 8


@pytest.mark.parametrize("kind", thin.HOLES)
@pytest.mark.parametrize("width", [2, 5])
def test_holes_are_long_thin_and_drawn_again_by_their_seed(kind, width):
    first, second = (thin.HOLES[kind]((300, 420), width, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.flatnonzero(first.any(axis=0)).size > 300
    assert depths(first, Box(0, 0, *first.shape), 100).max() <= 3 * width
    assert len(hole_groups(first, 128)) > 1


def test_photos_that_are_no_larger_than_the_network_are_refused(call):
    Path("photos/a.png").unlink()
    code, _, err = call()
    assert code == 2
    assert "no photo is larger than the network's 64 pixels" in err
