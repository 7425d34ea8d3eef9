"""Every reader against damaged inputs (thorough), and the harness against readers that misbehave.

A few hundred inputs for each reader here; ``make fuzz`` gives 10,000.
"""

import json
import sys
import time

import numpy as np
import pytest

from models.system.errors import ToolchainMissing
from parity_tests.fuzz import run as runs
from parity_tests.fuzz import worker
from parity_tests.fuzz.format_mutators import MUTATORS, mutate
from parity_tests.fuzz.readers import READERS, Reader, damageable, make_whole

COUNT = 300
SECONDS = 240
"""For one reader; what is not read by then is left out, and at least ``LEAST`` are needed."""
LEAST = 30

# ---------------------------------------------------------------- the readers


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", READERS)
def test_no_damaged_input_gives_a_traceback_a_crash_or_a_hang(name, whole):
    runs.prepare([name], whole)
    tally = runs.fuzz(name, whole / name, count=COUNT, seed=1, deadline=time.monotonic() + SECONDS)
    assert tally.findings == {}
    assert sum(tally.verdicts.values()) >= LEAST
    refused = sum(number for verdict, number in tally.verdicts.items() if verdict.startswith("refused"))
    assert refused >= LEAST // 3, "inputs that harm nothing show nothing"


# ---------------------------------------------------------------- the harness


def plant(monkeypatch, tmp_path, read, make=lambda folder: (folder / "a.json").write_text('{"a": 1}')):
    """A reader that does something, and its folder of whole files."""
    monkeypatch.setitem(READERS, "planted", Reader(make, read))
    folder = tmp_path / "planted"
    folder.mkdir()
    make(folder)
    return folder


def raises(error):
    def read(folder):
        raise error

    return read


def from_memory(folder):
    try:
        raise MemoryError
    except MemoryError as error:
        raise ValueError(f"{folder}: damaged") from error


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (lambda folder: None, "accepted"),
        (lambda folder: raises(ValueError(f"{folder}: damaged (x)"))(folder), "refused"),
        (lambda folder: (folder / "missing").read_bytes(), "refused"),
        (raises(ValueError("no name in it")), "unnamed"),
        (raises(KeyError("x")), "traceback"),
        (raises(RecursionError()), "traceback"),
        (raises(OSError("image file is truncated")), "traceback"),
        (raises(ToolchainMissing("x")), "traceback"),
        (raises(MemoryError()), "memory"),
        (from_memory, "memory"),
    ],
)
def test_what_a_reader_does_is_told_apart(monkeypatch, tmp_path, read, verdict):
    assert worker.judge("planted", plant(monkeypatch, tmp_path, read))[0] == verdict


PREFIX = "import json, os, signal, sys, time\ndef say(**event): print(json.dumps(event), flush=True)\nsay(ready=True)\n"
GOOD = "say(start={0})\nsay(done={0}, verdict='refused', text='')\n"


def act(monkeypatch, *scripts):
    """Workers that do what scripts say, one after the other."""
    waiting = list(scripts)
    monkeypatch.setattr(runs, "command", lambda *_: [sys.executable, "-c", PREFIX + waiting.pop(0)])


def test_a_native_crash_is_a_finding_and_the_next_input_is_read(monkeypatch, tmp_path):
    dies = GOOD.format(0) + "say(start=1)\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    act(monkeypatch, dies, GOOD.format(2))
    tally = runs.fuzz("planted", tmp_path, count=3)
    assert tally.findings == {"crash: the process ended with -11: ": [1]}
    assert tally.verdicts == {"refused": 2, "crash": 1}


@pytest.mark.parametrize("busy", ["while True: pass\n", "time.sleep(100)\n"])
def test_a_hang_is_a_finding_and_the_next_input_is_read(monkeypatch, tmp_path, busy):
    monkeypatch.setattr(runs, "HANG_S", 1.0)
    act(monkeypatch, "say(start=0)\n" + busy, GOOD.format(1))
    tally = runs.fuzz("planted", tmp_path, count=2)
    assert list(tally.findings.values()) == [[0]]
    assert next(iter(tally.findings)).startswith("hang: ")
    assert tally.verdicts == {"refused": 1, "hang": 1}


def test_a_worker_that_cannot_begin_is_no_success(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "command", lambda *_: [sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(RuntimeError, match="ended with 7 before its first input"):
        runs.fuzz("planted", tmp_path, count=1)


def test_a_deadline_ends_it(monkeypatch, tmp_path):
    act(monkeypatch, "".join(GOOD.format(i) + "time.sleep(0.2)\n" for i in range(100)))
    tally = runs.fuzz("planted", tmp_path, count=100, deadline=time.monotonic() + 2)
    assert 0 < sum(tally.verdicts.values()) < 60


def test_damage_is_a_function_of_seed_name_and_number(monkeypatch, tmp_path):
    folder = plant(monkeypatch, tmp_path, lambda folder: None)
    made = {}
    for seed, name, index in ((0, "planted", 0), (0, "planted", 1), (1, "planted", 0), (0, "other", 0)):
        for _ in range(2):
            path, original = worker.damage("planted", folder, worker.rng_of(seed, name, index))
            made.setdefault((seed, name, index), set()).add(path.read_bytes())
            assert path.read_bytes() != original
            path.write_bytes(original)
    assert all(len(contents) == 1 for contents in made.values())
    assert len({next(iter(contents)) for contents in made.values()}) >= 3


@pytest.mark.parametrize("name", ["photo", "mask_file", "checkpoint", "shards", "photo_index"])
def test_whole_files_are_read_and_the_mutators_of_their_formats_change_them(tmp_path, name):
    folder = tmp_path / name
    make_whole(name, folder)
    assert worker.judge(name, folder) == ("accepted", "") or name == "photo"
    for path in damageable(name, folder):
        content, rng = path.read_bytes(), np.random.default_rng(0)
        changed = {mutate(path.suffix, content, rng) for _ in range(30)}
        assert len(changed - {content}) >= 20
        if path.suffix in MUTATORS:
            assert len({MUTATORS[path.suffix](content, rng) for _ in range(30)} - {content}) >= 10


def test_hostile_texts_are_among_the_damage():
    content, rng = json.dumps({"a": [1, 2.5, "x", {"b": None}], "c": '{"d": 1}'}).encode(), np.random.default_rng(0)
    made = [MUTATORS[".json"](content, rng) for _ in range(2000)]
    assert any(text.startswith(b"[" * 1000) for text in made)
    assert any(b"[[[[[[[[" in text and text.startswith(b"{") for text in made)
    for part in (b"NaN", b"1e999", b"\\ud800", b'"a": 1, "a": 2'):
        assert any(part in text for text in made), part
