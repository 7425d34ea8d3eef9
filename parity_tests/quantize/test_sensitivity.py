"""Sensitivity: figures against programs that are quantised by hand, the file, the picture, and the command."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoint import save_checkpoint, sha256
from models.generator import fold
from models.system.errors import run_main
from parity_tests.quantize.test_calibrate import folder as folder  # a fixture
from parity_tests.quantize.test_table import SIZE, images
from parity_tests.support.small import small_generator
from quantize import __main__ as cli
from quantize.calibrate import observe, tabulate
from quantize.sensitivity import measure as module
from quantize.sensitivity.errors import errors, float_psnr_db, photo_psnr_db
from quantize.sensitivity.file import Sensitivity
from quantize.sensitivity.measure import ALL, NONE, Job, measure
from quantize.sensitivity.picture import ACTIVATION, KEPT, picture
from quantize.table import Activation, calibration_path


@pytest.fixture(scope="module")
def job():
    generator, samples = small_generator(), list(images(3, SIZE))
    return Job(generator, tabulate(generator, "0" * 64, observe(generator, samples, progress=False)), samples)


@pytest.fixture(scope="module")
def core(job):
    return job.core()


@pytest.fixture(scope="module")
def rows(job, core):
    return measure(job, core, progress=False)


def found(job, rows, core):
    return Sensitivity.of(job, core.names, rows, {"count": len(job.samples)})


def by_hand(job, fills):
    """Hole PSNR of fills in [-1, 1] to the photos (mean over photos) and to the float fills (pooled), in NumPy."""
    folded, to_photo, to_float = fold(job.generator, SIZE, SIZE), [], []
    for sample, fill in zip(job.samples, fills, strict=True):
        with torch.no_grad():
            exact = folded(*sample.tensors())
        got, wanted = (np.clip((x[0].numpy().transpose(1, 2, 0) + 1) * 127.5, 0, 255)[sample.hole] for x in (fill, exact))
        to_photo.append(np.mean((got.astype(float) - sample.photo[sample.hole]) ** 2))
        to_float.append(np.mean((got.astype(float) - wanted) ** 2))
    return np.mean([10 * math.log10(255**2 / e) for e in to_photo]), 10 * math.log10(255**2 / max(np.mean(to_float), 1e-30))


def test_the_whole_program_s_figures_are_those_of_the_applied_table(job, rows):
    program = job.table.apply(fold(job.generator, SIZE, SIZE), SIZE)
    with torch.no_grad():
        to_photo, to_float = by_hand(job, [program(*sample.tensors()) for sample in job.samples])
    assert photo_psnr_db(rows[ALL]) == pytest.approx(to_photo, abs=1e-3)
    assert float_psnr_db(rows[ALL]) == pytest.approx(to_float, abs=1e-3)
    assert float_psnr_db(rows[NONE]) is None


def test_every_tensor_weight_and_layer_has_both_figures(job, rows, core):
    sensitivity = found(job, rows, core)
    assert sensitivity.tensors.keys() == job.table.activations.keys() | job.table.weights.keys()
    assert sensitivity.layers.keys() == job.table.activations.keys()
    for cost in sensitivity.tensors.values():
        assert cost.alone_to_float_db is not None
        assert cost.alone_to_float_db > sensitivity.quantised_to_float_db
    head = sensitivity.layers["head"]  # both of its roundings add up
    parts = [sensitivity.tensors[name].alone_to_float_db for name in ("head", "head.weight")]
    assert head.alone_to_float_db < min(parts)


def test_a_planted_bad_scale_is_the_first_in_the_list(job, rows, core):
    row = job.table.activations["up.0.0.conv1"]
    planted = {**job.table.activations, "up.0.0.conv1": Activation(row.scale * 80, row.zero_point)}
    spoilt = dataclasses.replace(job, table=dataclasses.replace(job.table, activations=planted))
    bad = spoilt.core()
    sensitivity = found(spoilt, measure(spoilt, bad, progress=False), bad)
    worst = min(sensitivity.layers, key=lambda name: sensitivity.layers[name].alone_to_float_db)
    gain = max(sensitivity.layers, key=lambda name: sensitivity.layers[name].but_to_float_gain_db)
    assert worst == gain == "up.0.0.conv1"
    drawn = picture(sensitivity)
    first = picture(found(job, rows, core))
    assert drawn.shape == first.shape
    for colour in (ACTIVATION, KEPT):
        assert (drawn == colour).all(axis=2).any()
    assert not np.array_equal(drawn, first)


def test_errors_are_counted_in_the_hole_only(job):
    sample = job.samples[0]
    fill = torch.zeros(1, 3, SIZE, SIZE)
    other = fill.clone()
    other[:, :, ~torch.from_numpy(sample.hole)] = 1
    assert errors(other, fill, sample) == errors(fill, fill, sample)
    assert errors(fill + 2 / 255, fill, sample)[1] == pytest.approx(1, rel=1e-5)  # one level


def test_the_file_is_read_as_it_was_written_and_a_damaged_one_refused(job, rows, core, tmp_path):
    path, sensitivity = tmp_path / "s.json", found(job, rows, core)
    sensitivity.save(path)
    again = Sensitivity.load(path)
    assert again.layers.keys() == sensitivity.layers.keys()
    assert list(again.layers) == list(json.loads(path.read_text())["layers"])
    assert again.key == job.key()
    assert again.layers["head"].alone_to_float_db == pytest.approx(sensitivity.layers["head"].alone_to_float_db, abs=1e-4)
    path.write_text(path.read_text().replace("alone_drop_db", "alone"))
    with pytest.raises(ValueError, match="not a valid sensitivity"):
        Sensitivity.load(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="not a sensitivity of this version"):
        Sensitivity.load(path)


def test_a_stopped_measurement_goes_on(job, rows, core, tmp_path, monkeypatch):
    partial, seen = tmp_path / "part", []
    one = module._photo

    def stopping(core, sample):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(sample)
        return one(core, sample)

    monkeypatch.setattr(module, "_photo", stopping)
    with pytest.raises(KeyboardInterrupt):
        measure(job, core, partial, progress=False)
    del seen[:]
    assert measure(job, core, partial, progress=False) == rows
    assert len(seen) == 1
    other = dataclasses.replace(job, table=dataclasses.replace(job.table, checkpoint_sha256="1" * 64))
    del seen[:]
    with pytest.raises(KeyboardInterrupt):  # of another checkpoint: all three anew
        measure(other, core, partial, progress=False)


def run(*arguments):
    return run_main(cli.main, [str(argument) for argument in arguments])


def test_the_command(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("quantize.samples.SIZE", 64)
    checkpoint, out = tmp_path / "mine.safetensors", tmp_path / "s.json"
    save_checkpoint(checkpoint, small_generator(), {"licence": "test"})
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 0
    capsys.readouterr()
    ask = ("sensitivity", "--checkpoint", checkpoint, "--data", folder, "--count", 1, "--out", out)
    assert run(*ask) == 0
    assert str(out) in capsys.readouterr().out
    with Image.open(tmp_path / "s.png") as drawn:
        assert drawn.format == "PNG"
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".json", ".png", ".safetensors"]
    before = out.read_bytes()
    assert run(*ask, "--json") == 0
    printed = capsys.readouterr()
    assert "up to date" in printed.err
    assert json.loads(printed.out)["path"] == str(out)
    first = sha256(checkpoint)
    save_checkpoint(checkpoint, small_generator(1), {"licence": "test"})
    assert run(*ask) == 2  # its table is still the other's
    assert run("calibrate", "--checkpoint", checkpoint, "--data", folder, "--count", 2) == 0
    capsys.readouterr()
    assert run(*ask) == 2
    message = capsys.readouterr().err
    assert first[:12] in message
    assert sha256(checkpoint)[:12] in message
    assert out.read_bytes() == before
    assert run(*ask, "--force") == 0
    assert out.read_bytes() != before
    assert run("sensitivity", "--data", tmp_path / "none", "--checkpoint", checkpoint, "--out", tmp_path / "t.json") == 2
    assert run("sensitivity", "--data", folder, "--checkpoint", checkpoint, "--count", 9, "--out", tmp_path / "t.json") == 2
    assert not (tmp_path / "t.json").exists()
    assert calibration_path(checkpoint).is_file()
