"""``python -m benchmarks fill``: which holes are made, what is measured, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from benchmarks import fill
from benchmarks.__main__ import main
from models.fill.window import bounding_box
from models.runner import torch_run
from parity_tests.fuzz.readers import READERS
from parity_tests.support.exit_code import exit_code
from parity_tests.support.small import small_generator

ASTRONAUT = np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture
def call(here, monkeypatch, capsys):
    """The command on two photos, a small one and a network of 64 pixels."""
    for folder in ("photos", "net", "artifact"):
        Path(folder).mkdir()
    READERS["squeezenet"].make(Path("net"))
    Image.fromarray(ASTRONAUT[:300, :320]).save("photos/a.png")
    Image.fromarray(ASTRONAUT[200:, 100:420]).save("photos/b.png")
    Image.fromarray(ASTRONAUT[:80, :300]).save("photos/small.png")
    monkeypatch.setattr(fill, "load_artefact", lambda folder, threads: torch_run(small_generator(1), 64))
    monkeypatch.setattr(fill, "read_manifest", lambda folder: SimpleNamespace(size=64))

    def run(*options):
        fixed = ("--data", "photos", "--perceptual", "net/net.safetensors", "--artifact", "artifact", "--hole", "80")
        code = exit_code(main, ["fill", *fixed, *options])
        return code, *capsys.readouterr()

    return run


def test_both_fills_are_measured_on_the_same_holes(call):
    code, out, err = call("--json", "figures.json", "--images", "images")
    assert code == 0
    assert "2 photos, holes of 80 pixels" in out
    assert "small.png: 300 x 80 pixels, 256 in both directions are needed; left out" in err
    figures = json.loads(Path("figures.json").read_text())
    assert list(figures) == ["a.png", "b.png"]
    for row in figures.values():
        # The network is untrained and draws what it likes: what is copied is the photo's, about as strong as in the photo.
        assert 0.3 < row["auto"]["detail"] < 2
        assert row["auto"] != row["off"]
        assert row["auto"]["distance"] > 0
    assert len(list(Path("images").iterdir())) == 4


def test_a_widened_photo_is_measured_in_what_was_cut_off(call):
    for number in range(4):  # one for each side
        Image.fromarray(ASTRONAUT[:328, number * 20 :][:, :331]).save(f"photos/wide{number}.png")
    code, out, _ = call("--outpaint", "--images", "images")
    assert code == 0
    assert "4 photos, widened by a quarter, native crops of 256" in out
    for number in range(4):
        photo, result = (np.asarray(Image.open(f"{name}.png")) for name in (f"photos/wide{number}", f"images/wide{number}-auto"))
        hole = fill.strip(photo.shape, fill.SIDES[(3 + number) % 4])  # after a.png, b.png and small.png, which are too small
        assert np.array_equal(result[~hole], photo[~hole])
        assert (result[hole] != photo[hole]).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("side", fill.SIDES)
def test_a_strip_is_a_quarter_of_what_is_left(side):
    hole = fill.strip((500, 1000, 3), side)
    assert hole.sum() == 500 * 1000 // 5
    edges = {"left": hole[:, 0], "right": hole[:, -1], "top": hole[0], "bottom": hole[-1]}
    assert edges[side].all()
    assert bounding_box(~hole).height * bounding_box(~hole).width == 500 * 1000 * 4 // 5


@pytest.mark.parametrize("seed", range(20))
def test_holes_are_as_large_as_asked_for_and_inside(seed):
    hole = fill.blob_hole((300, 500, 3), 120, seed)
    box = bounding_box(hole)
    assert 110 <= max(box.height, box.width) <= 120
    assert hole.sum() > 0.4 * 120**2


@pytest.mark.parametrize(("low", "high"), [(0, 80), (100, 420), (700, 1000), (0, 1000)])
def test_crops_cover_the_hole(low, high):
    starts = fill._crops(low, high, 1000)
    assert starts[0] >= 0
    assert starts[-1] + fill.CROP <= 1000
    covered = set().union(*(range(start, start + fill.CROP) for start in starts))
    assert set(range(low, high)) <= covered


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hole", "20"), "--hole: 20 given, at least 64 is needed"),
        (("--seed", "-1"), "--seed: -1 given, at least 0 is needed"),
        (("--hole", "5000"), "no photo is large enough"),
        (("--json", "nowhere/x.json"), "nowhere"),
    ],
)
def test_bad_input_is_one_line(call, options, message):
    code, out, err = call(*options)
    assert code == 2
    assert out == ""
    assert message in err.splitlines()[-1]
