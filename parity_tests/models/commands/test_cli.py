"""``python -m models`` as a user meets it: results on stdout, one line on stderr, the right exit code, nothing half-written."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.__main__ import VERBS, main
from models.checkpoint import load_checkpoint, sha256
from models.fill.windows import inpaint
from models.macs import generator_macs
from models.photo.images import read_photo
from models.photo.mask import read_mask
from models.runner import torch_run
from models.system.errors import ToolchainMissing, run_main
from parity_tests.support.models_command import COFFEE, SMALL
from parity_tests.support.small import small_generator


@pytest.fixture
def call(capsys):
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = run_main(main, [str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def only_error(result):
    """The one line of a failed command."""
    code, out, err = result
    assert code == 2, result
    assert out == ""
    assert err.startswith("wavefill: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


# ------------------------------------------------------------------------------------------------ inpaint


def test_inpaint_writes_what_the_function_computes(here, call):
    code, out, err = call("inpaint", "photo.png", "mask.png", "out.png", *SMALL)
    assert (code, out, err) == (0, "out.png\n", "")
    mask = read_mask(Path("mask.png")).values
    expected = inpaint(COFFEE, mask, torch_run(small_generator(), 32), 32)
    assert np.array_equal(read_photo(Path("out.png")).pixels, expected)
    assert not np.array_equal(expected, COFFEE)


def test_notes_do_not_fail(here, call):
    Image.fromarray(COFFEE).convert("RGBA").save("photo.png")
    code, out, err = call("inpaint", "photo.png", "mask.png", "out.jpg", *SMALL)
    assert (code, out) == (0, "out.jpg\n")
    assert err == "wavefill: note: out.jpg: does not hold an alpha channel\n"


def test_exif_turns_photo_and_mask_size(here, call):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(COFFEE))).save("photo.png", exif=exif)
    code, _, err = call("inpaint", "photo.png", "mask.png", "out.png", *SMALL)
    assert (code, err) == (0, "")
    kept = read_mask(Path("mask.png")).values == 0
    assert np.array_equal(read_photo(Path("out.png")).pixels[kept], COFFEE[kept])  # upright, and not turned once more


BAD = {
    # name                arguments after "inpaint"                              part of the message
    "missing photo": (("none.png", "mask.png", "out.png", *SMALL), "none.png: no such file"),
    "missing mask": (("photo.png", "none.png", "out.png", *SMALL), "none.png: no such file"),
    "text as photo": (("text.jpg", "mask.png", "out.png", *SMALL), "text.jpg: not an image"),
    "truncated photo": (("cut.png", "mask.png", "out.png", *SMALL), "cut.png: truncated or damaged"),
    "other size": (("photo.png", "small.png", "out.png", *SMALL), "mask is 20x10 but the photo, as shown, is 150x90"),
    "full mask": (("photo.png", "full.png", "out.png", *SMALL), "the mask is full"),
    "one pixel, full": (("one.png", "one.png", "out.png", *SMALL), "the mask is full"),
    "unknown suffix": (("photo.png", "mask.png", "out.xyz", *SMALL), "cannot write .xyz"),
    "no suffix": (("photo.png", "mask.png", "out", *SMALL), "a file without suffix"),
    "missing folder": (("photo.png", "mask.png", "nowhere/out.png", *SMALL), "there is no folder nowhere"),
    "onto its input": (("photo.png", "mask.png", "photo.png", *SMALL), "overwrite its own input"),
    "folder as photo": ((".", "mask.png", "out.png", *SMALL), "not a file"),
    "folder as output": (("photo.png", "mask.png", "folder.png", *SMALL), "is a folder"),
    "bad size": (("photo.png", "mask.png", "out.png", *SMALL[:2], "--size", "33"), "takes multiples of 16 pixels"),
    "size zero": (("photo.png", "mask.png", "out.png", *SMALL[:2], "--size", "0"), "1 to 1024 are allowed"),
    "size as text": (("photo.png", "mask.png", "out.png", "--size", "big"), "invalid int value: 'big'"),
    "missing checkpoint": (("photo.png", "mask.png", "out.png", "--checkpoint", "none"), "none: no such file"),
    "photo as checkpoint": (("photo.png", "mask.png", "out.png", "--checkpoint", "photo.png"), "not a safetensors file"),
    "no arguments": ((), "required: PHOTO, MASK, OUT"),
    "unknown option": (("photo.png", "mask.png", "out.png", "--fast"), "unrecognized arguments: --fast"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_no_file(here, call, case):
    arguments, message = BAD[case]
    Path("text.jpg").write_text("not a photo\n" * 99)
    Path("cut.png").write_bytes(Path("photo.png").read_bytes()[:5000])
    Path("folder.png").mkdir()
    Image.new("L", (20, 10)).save("small.png")
    Image.new("L", (150, 90), 255).save("full.png")
    Image.new("L", (1, 1), 255).save("one.png")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert message in only_error(call("inpaint", *arguments))
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


# ------------------------------------------------------------------------------------------------ evaluate and info


@pytest.fixture
def photos(here):
    """Three photos in a folder."""
    folder = here / "photos"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(np.ascontiguousarray(COFFEE[index:, 7 * index :])).save(folder / f"{index}.png")
    return folder


def test_evaluate_prints_a_table_and_two_runs_are_equal(photos, call):
    options = ("evaluate", "--data", "photos", *SMALL)
    code, out, err = call(*options, "--json", "a.json", "--sheet", "sheet.png")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:5]] == ["network", "telea", "navier-stokes", "mean"]
    assert "network over " in out
    assert call(*options, "--json", "b.json")[:2] == (0, out)
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    figures = json.loads(Path("a.json").read_text())
    assert figures["images"] == 3
    assert figures["setting"]["checkpoint_sha256"] == sha256(Path("small.safetensors"))
    assert f"{figures['methods']['telea']['hole_psnr_db']:.2f}" in out.splitlines()[2]
    assert read_photo(Path("sheet.png")).pixels.shape[1] > 6 * 32


BAD_EVALUATION = {
    "no data": ((), "required: --data"),
    "missing folder": (("--data", "none", *SMALL), "none: no such folder"),
    "empty folder": (("--data", "empty", *SMALL), "no photos in it"),
    "missing masks": (("--data", "photos", "--masks", "none", *SMALL), "none: no such folder"),
    "useless mask": (("--data", "photos", "--masks", "masks", *SMALL), "the mask is full"),
    "too large": (("--data", "photos", *SMALL[:2], "--size", "128"), "is smaller than the 128x128 crops"),
    "size": (("--data", "photos", *SMALL[:2], "--size", "-16"), "--size: -16 given"),
    "count": (("--data", "photos", *SMALL, "--count", "0"), "--count: 0 given"),
    "seed": (("--data", "photos", *SMALL, "--seed", "-1"), "--seed: -1 given"),
    "sheet": (("--data", "photos", *SMALL, "--sheet", "sheet.pdf"), "cannot write .pdf"),
    "json": (("--data", "photos", *SMALL, "--json", "nowhere/a.json"), "there is no folder nowhere"),
    "json onto folder": (("--data", "photos", *SMALL, "--json", "photos"), "is a folder"),
}


@pytest.mark.parametrize("case", BAD_EVALUATION)
def test_bad_evaluations(photos, call, case):
    arguments, message = BAD_EVALUATION[case]
    Path("empty").mkdir()
    Path("masks").mkdir()
    Image.new("L", (32, 32), 255).save("masks/full.png")
    assert message in only_error(call("evaluate", *arguments))


def test_info_says_what_a_checkpoint_is(here, call):
    code, out, err = call("info", "small.safetensors", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["spec"] == "small"
    assert facts["macs"]["256"] == generator_macs(small_generator(), 256)
    assert facts["sha256"] == sha256(Path("small.safetensors"))
    assert facts["provenance"]["data"] == "none"
    code, out, _ = call("info", "small.safetensors")
    assert code == 0
    assert facts["sha256"] in out
    assert f"{facts['parameters']:,}" in out
    assert load_checkpoint(Path("small.safetensors")).spec.name in out


def test_info_of_something_else(here, call):
    assert "not a safetensors file" in only_error(call("info", "photo.png"))


# ------------------------------------------------------------------------------------------------ the command line itself


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_with_examples(call, verb):
    code, out, err = call(verb, "--help")
    assert (code, err) == (0, "")
    assert f"\n  python -m models {verb}" in out[out.index("examples:") :]


def test_usage_errors(call):
    assert call("--help")[0] == 0
    assert "required: VERB" in only_error(call())
    assert "invalid choice: 'fill'" in only_error(call("fill"))


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("two\nlines"), 2, "two lines"),
        (OSError(28, "No space left on device", "/x/y"), 2, "/x/y: No space left on device"),
        (OSError(5, "Input/output error"), 2, "Input/output error"),
        (ToolchainMissing("no such kit"), 3, "no such kit"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
    ],
)
def test_exit_codes(capsys, error, code, line):
    def fails(_):
        raise error

    assert run_main(fails, []) == code
    assert capsys.readouterr() == ("", f"wavefill: error: {line}\n")


def test_our_own_defects_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_main(lambda _: 1 // 0, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(here, call):
    (here / "locked").mkdir(mode=0o500)
    assert "the folder locked cannot be written" in only_error(call("inpaint", "photo.png", "mask.png", "locked/out.png", *SMALL))
