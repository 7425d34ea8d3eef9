"""``python -m benchmarks upscale``: what is compared, counted and refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from benchmarks.__main__ import main
from models.checkpoint import save_checkpoint
from models.teacher.large_photo import surroundings
from parity_tests.fuzz.readers import READERS
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.support.exit_code import exit_code
from parity_tests.support.small import small_generator


@pytest.fixture
def call(here, capsys):
    """The command on a photo, one that is too small, a denoiser of 16x16 and a small student."""
    for folder in ("photos", "net"):
        Path(folder).mkdir()
    READERS["squeezenet"].make(Path("net"))
    save_pipeline(Path("ddpm"))
    save_checkpoint(Path("small.safetensors"), small_generator(), {"data": "none"})
    Image.fromarray(skimage.data.astronaut()[:256, :280]).save("photos/a.png")
    Image.fromarray(skimage.data.astronaut()[:80, :300]).save("photos/small.png")

    def run(*options, sampler="ddnm"):
        files = ("--denoiser", "ddpm", "--checkpoint", "small.safetensors", "--perceptual", "net/net.safetensors")
        fixed = ("--data", "photos", *files, "--steps", "2", "--hole", "64", "--sampler", sampler)
        code = exit_code(main, ["upscale", *fixed, *options])
        return code, *capsys.readouterr()

    return run


def test_every_way_is_measured_and_its_calls_are_counted(call):
    code, out, err = call("--json", "figures.json", "--images", "images")
    assert code == 0, err
    assert "1 photos, holes of 64 pixels" in out
    assert "small.png: 300 x 80 pixels are too few" in err
    figures = json.loads(Path("figures.json").read_text())
    row = figures["a.png"]
    assert row["window"]["calls"] == row["upscale"]["calls"] == 2  # one window, steps of the sampler
    assert row["student alone"]["calls"] == 0
    photo = np.asarray(Image.open("photos/a.png"))
    fills = {path.stem: np.asarray(Image.open(path)) for path in Path("images").iterdir()}
    assert len(fills) == len(row) == 5
    hole = np.any([(fill != photo).any(axis=2) for fill in fills.values()], axis=0)
    rows, columns = surroundings(hole, 16)
    # Tiles that begin 12 pixels apart: those that touch the hole, of all that cover its surroundings.
    tiles = np.prod([-(-(part.stop - part.start - 16) // 12) + 1 for part in (rows, columns)])
    assert 16 < row["tiles"]["calls"] <= 2 * tiles
    assert row["tiles"]["calls"] < row["hierarchical"]["calls"]
    assert len({json.dumps(one["figures"]["psnr_db"]) for one in row.values()}) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sampler": "wavediff"}, "fills windows only"),
        ({"sampler": "magic"}, "allowed: guided"),
    ],
)
def test_samplers_that_cannot(call, options, said):
    code, _, err = call(**options)
    assert code == 2
    assert said in err


def test_no_photo_is_large_enough(call):
    Path("photos/a.png").unlink()
    code, _, err = call()
    assert code == 2
    assert "no photo is large enough" in err
