"""Calibration from a folder of photos, and its command line."""

import json
import os
import resource
import stat

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.checkpoint import save_checkpoint, sha256
from models.system.errors import run_main
from parity_tests.models.photo.test_images import png16
from parity_tests.support.exit_code import exit_code
from parity_tests.support.small import small_generator
from quantize import __main__ as cli
from quantize import calibrate as module
from quantize.calibrate import calibrate, samples
from quantize.commands.calibrate import RULES
from quantize.observers import RANGES
from quantize.table import QuantizationTable, calibration_path

PHOTOS = {"astronaut.png": skimage.data.astronaut, "chelsea.png": skimage.data.chelsea, "coffee.png": skimage.data.coffee}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for name, read in PHOTOS.items():
        Image.fromarray(read()[:280, :280]).save(path / name)
    Image.fromarray(skimage.data.rocket()[:200, :300]).save(path / "too-small.png")
    return path


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, small_generator(), {"licence": "test"})
    return path


def run(*arguments):
    return run_main(cli.main, [str(argument) for argument in arguments])


def test_samples_are_drawn_by_seed_and_carry_their_provenance(folder):
    first, again, other = (samples(folder, 3, size=64, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.photo, b.photo)
        assert np.array_equal(a.hole, b.hole)
        assert a.origin == b.origin
    assert any(not np.array_equal(a.hole, b.hole) for a, b in zip(first, other, strict=True))
    assert len({a.origin["photo"] for a in first}) == 3
    for sample in first:
        assert sample.origin["sha256"] == sha256(folder / sample.origin["photo"])
        photo = np.asarray(Image.open(folder / sample.origin["photo"]).convert("RGB"))
        top, left = sample.origin["top"], sample.origin["left"]
        assert np.array_equal(sample.photo, photo[top : top + 64, left : left + 64])
        normalised, hole = sample.tensors()
        assert (normalised[hole.expand_as(normalised) == 1] == 0).all()
        assert normalised.abs().max() <= 1


def test_photos_that_are_too_small_are_passed_over(folder):
    drawn = samples(folder, 3, size=256, seed=0)
    assert {sample.origin["photo"] for sample in drawn} == set(PHOTOS)
    with pytest.raises(ValueError, match="3 photos of 256 pixels or more, 4 are needed"):
        samples(folder, 4, size=256)


def test_equal_seeds_give_equal_tables_and_the_provenance_names_every_photo(folder):
    one, two = (calibrate(small_generator(), "a" * 64, folder, count=3, size=64, seed=4, progress=False) for _ in range(2))
    assert one == two
    names = [photo["photo"] for photo in one.provenance["photos"]]
    assert names == sorted(names)
    assert len(names) == 3
    assert one.provenance["count"] == 3
    assert one.checkpoint_sha256 == "a" * 64
    with pytest.raises(ValueError, match="range rule 'best'"):
        calibrate(small_generator(), "a" * 64, folder, count=1, size=64, rule="best", progress=False)


def test_the_command_writes_beside_the_checkpoint_and_prints_the_path(folder, checkpoint, capsys):
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(calibration_path(checkpoint))
    assert "128 or more are needed for a table that is shipped" in err
    table = QuantizationTable.load(calibration_path(checkpoint))
    assert table.checkpoint_sha256 == sha256(checkpoint)
    assert sorted(p.name for p in checkpoint.parent.iterdir()) == ["mine.calibration.json", "mine.safetensors"]

    assert run("info", calibration_path(checkpoint)) == 0
    out, _ = capsys.readouterr()
    assert "small w8a8" in out
    assert any(line.split()[0] == "head" and float(line.split()[1]) > 0 for line in out.splitlines()[3:])
    assert run("info", calibration_path(checkpoint), "--json") == 0
    assert json.loads(capsys.readouterr()[0])["sha256"] == table.sha256()


def test_the_shipped_table_is_only_replaced_on_purpose(folder, checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("models.checkpoint.SHIPPED", checkpoint)
    monkeypatch.setattr(module, "samples", lambda photos, count, **options: samples(photos, 2, **options))
    table = calibration_path(checkpoint)

    def refused(*arguments):
        assert run("calibrate", "--data", folder, *arguments) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err

    assert "it needs 128 or more" in refused("--count", 2)
    assert not table.exists()
    assert run("calibrate", "--data", folder) == 0  # the first one replaces nothing
    before = table.read_bytes()
    capsys.readouterr()
    assert "replace it with --force" in refused("--seed", 5)
    assert "replace it with --force" in refused("--seed", 5, "--checkpoint", checkpoint)
    # By another name of the file.
    (tmp_path / "link.json").symlink_to(table)
    assert "replace it with --force" in refused("--seed", 5, "--out", tmp_path / "link.json")
    assert "it needs 128 or more" in refused("--seed", 5, "--count", 127, "--force")
    assert run("calibrate", "--data", folder, "--seed", 5, "--count", 2, "--out", tmp_path / "trial.json") == 0
    assert table.read_bytes() == before
    assert run("calibrate", "--data", folder, "--seed", 5, "--force") == 0
    assert table.read_bytes() != before


def test_sixteen_bit_photos_are_not_clipped(tmp_path):
    png16(tmp_path / "ramp.png", np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64))
    (sample,) = samples(tmp_path, 1, size=64)
    assert sample.photo.mean() == pytest.approx(127.5, abs=0.5)


def test_bad_input_is_one_line_and_exit_2(folder, checkpoint, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_bytes(b"no image")
    good = ["calibrate", "--checkpoint", checkpoint, "--data", folder]
    cases = {
        "no such folder": ["calibrate", "--checkpoint", checkpoint, "--data", tmp_path / "none"],
        "no photos": ["calibrate", "--checkpoint", checkpoint, "--data", tmp_path / "empty"],
        "not an image": ["calibrate", "--checkpoint", checkpoint, "--data", tmp_path / "broken"],
        "128 are needed": good,
        "no such file": ["calibrate", "--checkpoint", tmp_path / "none", "--data", folder],
        "--count: 0 given, at least 1 is needed": [*good, "--count", 0],
        "--seed: -1 given, at least 0 is needed": [*good, "--seed", -1],
        "a folder": [*good, "--count", 1, "--out", tmp_path],
        "not JSON": ["info", folder / "coffee.png"],
    }
    for message, arguments in cases.items():
        assert exit_code(cli.main, arguments) == 2, message
        out, err = capsys.readouterr()
        assert out == ""
        assert message in err
        assert err.splitlines()[-1].startswith("wavefill: error: ")
        assert "Traceback" not in err
    with pytest.raises(SystemExit) as stopped:
        run("calibrate")
    assert stopped.value.code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_exit_2(folder, checkpoint, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IREAD | stat.S_IEXEC)
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 1, "--out", locked / "x.json") == 2
    assert "Permission denied" in capsys.readouterr()[1]


def test_a_full_disk_leaves_the_previous_table(folder, checkpoint, capsys):
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 1) == 0
    path = calibration_path(checkpoint)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    capsys.readouterr()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in capsys.readouterr()[1]
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["mine.calibration.json", "mine.safetensors"]


def test_the_command_line_s_words_are_the_module_s():
    assert set(RULES) == set(RANGES)
    parser_defaults = (128, "mse")
    assert parser_defaults == (module.COUNT, module.RANGE)
