"""``python -m benchmarks latency``: who takes part, what is refused, and a whole run over real processes, not its times."""

import json

import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.__main__ import main
from benchmarks.latency import convolution
from benchmarks.peers.standins.table import NOTICE, write
from benchmarks.records.files import read_records
from export.__main__ import main as export_main
from export.backends import BACKENDS
from export.runtimes import RUNTIMES
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code
from parity_tests.support.fakes import FakeBackend

SIZE = 32


@pytest.fixture
def artifacts(tiny_checkpoint, tmp_path, fake, monkeypatch):
    """An artefact for ONNX and one for Core ML."""
    monkeypatch.setitem(BACKENDS, "coreml", FakeBackend(name="coreml"))
    monkeypatch.setattr("benchmarks.latency.candidates.can_predict", lambda: False)
    options = ["--checkpoint", str(tiny_checkpoint), "--size", str(SIZE), "--out", str(tmp_path / "out"), "--scheme", "fp32"]
    for verb in ("onnx", "coreml"):
        assert run_main(export_main, [verb, *options]) == 0
    assert run_main(export_main, ["onnx", *options, "--io", "float"]) == 0
    return tmp_path / "out"


def run(capsys, *arguments):
    capsys.readouterr()
    code = exit_code(main, ["latency", *map(str, arguments)])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--artifacts", "nowhere"], 2, "nowhere: no such folder"),
        (["--rounds", "2"], 2, "--rounds: 2 given, at least 3 is needed"),
        (["--threads", "0"], 2, "'0' given, numbers from 1 on and 'all' are allowed"),
        (["--threads", "1,some"], 2, "'some' given"),
        (["--only", "classical", "--peer", "mygan=a.onnx"], 2, "one of the names migan, migan-pipeline, lama, aotgan is needed"),
        (["--only", "classical", "--peer", "migan=nowhere.onnx"], 2, "nowhere.onnx: no such file"),
    ],
)
def test_bad_usage(capsys, arguments, code, message, tmp_path):
    got, _, stderr = run(capsys, *arguments, "--out", tmp_path)
    assert got == code
    assert message in stderr
    assert list(tmp_path.iterdir()) == []


def test_damaged_or_foreign_artefacts_are_refused(artifacts, tiny_checkpoint, capsys, tmp_path):
    from models.checkpoint import save_checkpoint
    from models.generator import Generator
    from parity_tests.conftest import TINY

    other = tmp_path / "other.safetensors"
    save_checkpoint(other, Generator(TINY), {"note": "other"})
    options = ["--artifacts", artifacts, "--only", "artefacts", "--out", tmp_path / "records"]
    code, _, stderr = run(capsys, *options, "--checkpoint", other)
    assert (code, "made from another checkpoint" in stderr) == (2, True)
    weights = artifacts / f"tiny-{SIZE}-onnx-fp32" / RUNTIMES["onnx"].MODEL_FILE / "weights.bin"
    weights.write_bytes(b"tampered")
    code, _, stderr = run(capsys, *options, "--checkpoint", tiny_checkpoint)
    assert (code, "damaged" in stderr) == (2, True)
    assert not (tmp_path / "records").exists()


def test_only_core_ml_leaves_nothing_to_measure(artifacts, tiny_checkpoint, capsys):
    place = artifacts / f"tiny-{SIZE}-coreml-fp32"
    code, _, stderr = run(capsys, "--artifacts", place, "--checkpoint", tiny_checkpoint, "--only", "artefacts")
    assert (code, "nothing to measure here" in stderr) == (3, True)
    assert "Core ML runs on macOS only" in stderr


def strange(path):
    """A network that no adapter knows."""
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 7, 8, 8]) for name in ("thing", "other")]
    graph = helper.make_graph([helper.make_node("Identity", ["thing"], ["other"])], "strange", port[:1], port[1:])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.mark.slow
def test_a_whole_run(capsys, tmp_path, monkeypatch):
    """Convolutions and peers in processes of their own; a peer of an unknown signature is one line and no obstacle."""
    monkeypatch.setattr(convolution, "SHAPES", ((16, 32, 3),))
    good, bad = write("migan", 64, tmp_path), strange(tmp_path / "strange.onnx")
    options = ["--only", "convolutions", "--threads", "1", "--rounds", "4", "--out", tmp_path / "records", "--standins", tmp_path]
    code, stdout, stderr = run(capsys, *options, "--peer", f"migan={good}", "--peer", f"migan={bad}", "--json")
    assert code == 0, stderr
    refused = [line for line in stderr.splitlines() if "strange.onnx" in line]
    assert len(refused) == 1
    assert "unknown signature: thing float32 (1, 7, 8, 8); migan takes float32 (1, 4, S, S)" in refused[0]
    records = json.loads(stdout)
    assert records == read_records(tmp_path / "records")
    by_name = {one["artifact"]["name"]: one for one in records}
    assert set(by_name) == {
        f"migan ({good.name})",
        "convolution fp32 16x32x32 3x3",
        "convolution u8s8 16x32x32 3x3",
    }
    peer, ceiling = by_name[f"migan ({good.name})"], by_name["convolution u8s8 16x32x32 3x3"]
    assert peer["candidate"] == {"family": "stand-in", "note": NOTICE}, "whoever gives it as a peer"
    assert peer["artifact"]["operators"]["total"] > 50
    assert ceiling["work"]["share"] == 1.0, "the best one is its own measure"
    assert ceiling["work"]["macs"] == convolution.macs(16, 32, 3)
    assert all(one["times_ms"]["min"] <= one["times_ms"]["p50"] <= one["times_ms"]["p99"] for one in records)
    assert all(one["memory_mb"]["load_peak"] > 10 for one in records)
    assert list((tmp_path / "records").glob("*.journal")) == [], "a finished run is finished"


@pytest.mark.thorough
def test_artefacts_against_eager(shipped_artifacts, capsys, tmp_path):
    """Of one family the fp32 file within a level of PyTorch, w8a8 in integers, both with their operators; ONNX Runtime is faster.

    At least 1.3 times as fast on one thread, by the shortest of its inferences; 2.0 to 3.1 were measured, idle host or not.
    """
    options = ["--artifacts", shipped_artifacts, "--only", "artefacts", "--threads", "1", "--rounds", "8", "--out", tmp_path]
    code, stdout, stderr = run(capsys, *options)
    assert code == 0, stderr
    assert "times eager" in stdout
    found = {one["artifact"]["name"]: one for one in read_records(tmp_path)}
    eager, fp32, w8a8 = (found[name] for name in ("eager PyTorch 256", *(f"wavefill-s-256-onnx-{s}" for s in ("fp32", "w8a8"))))
    assert fp32["fidelity"]["max_level_difference"] <= 1
    assert w8a8["fidelity"]["hole_psnr_db"] > 30
    assert fp32["fidelity"]["kept_max_difference"] == w8a8["fidelity"]["kept_max_difference"] == 0
    assert w8a8["profile"]["float_islands"] == []
    assert found["wavefill-s-256-litert-w8a8"]["profile"]["float_islands"] == []
    litert = found["wavefill-s-256-litert-fp32"]["artifact"]["operators"]
    assert 0.7 * litert["total"] < litert["delegated"] <= litert["total"]
    assert eager["times_ms"]["min"] >= 1.3 * fp32["times_ms"]["min"]
