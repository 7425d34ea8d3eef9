"""Masks at the command line: both commands that fill a photo take the same options, and refuse in one line."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.__main__ import main
from models.commands import inpaint
from models.commands.mask_options import add_mask_arguments, mask_options
from models.photo.images import read_photo
from models.photo.mask import MaskOptions
from models.system.errors import run_main
from models.teacher.commands import inpaint as teacher_inpaint
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.support.models_command import COFFEE, SMALL

HOLE = np.zeros(COFFEE.shape[:2], bool)
HOLE[20:50, 30:80] = True

COMMANDS = {
    "models": ("inpaint", SMALL),
    "teacher": ("teacher inpaint", ("--sampler", "ddnm", "--denoiser", "ddpm", "--steps", "2")),
}


@pytest.fixture
def call(capsys, here):
    """Run the command line in a folder with a photo, a mask and both networks: (exit code, stdout, stderr)."""

    def run(command, *arguments):
        verb, network = COMMANDS[command]
        try:
            code = run_main(main, [*verb.split(), *map(str, arguments), *network])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    save_pipeline(here / "ddpm")
    capsys.readouterr()
    return run


def changed(name="out.png"):
    """Where a result differs from the photo."""
    return (read_photo(Path(name)).pixels != COFFEE).any(axis=2)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def save(values, name="mask.png"):
    Image.fromarray(values).save(name)


RGBA = np.dstack([COFFEE, np.where(HOLE, np.uint8(0), np.uint8(255))])
SHEET = np.dstack([np.full_like(COFFEE, 255), RGBA[:, :, 3]])
GREY = HOLE.astype(np.uint8) * np.uint8(255)

TAKEN = {
    # name            mask                                       options                                 hole
    "plain": (GREY, (), HOLE),
    "erased": (RGBA, (), HOLE),
    "sheet, alpha": (SHEET, ("--mask-from", "alpha"), HOLE),
    "sheet, colour": (SHEET, ("--mask-from", "colour"), ~HOLE),
    "0/1": (HOLE.astype(np.uint8), (), HOLE),
    "inverted": (255 - GREY, ("--invert",), HOLE),
    "soft": (GREY // 100, ("--threshold", "1"), HOLE),
    "double size": (np.kron(GREY, np.ones((2, 2), np.uint8)), ("--fit-mask",), HOLE),
    "grown": (
        GREY,
        ("--grow", "1"),
        HOLE | np.roll(HOLE, 1, 0) | np.roll(HOLE, -1, 0) | np.roll(HOLE, 1, 1) | np.roll(HOLE, -1, 1),
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_the_hole_is_filled_and_nothing_else(call, case):
    values, options, hole = TAKEN[case]
    save(values)
    code, out, err = call("models", "photo.png", "mask.png", "out.png", *options)
    assert (code, out) == (0, "out.png\n"), err
    assert all(line.startswith("wavefill: note: mask.png: ") for line in err.splitlines())
    assert not (changed() & ~hole).any()
    assert changed()[hole].mean() > 0.9


def test_the_teacher_takes_the_same_options(call):
    """One command's options are the other's; one case of all runs through the teacher, which is slow."""
    save(np.kron(255 - GREY // 200, np.ones((2, 2), np.uint8)))
    options = ("--invert", "--threshold", "1", "--grow", "1", "--fit-mask")
    code, out, err = call("teacher", "photo.png", "mask.png", "out.png", *options)
    assert (code, out) == (0, "out.png\n"), err
    grown = TAKEN["grown"][2]
    assert not (changed() & ~grown).any()
    assert changed()[grown].mean() > 0.9


def test_both_commands_have_all_mask_options():
    shared = argparse.ArgumentParser()
    add_mask_arguments(shared)
    names = {option for action in shared._actions for option in action.option_strings} - {"-h", "--help"}
    for module in (inpaint, teacher_inpaint):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        own = {option for action in parser._actions for option in action.option_strings}
        assert names <= own
        assert "docs/masks.md" in parser.format_help()
    assert mask_options(shared.parse_args([])) == MaskOptions()
    given = ["--mask-from", "alpha", "--invert", "--threshold", "9", "--grow", "8", "--fit-mask", "--allow-empty"]
    expected = MaskOptions("alpha", fit=True, invert=True, threshold=9, grow=8, allow_empty=True)
    assert mask_options(shared.parse_args(given)) == expected


REFUSED = {
    # name                  mask                        options                     part of the message
    "empty": (GREY * 0, (), "the mask is empty: 128 and more is filled, and its brightest value is 0; --invert fills black"),
    "full": (GREY * 0 + 255, ("--allow-empty",), "the mask is full: it keeps no pixel"),
    "full by inverting": (GREY * 0, ("--invert",), "the mask is full"),
    "full by growing": (GREY, ("--grow", "150"), "the mask is full after growing by 150 pixels"),
    "unclear": (SHEET, (), "--mask-from alpha fills what is transparent, --mask-from colour fills what is white"),
    "coloured": (COFFEE, (), "coloured"),
    "no alpha": (GREY, ("--mask-from", "alpha"), "the mask has no alpha channel"),
    "half size": (GREY[::2, ::2], (), "the mask is 75x45 but the photo, as shown, is 150x90 (width x height); --fit-mask scales"),
    "turned": (np.ascontiguousarray(GREY.T), ("--fit-mask",), "90x150 but the photo, as shown, is 150x90"),
    "other proportions": (GREY[:80], ("--fit-mask",), "150x80 but the photo, as shown, is 150x90"),
    "threshold 0": (GREY, ("--threshold", "0"), "--threshold: 0 given, 1 to 255 are allowed"),
    "threshold 256": (GREY, ("--threshold", "256"), "--threshold: 256 given"),
    "threshold text": (GREY, ("--threshold", "half"), "invalid int value: 'half'"),
    "grow -1": (GREY, ("--grow", "-1"), "--grow: -1 given, 0 to 250 pixels are allowed"),
    "grow 251": (GREY, ("--grow", "251"), "--grow: 251 given"),
    "grow 1.5": (GREY, ("--grow", "1.5"), "invalid int value: '1.5'"),
    "unknown source": (GREY, ("--mask-from", "red"), "invalid choice: 'red'"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_line_and_write_nothing(call, here, case, command):
    values, options, message = REFUSED[case]
    save(values)
    before = files(here)
    code, out, err = call(command, "photo.png", "mask.png", "out.png", *options)
    assert (code, out) == (2, ""), err
    assert err.startswith("wavefill: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert files(here) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_mask_that_is_allowed_writes_the_photo_and_needs_no_network(call, command):
    save(GREY * 0)
    Path("small.safetensors").unlink()
    Path("ddpm").rename("elsewhere")
    code, _, err = call(command, "photo.png", "mask.png", "out.webp", "--allow-empty")
    assert (code, err) == (0, "wavefill: note: mask.png: the mask is empty; the photo is written unchanged\n")
    assert not changed("out.webp").any()


def test_a_mask_lies_over_the_photo_as_shown(call):
    """The photo is stored on its side; a mask of its stored size is refused with the reason, one of its shown size is taken."""
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(COFFEE))).save("photo.png", exif=tags)
    save(np.ascontiguousarray(np.rot90(GREY)))
    code, _, err = call("models", "photo.png", "mask.png", "out.png")
    assert code == 2
    assert "make it from the photo as viewers show it, EXIF orientation applied" in err
    Image.fromarray(np.ascontiguousarray(np.rot90(GREY))).save("mask.png", exif=tags)
    assert call("models", "photo.png", "mask.png", "a.png")[0] == 0
    save(GREY)
    assert call("models", "photo.png", "mask.png", "b.png")[0] == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert not (changed("b.png") & ~HOLE).any()


# ------------------------------------------------------------------------------------------------ --artifact
