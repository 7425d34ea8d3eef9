"""``python -m benchmarks startup``: whole commands in processes; bars that are missed are seen, commands that fail are told."""

import pytest

from benchmarks import startup
from benchmarks.__main__ import main
from benchmarks.records.files import read_records
from models.photo.formats import png_level
from models.system.errors import run_main


@pytest.fixture
def started(tmp_path, monkeypatch, capsys):
    """Exit code and output of the benchmark with other commands."""
    monkeypatch.setattr(startup, "read_manifest", lambda folder: None)

    def run(**commands):
        monkeypatch.setattr(startup, "COMMANDS", {name: (tuple(words), bar) for name, (words, bar) in commands.items()})
        code = run_main(main, ["startup", "--repeats", "3", "--out", str(tmp_path / "out"), "--artifact", str(tmp_path)])
        return code, *capsys.readouterr()

    return run


def test_a_bar_that_is_missed_is_seen(started, tmp_path):
    code, stdout, _ = started(quick=(["--help"], 60), impossible=(["--help"], 1e-6))
    assert code == 1
    rows = {line.split()[0]: line.split()[-1] for line in stdout.splitlines()[1:3]}
    assert rows == {"quick": "yes", "impossible": "NO"}
    first, _ = read_records(tmp_path / "out")
    assert first["command"] == {"line": "quick", "bar_s": 60}
    assert first["times_s"]["cpu_p50"] > 0
    assert first["times_s"]["min"] <= first["times_s"]["p50"] <= first["times_s"]["max"]


def test_a_command_that_fails_is_told(started, tmp_path):
    code, _, stderr = started(bad=(["--nonsense"], 1))
    assert code == 2
    assert "wavefill --nonsense: exit code 2" in stderr
    assert not (tmp_path / "out").exists()


def test_large_png_are_written_quickly():
    assert [png_level(pixels) for pixels in (256 * 256, 1_000_000, 12_000_000)] == [6, 3, 2]
