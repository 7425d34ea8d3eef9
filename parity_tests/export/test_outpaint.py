"""``python -m export outpaint``: options, results and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from export.__main__ import main
from models.commands.inpaint import Network
from models.system.errors import run_main

COFFEE = np.ascontiguousarray(skimage.data.coffee()[100:180, 100:220])


def grey(*, image, mask):
    return np.where(mask[:, :, None] >= 128, np.uint8(120), image)


@pytest.fixture
def call(here, monkeypatch, capsys):
    monkeypatch.setattr("export.commands.outpaint.checkpoint_network", lambda path, size: Network(64, lambda: grey))
    Image.fromarray(COFFEE).save("photo.png")

    def run(*options):
        code = run_main(main, ["outpaint", *options])
        return code, *capsys.readouterr()

    return run


def test_the_photo_lies_where_the_margins_leave_it(call):
    code, out, _ = call("photo.png", "wide.png", "--left", "25%", "--bottom", "7")
    assert (code, out) == (0, "wide.png\n")
    with Image.open("wide.png") as file:
        wide = np.asarray(file)
    assert wide.shape == (87, 150, 3)
    assert np.array_equal(wide[:80, 30:], COFFEE)


def test_an_aspect(call):
    assert call("photo.png", "wide.png", "--aspect", "2:1")[0] == 0
    with Image.open("wide.png") as wide:
        assert wide.size == (160, 80)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing is added"),
        (("--left", "-3"), "--left"),
        (("--left", "2.5"), "--left is '2.5'; pixels like 120, or a share like 25%, are needed"),
        (("--left", "many"), "--left is 'many'"),
        (("--aspect", "16"), "--aspect is '16'; two whole numbers like 16:9 are needed"),
        (("--aspect", "0:9"), "--aspect is '0:9'"),
        (("--left", "500%"), "at most 4 times the photo's length are added"),
        (("--left", "9", "--size", "64", "--artifact", "x"), "--size"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(call, options, message):
    code, out, err = call("photo.png", "wide.png", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not Path("wide.png").exists()


def test_the_photo_is_not_written_over(call):
    code, _, err = call("photo.png", "photo.png", "--left", "9")
    assert code == 2
    assert "photo.png" in err
    with Image.open("photo.png") as photo:
        assert np.array_equal(np.asarray(photo), COFFEE)
