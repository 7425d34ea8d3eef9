"""``python -m models evaluate`` with networks that measure: what is there, what is not and why, the same bytes twice."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.__main__ import main
from models.evaluation.metrics.energy import LATTICES
from models.evaluation.networks import NEEDS
from models.photo.images import read_photo
from models.system.errors import run_main
from parity_tests.models.features.test_features import mean_colour, squeezenet

squeezenet = squeezenet  # the fixture


@pytest.fixture
def data(tmp_path):
    """Five photos of 64 pixels."""
    folder = tmp_path / "photos"
    folder.mkdir()
    coffee = skimage.data.coffee()
    for index in range(5):
        top = 60 * index
        Image.fromarray(np.ascontiguousarray(coffee[top : top + 64, 100 : 100 + 70])).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def command(data, tiny_checkpoint, tmp_path, capsys):
    """The verb as a shell sees it: (exit code, stdout, stderr)."""

    def call(*words):
        code = run_main(
            main, ["evaluate", "--data", str(data), "--checkpoint", str(tiny_checkpoint), "--size", "64", *map(str, words)]
        )
        return code, *capsys.readouterr()

    return call


def test_without_networks_what_is_missing_is_said(command, tmp_path):
    code, out, err = command("--json", tmp_path / "out.json", "--fills", tmp_path / "fills")
    assert code == 0, err
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["unavailable"] == {name: reason for name, (_, reason) in NEEDS.items()}
    assert all(f"unavailable: {name}" in out for name in NEEDS)
    assert told["distributions"] == {}
    assert set(told["methods"]) == {"network", "telea", "navier-stokes", "mean"}
    figures = told["methods"]["network"]
    assert {"detail_ratio", "checkerboard_ratio", *(f"lattice_{p}_share_ratio" for p in LATTICES)} < set(figures)
    for name, (low, high) in told["intervals"]["network"].items():
        assert low <= figures[name] <= high, name
    assert [row["family"] is not None for row in told["per_image"]] == [True] * 5
    assert sum(group["images"]["count"] for name, group in told["groups"].items() if name.startswith("hole")) == 5
    assert sorted(folder.name for folder in (tmp_path / "fills").iterdir()) == sorted([*told["methods"], "photo"])
    for index, row in enumerate(told["per_image"]):
        photo, fill = (
            read_photo(tmp_path / "fills" / name / f"{index:04d}.png").pixels.astype(float) for name in ("photo", "telea")
        )
        error = np.mean((photo - fill) ** 2)
        assert 10 * np.log10(255**2 / error) == pytest.approx(row["psnr_db"]["telea"]), "the fills that were measured"
    code, _, err = command("--fills", tmp_path / "fills")
    assert (code, "is not empty; choose another folder" in err) == (2, True)


def test_with_networks_everything_is_named_after_its_network(command, squeezenet, tmp_path):
    net = mean_colour(tmp_path / "colours.onnx")
    words = ["--perceptual", squeezenet[0], "--features", f"colour={net}:unit", "--classifier", f"class={net}:levels"]
    sheet, one, two = tmp_path / "sheet.png", tmp_path / "one.json", tmp_path / "two.json"
    code, out, err = command(*words, "--json", one, "--sheet", sheet)
    assert code == 0, err
    told = json.loads(one.read_text())
    assert set(told["distributions"]["network"]) == {
        *("FD-colour", "KD-colour", "precision-colour", "recall-colour"),
        *("IS-class", "agreement-class"),
    }
    assert set(told["distributions"]["photo"]) == {"IS-class"}
    assert set(told["unavailable"]) == {"LPIPS", "FID, sFID, KID", "Inception Score"}
    assert told["setting"]["networks_sha256"].keys() == {"perceptual", "colour", "class"}
    gap = told["distance_to_baselines"]["network"]["telea"]["squeezenet_distance"]
    rows = [row["squeezenet_distance"] for row in told["per_image"]]
    assert gap["mean"] == pytest.approx(np.mean([row["network"] - row["telea"] for row in rows]))
    assert "SqueezeNet" in out
    assert read_photo(sheet).pixels.shape[1] > 64 * 6
    assert command(*words, "--json", two)[0] == 0
    assert one.read_bytes() == two.read_bytes()


def test_only_the_declared_inception_network_gives_fid(command, tmp_path):
    net = mean_colour(tmp_path / "inception.onnx")
    words = ["--inception", f"{net}:unit", "--inception-classes", f"{net}:levels"]
    code, _, err = command(*words, "--json", tmp_path / "out.json")
    assert code == 0, err
    told = json.loads((tmp_path / "out.json").read_text())
    assert set(told["distributions"]["network"]) == {
        *("FID", "KID", "precision-inception", "recall-inception"),
        *("Inception Score", "agreement-inception"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--perceptual", "missing.safetensors"], "missing.safetensors: no such file"),
        (["--features", "missing.onnx"], "missing.onnx: no such file"),
        (["--classifier", "labels.txt"], "labels.txt: no such file"),
        (["--masks", "missing.npz"], "missing.npz: no such file"),
        (["--features", "{net}"], "say how its pixels are scaled"),
        (["--features", "a={net}:unit", "--features", "a={net}:levels"], "two networks of one name"),
        (["--size", "128"], "smaller than the 128x128 crops"),
    ],
)
def test_mistakes_are_one_line(command, tmp_path, words, message):
    net = mean_colour(tmp_path / "net.onnx")
    code, _, err = command(*(word.format(net=net) for word in words), "--json", tmp_path / "out.json")
    assert code == 2
    assert message in err
    assert len([line for line in err.splitlines() if line.startswith("wavefill: error")]) == 1
    assert not (tmp_path / "out.json").exists()


def test_masks_of_a_file(command, tmp_path, capsys):
    masks = tmp_path / "masks.npz"
    assert run_main(main, ["masks", "--out", str(masks), "--size", "64", "--count", "3"]) == 0
    code, _, err = command("--masks", masks, "--json", tmp_path / "out.json")
    assert code == 0, err
    names = [row["name"] for row in json.loads((tmp_path / "out.json").read_text())["per_image"]]
    assert [name.split()[-1] for name in names] == ["0", "1", "2", "0", "1"]
