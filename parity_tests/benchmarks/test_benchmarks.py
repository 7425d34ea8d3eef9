"""``python -m benchmarks``: its table, what is said of the host, and the benchmark of training."""

import json

import torch

from benchmarks.__main__ import main
from benchmarks.host import CPU_FLAGS, busy, describe_host, host_lines
from benchmarks.table import BENCHMARKS
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code


def test_every_benchmark_can_be_run_and_says_what_it_does():
    assert next(iter(BENCHMARKS)) == "latency"
    for benchmark in BENCHMARKS.values():
        assert benchmark.SUMMARY
        assert callable(benchmark.run)
        assert callable(benchmark.add_arguments)


def test_host_description():
    host = describe_host()
    assert {"cpu", "cpu_flags", "cores", "load_1min", "system", "python", "versions"} == host.keys()
    assert set(host["cpu_flags"]) <= set(CPU_FLAGS)
    assert len(host_lines(host).splitlines()) == 2


def test_a_busy_host_is_told():
    assert busy({"load_1min": 5.3, "cores": 2})
    assert not busy({"load_1min": 0.2, "cores": 2})


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
