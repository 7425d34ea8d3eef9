"""Low-resolution diffusion, then the student's network: means are the teacher's, what lies between them the network's."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.__main__ import main
from models.checkpoint import save_checkpoint
from models.generator import Generator
from models.spec import ModelSpec
from models.teacher.upscale import upscaling_run, with_low_band
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.support.exit_code import exit_code
from parity_tests.support.small import small_generator

SIDE, FACTOR = 32, 4
HOLE = np.zeros((SIDE, SIDE), bool)
HOLE[8:24, 12:28] = True  # whole blocks
BLOCKS = HOLE[::FACTOR, ::FACTOR]


def block_means(values):
    return values.reshape(len(values) // FACTOR, FACTOR, -1, FACTOR, *values.shape[2:]).mean((1, 3))


def keys(x, a=-0.75):
    """Keys' cubic kernel, *Cubic Convolution Interpolation*, 1981, eq. 4 with a free."""
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def enlarging(count):
    """(FACTOR count, count): cubic interpolation, the last value going on beyond the border."""
    matrix = np.zeros((FACTOR * count, count))
    for i in range(FACTOR * count):
        centre = (i + 0.5) / FACTOR - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            matrix[i, min(max(tap, 0), count - 1)] += keys(centre - tap)
    return matrix


def test_the_limit_is_the_one_smooth_change_that_has_these_means():
    """Back projection adds cubic interpolations of gaps: solved at once, by equations over the decided blocks."""
    rng = np.random.default_rng(0)
    image = rng.integers(100, 156, (SIDE, SIDE, 3), dtype=np.uint8)
    low = rng.integers(110, 146, (SIDE // FACTOR, SIDE // FACTOR, 3), dtype=np.uint8)
    line = enlarging(SIDE // FACTOR)
    change = np.einsum("ij,kl->ikjl", line, line) * HOLE[:, :, None, None]  # pixel for each block's gap
    measured = block_means(change)[BLOCKS][:, BLOCKS]
    gaps = np.linalg.solve(measured, low[BLOCKS] - block_means(image.astype(float))[BLOCKS])
    wanted = image + change[:, :, BLOCKS] @ gaps
    found = with_low_band(image, HOLE, low, BLOCKS)
    assert np.array_equal(found[~HOLE], image[~HOLE])
    assert np.abs(found - wanted).max() < 2  # half of it rounding, the rest where the steps end
    assert np.abs(block_means(found.astype(float)) - low)[BLOCKS].max() < 0.5


def test_nothing_changes_where_the_means_are_right():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    low = np.rint(block_means(image.astype(float))).astype(np.uint8)
    found = with_low_band(image, HOLE, low, BLOCKS)
    assert np.abs(found.astype(int) - image).max() <= 1


def test_pixels_stay_bytes():
    image = np.full((SIDE, SIDE, 3), 128, np.uint8)
    image[::2] = 0
    low = np.full((SIDE // FACTOR, SIDE // FACTOR, 3), 255, np.uint8)
    found = with_low_band(image, HOLE, low, BLOCKS)
    assert found[HOLE].mean() > 250
    assert np.array_equal(found[~HOLE], image[~HOLE])


def test_structure_is_the_teachers_and_texture_the_networks():
    """A slow wave of the one and a fast one of the other, of which neither knows the other's, add up to the picture."""
    y, x = np.indices((256, 256))
    slow = 128 + 50 * np.sin(2 * np.pi * x / 128)
    fast = 20 * (-1.0) ** (x + y)
    hole = np.zeros((256, 256), bool)
    hole[64:192, 64:192] = True
    asked = []

    def network(*, image, mask):
        assert np.array_equal(mask >= 128, hole)
        return np.repeat((90 + fast)[..., None], 3, 2).astype(np.uint8)

    def complete(photos, holes):
        asked.append((photos, holes))
        assert not photos[holes].any()  # nothing under the hole leaks
        return np.repeat(np.rint(block_means(slow))[None, ..., None], 3, 3).astype(np.uint8)

    image = np.repeat(np.rint(slow + fast)[..., None], 3, 2).astype(np.uint8)
    mask = hole.astype(np.uint8) * 255
    found = upscaling_run(network, complete, 256, 64)(image=np.where(hole[..., None], 0, image).astype(np.uint8), mask=mask)
    assert asked[0][0].shape == (1, 64, 64, 3)
    assert np.array_equal(asked[0][1][0], hole[::4, ::4])
    assert np.array_equal(found[~hole], image[~hole])
    inside = np.s_[72:184, 72:184]
    assert np.abs(found[inside].astype(float) - image[inside]).max() < 4


def test_a_hole_thinner_than_the_teachers_pixels_is_the_networks():
    def never(photos, holes):
        raise AssertionError("there is nothing to complete")

    mask = np.zeros((256, 256), np.uint8)
    mask[100] = 255
    image = np.zeros((256, 256, 3), np.uint8)
    found = upscaling_run(lambda image, mask: image + np.uint8(7), never, 256, 64)(image=image, mask=mask)
    assert (found[100] == 7).all()
    assert not found[:100].any()


@pytest.mark.parametrize("small", [48, 256, 512])
def test_sizes_that_do_not_divide(small):
    with pytest.raises(ValueError, match="no multiple"):
        upscaling_run(lambda image, mask: image, lambda photos, holes: photos, 256, small)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A denoiser of 16x16, a photo of 90x150 with a hole, checkpoints."""
    folder = tmp_path_factory.mktemp("work")
    save_pipeline(folder / "ddpm")
    Image.fromarray(np.ascontiguousarray(skimage.data.coffee()[100:190, 200:350])).save(folder / "photo.png")
    mask = np.zeros((90, 150), np.uint8)
    mask[20:60, 50:100] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    save_checkpoint(folder / "small.safetensors", small_generator(), {"data": "none"})
    deep = ModelSpec("deep", (8,) * 9, (1,) * 9, plain_levels=2)  # works on multiples of 1024 pixels
    save_checkpoint(folder / "deep.safetensors", Generator(deep), {"data": "none"})
    (folder / "text.safetensors").write_text("no checkpoint")
    return folder


def call(capsys, work, *extra, out="out.png"):
    capsys.readouterr()
    files = [work / "photo.png", work / "mask.png", work / out]
    code = exit_code(main, ["teacher", "inpaint", *files, "--sampler", "ddnm", "--steps", 4, "--denoiser", work / "ddpm", *extra])
    return code, *capsys.readouterr()


def test_the_command(capsys, work):
    code, out, err = call(capsys, work, "--upscale", work / "small.safetensors")
    assert code == 0, err
    assert out.strip() == str(work / "out.png")
    assert "4/4" in err  # one window, as many calls as steps
    photo, mask, result = (np.asarray(Image.open(work / name)) for name in ("photo.png", "mask.png", "out.png"))
    assert np.array_equal(result[mask == 0], photo[mask == 0])
    assert not np.array_equal(result[mask > 0], photo[mask > 0])
    assert call(capsys, work, "--upscale", work / "small.safetensors", "--seed", 1, out="other.png")[0] == 0
    other = np.asarray(Image.open(work / "other.png"))
    assert not np.array_equal(other, result), "the teacher decides nothing"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--upscale", "nothing.safetensors"), "no such file"),
        (("--upscale", "text.safetensors"), "not a safetensors file"),
        (("--upscale", "ddpm/unet/diffusion_pytorch_model.safetensors"), "not a wavefill checkpoint"),
        (("--upscale", "ddpm"), "is a folder"),
        (("--upscale", "deep.safetensors"), "256"),
        (("--upscale", "small.safetensors", "--layout", "tiles"), "goes with --layout windows"),
    ],
)
def test_mistakes_are_one_line(capsys, work, monkeypatch, extra, message):
    monkeypatch.chdir(work)
    code, out, err = call(capsys, work, *extra, out="never.png")
    assert code == 2, err
    assert out == ""
    lines = [line for line in err.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (work / "never.png").exists()
