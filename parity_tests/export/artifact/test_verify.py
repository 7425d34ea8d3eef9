"""``python -m export verify``: whole artefacts pass; a changed byte, or a runtime that computes otherwise, does not."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from export.__main__ import main
from export.artifact.files import check_files, find_artefacts
from export.artifact.folder import state, write_sums
from export.artifact.manifest import Manifest
from export.artifact.verify import Verifier
from export.backends import BACKENDS
from models.checkpoint import load_checkpoint, save_checkpoint, sha256
from models.generator import Generator
from models.system.errors import run_main
from parity_tests.conftest import ROOT, TINY, export_all
from parity_tests.support import fakes
from quantize.calibrate import Sample, observe, tabulate
from quantize.table import QuantizationTable, calibration_path

SIZE = 32


@pytest.fixture(scope="module")
def made(tiny_checkpoint, tmp_path_factory):
    """Two whole artefacts, fp32 and fp16, made once."""
    out = tmp_path_factory.mktemp("made") / "out"
    options = ["--checkpoint", str(tiny_checkpoint), "--size", str(SIZE), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, "onnx", fakes.FakeBackend())
        assert run_main(main, ["onnx", *options, "--scheme", "fp32", "--scheme", "fp16"]) == 0
    return out


@pytest.fixture
def folder(made, tmp_path, fake):
    """A copy of them to spoil."""
    return shutil.copytree(made, tmp_path / "out")


@pytest.fixture
def verify(tiny_checkpoint, capsys):
    """Runs the command; gives exit code, stdout, stderr."""

    def run(path, *arguments):
        capsys.readouterr()
        code = run_main(main, ["verify", str(path), "--checkpoint", str(tiny_checkpoint), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def rewrite(artefact, edit):
    """Change the manifest and make new hashes: what no hash can find."""
    path = artefact / "manifest.json"
    tree = json.loads(path.read_text())
    edit(tree)
    path.write_text(json.dumps(tree, indent=2, sort_keys=True) + "\n")
    write_sums(artefact)


def test_whole_artefacts_pass(folder, verify):
    code, stdout, _ = verify(folder)
    assert code == 0
    assert stdout.count(" ok ") == 2
    code, stdout, _ = verify(folder / f"tiny-{SIZE}-onnx-fp32", "--json")
    assert code == 0
    assert json.loads(stdout)["artefacts"][0]["parity"]["max_level_difference"] == 0


def test_a_changed_byte_of_any_file_exits_1(folder, verify):
    artefact = folder / f"tiny-{SIZE}-onnx-fp32"
    files = [path for path in artefact.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        original = path.read_bytes()
        for index in {0, len(original) // 2, len(original) - 1}:
            changed = bytearray(original)
            changed[index] ^= 1
            path.write_bytes(changed)
            code, stdout, stderr = verify(artefact)
            assert code == 1, f"{path.name} byte {index}"
            assert "FAILED" in stdout
            assert "Traceback" not in stderr
        path.write_bytes(original)
    assert verify(folder)[0] == 0


def test_every_byte_of_every_file_matters(folder):
    """The same without parity, for every single byte."""
    artefact = folder / f"tiny-{SIZE}-onnx-fp32"
    assert check_files(artefact) == []
    for path in [path for path in artefact.rglob("*") if path.is_file()]:
        original = path.read_bytes()
        for index in range(0, len(original), 7):
            changed = bytearray(original)
            changed[index] ^= 1 << index % 8
            path.write_bytes(changed)
            assert check_files(artefact), f"{path.name} byte {index}"
        path.write_bytes(original)
    assert check_files(artefact) == []


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS", "model.onnx"])
def test_a_lost_file_exits_1(folder, verify, name):
    lost = folder / f"tiny-{SIZE}-onnx-fp32" / name
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    assert verify(folder)[0] == 1


KEYS = ("macs", "size_bytes", "weight_bits", "model_file", "backend", "scheme", "signature", "files", "metadata", "spec")


@pytest.mark.parametrize("key", KEYS)
def test_a_manifest_that_says_something_else_exits_1(folder, verify, key):
    """With hashes made anew, so that only the comparison with the model file can find it."""
    others = {"model_file": "other", "backend": "tflite", "scheme": "int4", "files": [], "metadata": {}, "spec": "other"}

    def edit(tree):
        if key == "signature":
            tree[key]["inputs"][0]["dtype"] = "float32"
        else:
            tree[key] = others.get(key, tree[key] + 1 if isinstance(tree[key], int) else None)

    rewrite(folder / f"tiny-{SIZE}-onnx-fp32", edit)
    code, _, stderr = verify(folder / f"tiny-{SIZE}-onnx-fp32")
    assert code == 1
    assert re.search(r"failed: .*tiny-32-onnx-fp32: ", stderr)


def test_parity_figures_that_do_not_repeat_exit_1(folder, verify):
    def edit(tree):
        tree["parity"]["differing_share"] = 0.0009

    rewrite(folder / f"tiny-{SIZE}-onnx-fp32", edit)
    code, _, stderr = verify(folder)
    assert code == 1
    assert "differing share: 0 now, 0.0009 in the manifest" in stderr


@pytest.mark.parametrize("spoil", [fakes.shift, fakes.touch_kept, fakes.leak, fakes.noise(2)])
def test_a_runtime_that_computes_otherwise_exits_1(folder, verify, fake, spoil):
    fake.spoil = spoil
    assert verify(folder / f"tiny-{SIZE}-onnx-fp32")[0] == 1


def test_backends_are_compared(tiny_checkpoint, monkeypatch, tmp_path):
    """Two backends of one quantised program, each within the bar of its reference, but not of each other."""
    from export.parity import probes, results

    verifier = Verifier(tiny_checkpoint)
    probe_set = probes(SIZE)
    same = results(lambda image, mask: image, probe_set, "uint8", noisy=False)
    off = [array + np.int16(5) for array in same]
    key = ("checkpoint", "calibration", "w8a8", SIZE, "uint8")
    verifier._results[key] = {"onnx": same, "litert": same}
    (pair,) = verifier.compare_backends()
    assert (pair.worst_hole_psnr_db, pair.failure) == (None, None)
    verifier._results[key]["coreml"] = off
    failing = [pair for pair in verifier.compare_backends() if pair.failure]
    assert [pair.name for pair in failing] == [f"w8a8 {SIZE}: onnx and coreml", f"w8a8 {SIZE}: litert and coreml"]
    assert failing[0].worst_hole_psnr_db == pytest.approx(20 * np.log10(255 / 5), abs=0.01)


def test_another_checkpoint_is_exit_2(folder, tmp_path, capsys):
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, Generator(TINY), {"note": "other weights"})
    assert run_main(main, ["verify", str(folder), "--checkpoint", str(other)]) == 2
    assert "give the right file with --checkpoint FILE" in capsys.readouterr().err


def test_one_artefact_of_another_checkpoint_fails_alone(folder, verify):
    """The rest is verified all the same; alone it is bad usage, like a folder of such."""
    stray = folder / f"tiny-{SIZE}-onnx-fp16"
    rewrite(stray, lambda tree: tree.update(checkpoint_sha256="0" * 64))
    code, stdout, stderr = verify(folder)
    assert code == 1
    assert (stdout.count(" ok "), stdout.count("FAILED")) == (1, 1)
    assert f"failed: {stray}: made from checkpoint 000000000000..." in stderr
    assert verify(stray)[0] == 2


@pytest.fixture
def quantised(tiny_checkpoint, tmp_path, fake):
    """A folder with a w8a8 artefact, and the checkpoint with its calibration beside it."""
    checkpoint = Path(shutil.copy(tiny_checkpoint, tmp_path / "tiny.safetensors"))
    generator, size = load_checkpoint(checkpoint), 64
    photo = np.ascontiguousarray(skimage.data.astronaut()[:size, 100 : 100 + size])
    hole = np.zeros((size, size), bool)
    hole[16:48, 8:40] = True
    table = tabulate(generator, sha256(checkpoint), observe(generator, [Sample(photo, hole, {})], progress=False))
    table.save(calibration_path(checkpoint))
    options = ["--checkpoint", str(checkpoint), "--size", str(SIZE), "--out", str(tmp_path / "out")]
    assert run_main(main, ["onnx", *options, "--scheme", "w8a8", "--scheme", "fp32"]) == 0
    return checkpoint, tmp_path / "out"


def foreign(path):
    table = QuantizationTable.load(path)
    dataclasses.replace(table, checkpoint_sha256="1" * 64).save(path)


@pytest.mark.parametrize("spoil", [foreign, lambda path: path.write_text("{"), Path.unlink])
def test_calibrations_that_do_not_fit_do_no_harm(quantised, capsys, spoil):
    """The table that was used lies among the artefacts, beside others."""
    checkpoint, out = quantised
    own, kept = calibration_path(checkpoint), out / "b.calibration.json"
    shutil.copy(own, kept)
    (out / "a.calibration.json").write_text("no table")
    spoil(own)
    assert run_main(main, ["verify", str(out), "--checkpoint", str(checkpoint)]) == 0
    kept.unlink()
    capsys.readouterr()
    assert run_main(main, ["verify", str(out), "--checkpoint", str(checkpoint)]) == 1
    stdout, stderr = capsys.readouterr()
    assert (stdout.count(" ok "), stdout.count("FAILED")) == (1, 1)
    assert "is not at hand; give its file with --calibration FILE (looked at: " in stderr
    assert "a.calibration.json" in stderr
    assert run_main(main, ["verify", str(out), "--checkpoint", str(checkpoint), "--calibration", str(kept)]) == 2


@pytest.mark.parametrize("path", ["nowhere", "out/tiny-32-onnx-fp32/manifest.json", "empty"])
def test_bad_paths_are_exit_2(folder, verify, tmp_path, path):
    (tmp_path / "empty").mkdir()
    code, stdout, stderr = verify(tmp_path / path)
    assert (code, stdout) == (2, "")
    assert "error: " in stderr


def test_what_an_interrupted_export_leaves_is_ignored(folder):
    shutil.copytree(folder / f"tiny-{SIZE}-onnx-fp32", folder / ".hidden.previous")
    assert [path.name for path in find_artefacts(folder)] == [f"tiny-{SIZE}-onnx-fp16", f"tiny-{SIZE}-onnx-fp32"]


def test_a_missing_runtime_is_exit_3(folder, verify, fake):
    fake.missing = {"run": "not installed: onnxruntime"}
    code, _, stderr = verify(folder)
    assert code == 3
    assert "cannot be run here: not installed: onnxruntime" in stderr


def test_help_says_what_it_does_not_find(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    assert "accidents" in (text := capsys.readouterr().out)
    assert "not attackers" in text


@pytest.mark.slow
class TestShipped:
    """The nine artefacts of the committed checkpoint, made by the README's command."""

    def test_there_are_nine(self, shipped_artifacts):
        names = {path.name for path in find_artefacts(shipped_artifacts)}
        assert names == {f"wavefill-s-256-{b}-{s}" for b in ("onnx", "coreml", "litert") for s in ("fp32", "fp16", "w8a8")}

    def test_verify_passes(self, shipped_artifacts, capsys):
        assert run_main(main, ["verify", str(shipped_artifacts)]) == 0
        assert capsys.readouterr().out.count(" ok ") == 9

    def test_a_changed_byte_is_found(self, shipped_artifacts, tmp_path):
        for artefact in find_artefacts(shipped_artifacts):
            copy = shutil.copytree(artefact, tmp_path / artefact.name)
            for path in [path for path in copy.rglob("*") if path.is_file()]:
                original = path.read_bytes()
                changed = bytearray(original)
                changed[len(changed) // 3] ^= 1
                path.write_bytes(changed)
                assert check_files(copy), f"{artefact.name}/{path.name}"
                path.write_bytes(original)
            assert check_files(copy) == []

    @pytest.mark.parametrize(("scheme", "megabytes"), [("fp32", 6.5), ("fp16", 3.3), ("w8a8", 2.0)])
    def test_sizes_and_work(self, shipped_artifacts, scheme, megabytes):
        for artefact in find_artefacts(shipped_artifacts):
            manifest = Manifest.from_json((artefact / "manifest.json").read_text())
            if manifest.scheme == scheme:
                assert manifest.size_bytes <= megabytes * 1e6, artefact.name
                assert manifest.macs <= 1.0e9, artefact.name

    @pytest.mark.thorough
    def test_another_checkout_gives_equal_bytes(self, shipped_artifacts, tmp_path):
        """All nine with their manifests, from a copy of the tree that lies elsewhere."""
        checkout = tmp_path / "a much longer path" / "checkout"
        for name in ("models", "quantize", "export"):
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        finished = export_all(checkout, checkout / "artifacts")
        assert finished.returncode == 0, finished.stderr
        ours, theirs = state(shipped_artifacts), state(checkout / "artifacts")
        assert sorted(ours) == sorted(theirs)
        assert [name for name in ours if ours[name] != theirs[name]] == []

    @pytest.mark.thorough
    @pytest.mark.parametrize("backend", ["onnx", "coreml", "litert"])
    def test_another_size(self, backend, tmp_path, capsys):
        """512x512 in integers, from the calibration made at 256."""
        assert run_main(main, [backend, "--size", "512", "--scheme", "w8a8", "--out", str(tmp_path)]) == 0
        assert run_main(main, ["verify", str(tmp_path / f"wavefill-s-512-{backend}-w8a8")]) == 0

    def test_no_artefact_holds_a_path(self, shipped_artifacts):
        unwanted = [str(ROOT).encode(), str(shipped_artifacts.parent).encode(), b"site-packages", b"/tmp/", b"/home/", b"/Users/"]
        for path in (path for path in shipped_artifacts.rglob("*") if path.is_file()):
            content = path.read_bytes()
            assert [text for text in unwanted if text in content] == [], path


def test_table_of_backends_is_complete():
    assert list(BACKENDS) == ["torch", "onnx", "coreml", "litert"]
    assert all(backend.name == name for name, backend in BACKENDS.items())
