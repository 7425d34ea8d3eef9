"""``python -m benchmarks teacher``: what is timed and recorded, with a network of a few channels for the published one."""

import json
from pathlib import Path

import pytest

from benchmarks import teacher
from benchmarks.__main__ import main
from benchmarks.records.files import read_records
from benchmarks.report.bars import verdicts
from models.checkpoint import SHIPPED, sha256
from parity_tests.support.exit_code import exit_code

SMALL = {
    "sample_size": 256,
    "block_out_channels": (8, 8),
    "down_block_types": ("DownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 4,
}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teacher, "CELEBA_HQ", SMALL)

    def run(*options):
        code = exit_code(main, ["teacher", "--rounds", "3", *map(str, options)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_the_record_fills_the_row_of_promises_and_the_report_shows_it(call):
    code, out, err = call("--threads", 1, "--json", "--out", "records")
    assert code == 0, err
    told = json.loads(out)
    assert told["seconds_of"] == "processor time"
    assert told["repaint_s"] == pytest.approx(2410 * told["unet_call_s"])
    (record,) = read_records(Path("records"))
    assert record["ratio"]["value"] == pytest.approx(told["repaint_s"] / told["student_s"])
    assert record["artifact"]["checkpoint_sha256"] == sha256(SHIPPED)
    assert (record["runtime"]["name"], record["runtime"]["threads"]) == ("torch", 1)
    (row,) = [one for one in verdicts([record]) if one.what.startswith("RePaint")]
    assert row.met is (record["ratio"]["value"] >= 1000)
    assert row.found == f"{record['ratio']['value']:,.0f}"
    assert exit_code(main, ["report", "records"]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert row.found in page
    assert "repaint_calls</td><td>2410" in page


def test_the_clock_is_compared_on_several_threads(call):
    spent = [(3.0, 1.0), (5.0, 2.0), (4.0, 9.0)]
    assert teacher._median(spent, 1) == 2.0
    assert teacher._median(spent, 2) == 4.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rounds", "2"], "at least 3"),
        (["--threads", "0"], "at least 1"),
        (["--artifact", "nowhere"], "nowhere"),
        (["--checkpoint", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_bad_input_is_one_line(call, options, said):
    code, out, err = call("--out", "records", *options)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert said in err
    assert not Path("records").exists()


def test_an_artefact_runs_on_the_threads_that_are_asked_for(call, monkeypatch):
    asked = []
    monkeypatch.setattr(teacher, "read_manifest", lambda folder: FakeManifest)
    monkeypatch.setattr(teacher, "load_artefact", lambda folder, threads: asked.append(threads))
    arguments = teacher.argparse.Namespace(artifact=Path("any"), threads=3)
    teacher._student(arguments)
    assert asked == [3]


class FakeManifest:
    size = 256
