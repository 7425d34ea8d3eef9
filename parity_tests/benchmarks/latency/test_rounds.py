"""Rounds, with workers that answer at once: who is run when, what is kept, what is done when one is gone."""

import json

import numpy as np
import pytest

from benchmarks.latency import rounds
from benchmarks.latency.process import Gone
from benchmarks.latency.rounds import FEWEST, WARM_UPS, Journal, measure
from benchmarks.latency.statistics import describe, ratio_interval

MS = {"fast": 1.0, "slow": 1000.0}


class Scripted:
    """Answers like a worker; ``script`` may raise instead."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - shared on purpose, emptied by the fixture
    script = staticmethod(lambda name, do: None)

    def __init__(self, limit_s, threads):
        self.name = None

    def ask(self, do, **arguments):
        self.name = arguments["spec"]["name"] if do == "load" else self.name
        Scripted.asked.append((self.name, do))
        Scripted.script(self.name, do)
        return {
            "load": {"load_ms": 5.0, "first_ms": MS[self.name], "memory_mb": {"before": 1.0, "load_peak": 2.0}},
            "run": {"ms": MS[self.name], "processor_ms": MS[self.name] / 2},
            "peak": {"peak_mb": 3.0},
        }[do]

    def close(self):
        Scripted.asked.append((self.name, "close"))


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(rounds, "Worker", Scripted)
    monkeypatch.setattr(Scripted, "asked", [])
    monkeypatch.setattr(Scripted, "script", staticmethod(lambda name, do: None))
    return Scripted


def run(journal, count=50, names=("fast", "slow"), **options):
    specs = [(name, {"name": name}) for name in names]
    measure(specs, 1, journal, rounds=count, seconds=5, limit_s=1, pause_s=0, **options)


def journal_in(folder, about=1, now="now"):
    return Journal(folder / "latency.journal", {"about": about}, now)


def test_all_take_turns_and_slow_ones_rest(scripted, tmp_path):
    journal = journal_in(tmp_path)
    run(journal)
    fast, slow = (journal.measured[name] for name in ("fast", "slow"))
    assert len(fast.times) == 50
    assert len(slow.times) == FEWEST, "5 seconds are 5 runs, and ten are the fewest"
    ran = [index for index, ms in enumerate(slow.rounds) if ms is not None]
    assert set(np.diff(ran)) == {5}, "spread over all rounds"
    order = [name for name, do in scripted.asked if do == "run"]
    assert order.count("slow") == FEWEST + WARM_UPS
    timed = order[2 * WARM_UPS :]
    firsts = [timed[i] for i, name in enumerate(timed) if name == "slow" and timed[i - 1] == "fast"]
    assert len(firsts) >= 9, "no candidate is measured in a block"
    assert fast.steady_peak_mb == 3.0
    assert [ms and ms / 2 for ms in slow.rounds] == slow.processor


def test_a_stopped_run_goes_on(scripted, tmp_path):
    def stop(name, do):
        if len(scripted.asked) > 60:
            raise KeyboardInterrupt

    scripted.script = staticmethod(stop)
    with pytest.raises(KeyboardInterrupt):
        run(journal_in(tmp_path))
    assert {name for name, do in scripted.asked if do == "close"} == {"fast", "slow"}, "no process is left behind"
    kept = journal_in(tmp_path, now="later")
    done = kept.rounds
    assert done > 10
    assert kept.started == "now"
    scripted.script = staticmethod(lambda name, do: None)
    run(kept)
    assert kept.rounds == 50
    scripted.asked.clear()
    run(journal_in(tmp_path))
    assert scripted.asked == [], "a finished run measures nothing again"


def test_a_journal_of_something_else_is_refused(scripted, tmp_path):
    run(journal_in(tmp_path), 3)
    with pytest.raises(ValueError, match="of other artefacts"):
        journal_in(tmp_path, about=2)
    (tmp_path / "latency.journal").write_text('{"measured": {"a": {"b": 1}}}')
    with pytest.raises(ValueError, match="damaged"):
        journal_in(tmp_path)


def test_one_that_is_gone_leaves_the_others_alone(scripted, tmp_path):
    def die(name, do):
        if name == "slow" and do == "run" and scripted.asked.count(("slow", "run")) == WARM_UPS + 3:
            raise Gone("crashed (signal 11)")

    scripted.script = staticmethod(die)
    journal = journal_in(tmp_path)
    run(journal)
    assert journal.measured["slow"].failed == "crashed (signal 11)"
    assert len(journal.measured["slow"].times) == 2
    assert len(journal.measured["fast"].times) == 50
    assert journal.measured["slow"].rounds[5] == MS["slow"], "what it did count for stays in its rounds"
    told = json.loads((tmp_path / "latency.journal").read_text())["measured"]["slow"]["failed"]
    assert told == "crashed (signal 11)"


def test_describe_is_numpy_and_sees_heat():
    times = list(np.random.default_rng(0).gamma(3, 2, 57))
    told = describe(times)
    assert told["runs"] == 57
    assert [told[key] for key in ("p50", "p90", "p99")] == pytest.approx(np.percentile(times, [50, 90, 99]))
    assert describe([1.0] * 45 + [2.0] * 5)["last_tenth"] == 2 * describe([1.0] * 45 + [2.0] * 5)["first_tenth"]


def test_the_interval_of_a_ratio_uses_pairs():
    """Two that are equally fast on a host whose speed swings tenfold: as pairs they are within a few per cent."""
    rng = np.random.default_rng(0)
    host = rng.choice([1.0, 10.0], 60)
    over, under = host * rng.normal(2, 0.02, 60), host * rng.normal(1, 0.01, 60)
    ratio, low, high = ratio_interval([*over, None], [*under, 1.0])
    assert low < ratio < high
    assert low > 1.9
    assert high < 2.1
    with pytest.raises(ValueError, match="no round"):
        ratio_interval([None, 1.0], [1.0, None])
