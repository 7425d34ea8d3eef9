"""``python -m benchmarks latency``: what is timed, how, and what is said of the host. Times themselves are not tested here."""

import json
import time

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.host import CPU_FLAGS, describe_host, host_lines
from benchmarks.latency import EAGER, Timed, busy, measure
from benchmarks.table import BENCHMARKS
from export.__main__ import main as export_main
from export.backends import BACKENDS
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code
from parity_tests.support.fakes import FakeBackend

SIZE = 32


@pytest.fixture
def artifacts(tiny_checkpoint, tmp_path, fake, monkeypatch):
    """An artefact for ONNX and one for Core ML."""
    monkeypatch.setitem(BACKENDS, "coreml", FakeBackend(name="coreml"))
    monkeypatch.setattr("benchmarks.latency.can_predict", lambda: False)
    options = ["--checkpoint", str(tiny_checkpoint), "--size", str(SIZE), "--out", str(tmp_path / "out"), "--scheme", "fp32"]
    for verb in ("onnx", "coreml"):
        assert run_main(export_main, [verb, *options]) == 0
    assert run_main(export_main, ["onnx", *options, "--io", "float"]) == 0
    return tmp_path / "out"


def run(capsys, *arguments):
    capsys.readouterr()
    code = run_main(main, ["latency", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_every_benchmark_can_be_run_and_says_what_it_does():
    assert next(iter(BENCHMARKS)) == "latency"
    for benchmark in BENCHMARKS.values():
        assert benchmark.SUMMARY
        assert callable(benchmark.run)
        assert callable(benchmark.add_arguments)


def test_json(artifacts, tiny_checkpoint, capsys):
    code, stdout, stderr = run(capsys, "--artifacts", artifacts, "--checkpoint", tiny_checkpoint, "--rounds", 3, "--json")
    assert code == 0, stderr
    told = json.loads(stdout)
    names = [row["name"] for row in told["rows"]]
    assert names == [f"{EAGER} {SIZE}", f"{EAGER} {SIZE} (bare core)", f"tiny-{SIZE}-onnx-fp32", f"tiny-{SIZE}-onnx-fp32-float"]
    assert all(row["median_ms"] >= row["best_ms"] > 0 and row["rounds"] == 3 for row in told["rows"])
    assert told["rows"][0]["speedup"] == told["rows"][1]["speedup"] == 1
    assert "Core ML runs on macOS only" in told["not_timed"][f"tiny-{SIZE}-coreml-fp32"]
    assert told["host"]["cores"] >= 1
    assert told["host"]["versions"]["torch"]


def test_table(artifacts, tiny_checkpoint, capsys):
    code, stdout, stderr = run(capsys, "--artifacts", artifacts, "--checkpoint", tiny_checkpoint, "--rounds", 3)
    assert code == 0
    assert "median ms  IQR ms  best ms" in stdout.splitlines()[0]
    assert "3 interleaved rounds, 2 threads" in stdout
    assert "not timed: Core ML runs on macOS only" in stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--artifacts", "nowhere"], 2, "nowhere: no such folder"),
        (["--rounds", "2"], 2, "--rounds: 2 given, at least 3 is needed"),
        (["--threads", "0"], 2, "--threads: 0 given, at least 1 is needed"),
        (["--rounds", "many"], 2, "invalid int value"),
    ],
)
def test_bad_usage(capsys, arguments, code, message):
    try:
        got, _, stderr = run(capsys, *arguments)
    except SystemExit as stop:
        got, stderr = stop.code, capsys.readouterr().err
    assert got == code
    assert message in stderr


def test_damaged_or_foreign_artefacts_are_refused(artifacts, tiny_checkpoint, capsys, tmp_path):
    from models.checkpoint import save_checkpoint
    from models.generator import Generator
    from parity_tests.conftest import TINY

    other = tmp_path / "other.safetensors"
    save_checkpoint(other, Generator(TINY), {"note": "other"})
    code, _, stderr = run(capsys, "--artifacts", artifacts, "--checkpoint", other)
    assert (code, "made from another checkpoint" in stderr) == (2, True)
    (artifacts / f"tiny-{SIZE}-onnx-fp32" / "SHA256SUMS").unlink()
    code, _, stderr = run(capsys, "--artifacts", artifacts, "--checkpoint", tiny_checkpoint)
    assert (code, "damaged" in stderr) == (2, True)


def test_only_core_ml_leaves_nothing_to_time(artifacts, tiny_checkpoint, capsys):
    code, _, stderr = run(capsys, "--artifacts", artifacts / f"tiny-{SIZE}-coreml-fp32", "--checkpoint", tiny_checkpoint)
    assert (code, "nothing to time here" in stderr) == (3, True)


def test_rounds_are_interleaved_and_ratios_are_right():
    """A model that sleeps four times as long is a quarter as fast, and no model runs twice in a row within a round."""
    order = []

    def sleeper(name, seconds):
        return lambda: (order.append(name), time.sleep(seconds))

    models = [
        Timed(f"{EAGER} 64", None, (64, "uint8"), sleeper("eager", 0.02)),
        Timed("slow", 1, (64, "uint8"), sleeper("slow", 0.08)),
    ]
    rows = measure(models, 5, pause_s=0)
    assert [row.rounds for row in rows] == [5, 5]
    assert rows[0].speedup == 1
    assert rows[1].speedup == pytest.approx(0.25, rel=0.3)
    assert 80 <= rows[1].best_ms <= rows[1].median_ms
    timed = order[6:]  # after three warm-up runs of each
    assert all({*timed[i : i + 2]} == {"eager", "slow"} for i in range(0, 10, 2))


def test_host_description():
    host = describe_host()
    assert {"cpu", "cpu_flags", "cores", "load_1min", "system", "python", "versions"} == host.keys()
    assert set(host["cpu_flags"]) <= set(CPU_FLAGS)
    assert len(host_lines(host).splitlines()) == 2


def test_a_busy_host_is_told():
    assert busy({"load_1min": 5.3, "cores": 2})
    assert not busy({"load_1min": 0.2, "cores": 2})


@pytest.mark.slow
def test_onnx_runtime_beats_eager(shipped_artifacts, capsys):
    """At least 1.5 times as fast on one thread, by the shortest of 15 inferences; 2.0 to 2.5 were measured, idle host or not.

    The figures that are quoted are medians on two threads (README). They are no test: two threads wait for each other when
    anything else wants a core, which has made the same files 1.6 and 30 times as fast as eager PyTorch.
    """
    code, stdout, stderr = run(capsys, "--artifacts", shipped_artifacts, "--threads", 1, "--rounds", 15, "--json")
    assert code == 0, stderr
    best = {row["name"]: row["best_ms"] for row in json.loads(stdout)["rows"]}
    assert best[f"{EAGER} 256"] >= 1.5 * best["wavefill-s-256-onnx-fp32"]


def test_training_measures_every_row_it_is_asked_for(capsys):
    rows = ["generator alone, L1", "both, batch 8"]
    words = ["training", "--threads", "1", "--rounds", "1", "--json", *(word for row in rows for word in ("--only", row))]
    before = torch.get_num_threads()
    try:
        assert run_main(main, words) == 0
    finally:
        torch.set_num_threads(before)
    told = json.loads(capsys.readouterr().out)
    assert list(told["rows"]) == rows
    rates = {name: row["images_per_s"] for name, row in told["rows"].items()}
    assert rates["generator alone, L1"] > 1.2 * rates["both, batch 8"] > 0, "two discriminators cannot cost nothing"


def test_training_refuses_no_rounds(capsys):
    assert exit_code(main, ["training", "--rounds", "0"]) == 2
    assert "--rounds: 0 given, 1 to 1000 are allowed" in capsys.readouterr().err
