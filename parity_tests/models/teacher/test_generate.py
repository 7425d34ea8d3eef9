"""``teacher generate``: what the command makes, makes again, and refuses."""

import pytest

from models.__main__ import main as models_main
from models.data.pairs import PairShards
from models.data.shards import shard_path
from models.teacher.commands.generate import place
from parity_tests.models.teacher.test_denoiser import save_pipeline
from parity_tests.support.exit_code import exit_code
from parity_tests.support.generate_driver import contents, write_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("-1", "2"), ("0", None), ("x", "2")])
def test_places_that_make_no_sense(monkeypatch, rank, world):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if world:
        monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(ValueError, match="RANK is"):
        place()


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoiser")
    save_pipeline(folder / "ddpm")
    return folder / "ddpm"


def command(capsys, photos, denoiser, out, *more):
    capsys.readouterr()
    words = ["teacher", "generate", "--sampler", "ddnm", "--denoiser", denoiser, "--photos", photos, "--out", out]
    code = exit_code(models_main, [*words, "--count", "3", "--per-shard", "2", "--steps", "5", *more])
    return code, *capsys.readouterr()


def test_the_command(capsys, photos, denoiser, tmp_path):
    code, out, err = command(capsys, photos, denoiser, tmp_path / "shards")
    assert code == 0, err
    assert out.strip() == str(tmp_path / "shards")
    shards = PairShards.open(tmp_path / "shards")
    assert (len(shards), shards.index.size, shards.index.settings["sampler"]) == (3, 16, "ddnm")
    before = contents(tmp_path / "shards")
    code, out, err = command(capsys, photos, denoiser, tmp_path / "shards")
    assert (code, contents(tmp_path / "shards")) == (0, before)
    assert "2 were there" in err
    code, out, err = command(capsys, photos, denoiser, tmp_path / "alone", "--shard", "1")
    assert shard_path(tmp_path / "alone", 1).read_bytes() == before["shard-000001.tar"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--size", "32"), "trained on images of 16"),
        (("--count", "0"), "--count"),
        (("--shard", "2"), "0 to 1"),
        (("--seed", "-1"), "--seed"),
        (("--sampler", "wavediff"), "not a folder"),
        (("--sampler", "ddpm"), "allowed: guided"),
        (("--short-side", "8"), "at least the denoiser's 16"),
        (("--max-minutes", "nan"), "--max-minutes"),
        (("--batch", "0"), "--batch"),
        (("--set", "travel=1"), "none"),
    ],
)
def test_mistakes_are_one_line(capsys, photos, denoiser, tmp_path, more, message):
    code, out, err = command(capsys, photos, denoiser, tmp_path / "never", *more)
    assert (code, out) == (2, "")
    lines = [line for line in err.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "never").exists()


def test_validation_photos_are_refused(capsys, photos, denoiser, tmp_path):
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "renamed.png").write_bytes((photos / "5.png").read_bytes())
    code, _, err = command(capsys, photos, denoiser, tmp_path / "never", "--val", tmp_path / "val")
    assert code == 2
    assert "renamed.png" in err
    assert not (tmp_path / "never").exists()
