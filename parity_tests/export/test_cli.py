"""``python -m export``: exit codes, messages, and what is on disk afterwards. A backend without toolkit makes the artefacts."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import export
from export.artifact.folder import check_sums, state
from export.artifact.manifest import read_manifest
from export.backends import BACKENDS, artefact_backends
from parity_tests.support import fakes
from parity_tests.support.export_command import ARTEFACT, SIZE
from quantize.schemes import SCHEMES

ROOT = Path(__file__).parents[2]


def test_made_artefact_and_table(cli):
    assert cli.make() == 0
    assert cli.left == [ARTEFACT]
    assert check_sums(cli.out / ARTEFACT) == []
    manifest = read_manifest(cli.out / ARTEFACT)
    assert (manifest.spec, manifest.size, manifest.backend, manifest.scheme, manifest.io) == (
        "tiny",
        SIZE,
        "onnx",
        "fp32",
        "uint8",
    )
    assert (manifest.checks, manifest.weight_bits, manifest.calibration_sha256) == ("on", 32, None)
    assert manifest.metadata["wavefill.checkpoint_sha256"] == manifest.checkpoint_sha256
    head, row = cli.stdout.splitlines()
    assert head.split()[:5] == ["artefact", "backend", "scheme", "MB", "GMACs"]
    assert row.startswith(str(cli.out / ARTEFACT))
    assert "1/1" in cli.stderr
    assert re.fullmatch(r"wavefill: 1 of 1 artefacts in \d+ s", cli.stderr.splitlines()[-1])


def test_json(cli):
    assert cli.make("--json", "--scheme", "fp16", "--scheme", "fp32", "--scheme", "fp16") == 0
    told = json.loads(cli.stdout)
    assert [Path(row["path"]).name for row in told["artefacts"]] == [f"tiny-{SIZE}-onnx-fp16", ARTEFACT]
    assert told["artefacts"][0]["parity"]["kept_max_difference"] == 0
    assert told["failed"] == []


def test_manifest_holds_neither_dates_nor_paths(cli, tmp_path):
    cli.make()
    first = state(cli.out / ARTEFACT)
    text = (cli.out / ARTEFACT / "manifest.json").read_text()
    assert str(tmp_path) not in text
    assert str(ROOT) not in text
    cli.out = tmp_path / "elsewhere"
    cli.make()
    assert state(cli.out / ARTEFACT) == first


def test_an_up_to_date_artefact_is_kept(cli, fake):
    cli.make()
    stamp = (cli.out / ARTEFACT).stat().st_ino
    assert cli.make() == 0
    assert cli.stdout.rstrip().endswith("up to date")
    assert ((cli.out / ARTEFACT).stat().st_ino, fake.converted) == (stamp, 1)
    assert cli.make("--no-check") == 0  # a checked one serves
    assert fake.converted == 1
    assert cli.make("--force") == 0
    assert fake.converted == 2


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS", "model.onnx/weights.bin"])
def test_a_damaged_artefact_is_made_anew(cli, fake, name):
    cli.make()
    good = state(cli.out / ARTEFACT)
    path = cli.out / ARTEFACT / name
    path.write_bytes(path.read_bytes()[:-1])
    assert cli.make() == 0
    assert (state(cli.out / ARTEFACT), fake.converted) == (good, 2)


def test_other_inputs_make_it_anew(cli, fake, monkeypatch):
    cli.make("--no-check")
    assert read_manifest(cli.out / ARTEFACT).checks == "skipped"
    assert read_manifest(cli.out / ARTEFACT).parity is None
    cli.make()  # an unchecked one does not serve
    assert (fake.converted, read_manifest(cli.out / ARTEFACT).checks) == (2, "on")
    monkeypatch.setattr("export.artifact.recipe.sources_sha256", lambda: "changed")
    cli.make()
    assert fake.converted == 3


@pytest.mark.parametrize("spoil", [fakes.shift, fakes.touch_kept, fakes.leak, fakes.inverted, fakes.noise(2)])
def test_a_failed_check_exits_1_and_installs_nothing(cli, fake, spoil):
    fake.spoil = spoil
    assert cli.make() == 1
    assert cli.left == []
    assert f"check failed: {ARTEFACT}: " in cli.stderr
    assert cli.stdout == ""


def test_a_failed_check_leaves_the_previous_artefact_and_the_other_cells(cli, fake):
    cli.make("--scheme", "fp32")
    before = state(cli.out / ARTEFACT)
    fake.spoil = fakes.noise(2)  # too much for fp32 and fp16
    assert cli.make("--force", "--scheme", "fp32", "--scheme", "fp16", "--json") == 1
    assert [Path(row["path"]).name for row in json.loads(cli.stdout)["failed"]] == [ARTEFACT, f"tiny-{SIZE}-onnx-fp16"]
    assert (cli.left, state(cli.out / ARTEFACT)) == ([ARTEFACT], before)
    assert cli.make("--force", "--no-check") == 0
    assert read_manifest(cli.out / ARTEFACT).checks == "skipped"


def test_a_model_file_that_declares_something_else_fails(cli, fake, monkeypatch):
    inspect = type(fake).inspect

    def lying(self, model):
        found = inspect(self, model)
        found.metadata["wavefill.polarity"] = "mask < 128: fill"
        return found

    monkeypatch.setattr(type(fake), "inspect", lying)
    assert cli.make() == 1
    assert "metadata differs in wavefill.polarity" in cli.stderr
    assert cli.left == []


def test_bare_core(cli):
    assert cli.make("--io", "float") == 0
    assert cli.left == [f"{ARTEFACT}-float"]
    manifest = read_manifest(cli.out / cli.left[0])
    assert [port.name for port in manifest.signature.inputs] == ["normalised", "hole"]
    assert manifest.metadata["wavefill.layout"] == "NCHW"
    with pytest.raises(ValueError, match="bare core"):
        export.load(cli.out / cli.left[0])


def test_dry_run_writes_nothing(cli, fake):
    assert cli.make("--dry-run") == 0
    assert cli.stdout == f"{cli.out / ARTEFACT}\n"
    assert (cli.left, fake.converted) == ([], 0)


def test_all_is_nine_artefacts(cli):
    assert cli("all", "--dry-run") == 0
    names = [Path(line) for line in cli.stdout.splitlines()]
    expected = {f"wavefill-s-256-{b}-{s}" for b in ("onnx", "coreml", "litert") for s in ("fp32", "fp16", "w8a8")}
    assert {path.name for path in names} == expected
    assert len(names) == 9
    assert {path.parent for path in names} == {Path("artifacts")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", 60], "size 60: tiny takes multiples of 8 from 8 to 1024 pixels"),
        (["--size", 0], "size 0: tiny takes multiples of 8"),
        (["--size", 2048], "size 2048: tiny takes multiples of 8 from 8 to 1024"),
        (["--size", "x"], "invalid int value: 'x'"),
        (["--scheme", "int4"], "invalid choice: 'int4'"),
        (["--spec", "wavefill-m"], "--spec wavefill-m contradicts"),
        (["--spec", "wavefill-x"], "invalid choice: 'wavefill-x'"),
        (["--scheme", "w8a8"], "give a folder of photos with --calibration DIR"),
        (["--scheme", "int8"], "give a folder of photos with --calibration DIR"),
        (["--scheme", "w8a8", "--calibration", "nowhere"], "nowhere: no such folder of photos or calibration file"),
        (["--scheme", "fp32", "--calibration", "."], "no scheme among fp32 is calibrated"),
        (["--checkpoint", "nowhere.safetensors"], "nowhere.safetensors: no such file"),
        (["--checkpoint", __file__], "truncated or not a safetensors file"),
        (["--out", __file__], "File exists"),
        (["--out", f"{__file__}/below"], "Not a directory"),
        pytest.param(
            ["--out", "/proc/no-such-place"],
            "/proc/no-such-place",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's"),
        ),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(cli, arguments, message):
    assert cli.make(*arguments) == 2
    assert message in cli.error
    assert cli.stdout == ""
    assert cli.left == []


def test_an_untrained_spec_is_refused(cli):
    assert cli("onnx", "--spec", "wavefill-m", "--out", cli.out) == 2
    assert "spec wavefill-m has no trained weights here, only wavefill-s has" in cli.error
    assert "python -m models train --set spec=wavefill-m" in cli.error
    assert "--checkpoint FILE" in cli.error


def test_ort_without_onnx_is_refused(cli):
    assert cli("litert", "--ort", "--checkpoint", cli.checkpoint) == 2
    assert "litert makes none" in cli.error


def test_missing_toolkit_is_exit_3(cli, fake):
    fake.missing = {"convert": "not installed: onnx"}
    assert cli.make() == 3
    assert "onnx: not installed: onnx" in cli.error
    fake.missing = {"run": "not installed: onnxruntime"}
    assert cli.make() == 3
    assert "(--no-check makes it unchecked)" in cli.error
    assert cli.left == []
    assert cli.make("--no-check") == 0


def test_what_a_format_does_not_have_is_refused_before_any_work(cli):
    for arguments in (["--scheme", "w8a16"], ["--scheme", "fp32", "--scheme", "w8a16", "--dry-run"]):
        assert cli("coreml", *arguments, "--checkpoint", cli.checkpoint, "--out", cli.out) == 2
        assert "coreml: w8a16: Core ML's quantize operator stores int8 and uint8, no 16 bits" in cli.stderr
        assert cli.left == []


def test_list_has_a_row_for_every_cell(cli):
    assert cli("list") == 0
    assert len(cli.stdout.splitlines()) == 1 + len(BACKENDS) * len(SCHEMES)
    assert cli("list", "--json") == 0
    rows = json.loads(cli.stdout)
    assert {(row["backend"], row["scheme"]) for row in rows} == {(b, s) for b in BACKENDS for s in SCHEMES}
    assert all(row["reason"] for row in rows if row["backend"] == "torch")
    assert [name for name in BACKENDS if name != "torch"] == artefact_backends()


@pytest.mark.parametrize("verb", ["", "onnx", "coreml", "litert", "all", "verify", "list"])
def test_help_ends_with_examples(cli, verb):
    assert cli(*verb.split(), "--help") == 0
    assert "python -m export" in cli.stdout.split("examples:")[1]


@pytest.mark.parametrize("arguments", [[], ["tflite"], ["onnx", "--nope"], ["verify"]])
def test_unknown_words_are_exit_2(cli, arguments):
    assert cli(*arguments) == 2
    assert "--help)" in cli.stderr.splitlines()[-1]


def test_load_runs_an_artefact_and_only_reshapes(cli, fake):
    cli.make()
    seen = []
    fake.spoil = lambda image, mask, result: (seen.append((image, mask)), result)[1]
    run = export.load(cli.out / ARTEFACT)
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8), rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    result = run(image=image, mask=mask)
    raw = fake.load(cli.out / ARTEFACT / "model.onnx", 2)(image[None], mask[None, :, :, None])
    np.testing.assert_array_equal(result, raw[0])
    np.testing.assert_array_equal(seen[0][0][0], image)
    np.testing.assert_array_equal(seen[0][1][0, :, :, 0], mask)
    np.testing.assert_array_equal(result[mask < 128], image[mask < 128])
    for bad in ({"image": image[:-1]}, {"image": image.astype(np.float32)}, {"mask": mask[:, :, None]}, {"mask": mask > 0}):
        with pytest.raises(ValueError, match=rf"{next(iter(bad))} is .*; this artefact takes uint8"):
            run(**{"image": image, "mask": mask, **bad})
    with pytest.raises(ValueError, match="a numpy array is needed, not list"):
        run(image=image.tolist(), mask=mask)


def test_load_refuses_what_is_not_whole(cli, tmp_path):
    cli.make()
    with pytest.raises(ValueError, match="threads 0"):
        export.load(cli.out / ARTEFACT, threads=0)
    with pytest.raises(ValueError, match="not an artefact"):
        export.load(tmp_path)
    weights = cli.out / ARTEFACT / "model.onnx" / "weights.bin"
    weights.write_bytes(b"Weights")
    with pytest.raises(ValueError, match=r"damaged: model.onnx/weights.bin: content changed"):
        export.load(cli.out / ARTEFACT)


@pytest.mark.slow
def test_calibration_on_a_folder_of_photos(cli, tmp_path, tiny_checkpoint):
    """128 images calibrate; the table is kept beside the artefacts, and verify finds it there."""
    import skimage.data

    photos = tmp_path / "photos"
    photos.mkdir()
    whole = skimage.data.astronaut()
    for index in range(128):
        Image.fromarray(np.roll(whole, 7 * index, axis=1)[:260, :260]).save(photos / f"{index:03}.png")
    shutil.rmtree(photos.parent / "out", ignore_errors=True)
    assert cli.make("--scheme", "int8", "--calibration", photos) == 0
    assert f"tiny-{SIZE}-onnx-w8a8" in cli.left
    table = next(name for name in cli.left if name.endswith(".calibration.json"))
    assert cli("verify", cli.out, "--checkpoint", tiny_checkpoint) == 0
    assert cli.make("--scheme", "w8a8", "--calibration", cli.out / table) == 0
    assert cli.stdout.rstrip().endswith("up to date")
    (photos / "000.png").unlink()
    assert cli.make("--scheme", "w8a8", "--calibration", photos) == 2
    assert "128 are needed" in cli.error
