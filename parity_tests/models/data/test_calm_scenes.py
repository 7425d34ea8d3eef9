"""Calm scenes for training: a photograph's colours, nothing in them but a gradient and grain; a folder of them or none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from models.__main__ import main
from models.data.calm_scenes import GRAIN, PART, SPAN, calm_scene
from models.data.photos import find_photos
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code
from parity_tests.support.photo_folders import damage, write_photos

SIDE = 64
RAMP = np.broadcast_to(np.arange(PART[0])[:, None, None] * 2 + [60, 40, 20], (PART[0], PART[0], 3)).astype(np.uint8)


def blurred(picture):
    return gaussian_filter(picture.astype(float), (8, 8, 0))


@given(seed=st.integers(0, 2**32), low=st.integers(0, 200), high=st.integers(0, 255), noise=st.integers(0, 60))
def test_a_scene_is_the_colours_and_grain_and_nothing_else(seed, low, high, noise):
    rng = np.random.default_rng(seed)
    part = np.linspace(low, high, PART[0])[:, None, None] + rng.normal(0, noise, (PART[0], PART[0], 3))
    part = part.clip(0, 255).astype(np.uint8)
    scene = calm_scene(part, SIDE, rng)
    assert scene.shape == (SIDE, SIDE, 3)
    assert scene.dtype == np.uint8
    # What bicubic enlargement of 2 to 4 colours weighs unequally, and values cut off at 0 or 255.
    assert np.abs(scene.mean(axis=(0, 1)) - part.mean(axis=(0, 1))).max() < SPAN / 4
    # Bicubic weights overshoot by an eighth of a step, on either side.
    assert np.ptp(blurred(scene)) < 1.25 * SPAN + 3
    # A step of 40 levels over 16 pixels, blurred, moves by another level or two.
    assert (scene - blurred(scene))[8:-8, 8:-8].std() < GRAIN + 2


def test_grain_is_grey_and_of_several_strengths():
    """The same in all three channels, as a camera's noise reduction leaves it, and from none to ``GRAIN``."""
    strengths = []
    for seed in range(40):
        scene = calm_scene(np.full((64, 64, 3), (90, 120, 150), np.uint8), SIDE, np.random.default_rng(seed))
        grain = scene.astype(int) - (90, 120, 150)
        assert (grain == grain[:, :, :1]).all()
        strengths.append(grain.std())
    assert min(strengths) < 0.3
    # The deviation of 4096 normal values is within 4 % of the distribution's, and rounding adds 0.02.
    assert 2 < max(strengths) < GRAIN + 0.2


def test_the_gradient_goes_the_way_of_the_photograph():
    scene = blurred(calm_scene(RAMP, SIDE, np.random.default_rng(4)))
    rows = scene.mean(axis=1)
    assert (rows[-8] - rows[8] > SPAN / 2).all()
    assert np.abs(scene[:, 8] - scene[:, -8]).max() < 2


def test_command_makes_a_folder_of_photos(tmp_path, capsys):
    write_photos(tmp_path / "photos", 9, size=(130, 140))
    damage(tmp_path / "photos" / "004.png")
    made = {}
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        words = ["--data", str(tmp_path / "photos"), "--out", str(tmp_path / name), "--count", "5", "--side", "48"]
        assert run_main(main, ["scenes", *words, "--seed", str(seed)]) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / name)
        made[name] = [path.read_bytes() for path in find_photos(tmp_path / name)]
        assert len(made[name]) == 5
        with Image.open(find_photos(tmp_path / name)[0]) as image:
            assert (image.size, image.mode) == ((48, 48), "RGB")
        assert (tmp_path / name).stat().st_mode & 0o777 == (tmp_path / "photos").stat().st_mode & 0o777
    assert made["a"] == made["b"]
    assert not set(made["a"]) & set(made["c"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "--count: 0 given"),
        (["--side", "8"], "--side: 8 given, 16 to 1024"),
        (["--seed", "-1"], "--seed: -1 given"),
        (["--data", "nowhere"], "nowhere: no such folder of photos"),
        (["--data", "small"], "small: 0 usable photos of 9, at least 8 are needed"),
        (["--data", "broken"], "broken: 7 usable photos of 9, at least 8 are needed"),
        (["--out", "photos"], "photos is there already; name a new folder"),
        (["--out", "nowhere/scenes"], "there is no folder nowhere"),
    ],
)
def test_command_refuses(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos", 9, size=(130, 140))
    write_photos(tmp_path / "small", 9, size=(100, 140))
    for path in write_photos(tmp_path / "broken", 9, size=(130, 140)):
        damage(path)
    assert exit_code(main, ["scenes", "--data", "photos", "--out", "scenes", *words]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "photos", "small"]
