"""Interleaved rounds over workers, kept on the disk round by round: Ctrl-C loses none, and a later start goes on.

In every round each candidate is run once, in a fresh random order, so that whatever slows the host down slows all of them alike.
One uncounted run before it brings its weights back into the caches that the others used. Candidates that take long are run in
fewer rounds, spread over all of them.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.latency.process import Gone, Worker
from models.photo.place import write_atomically
from models.system.foreign import MAX_JSON_BYTES, parse_json, read_bytes

SEED = 1
WARM_UPS = 10
FEWEST = 10
SLOW_MS = 100
"""From here on a run is long enough to warm its own caches."""


@dataclass
class Measured:
    """What is known of one candidate on one number of threads.

    Attributes:
        load: answer to ``load``.
        rounds: milliseconds by round; None where it was left out.
        processor: milliseconds of processor time of all its threads, by round.
        steady_peak_mb: peak memory while it was run.
        profile: answer to ``profile``; empty where there is none.
        fidelity: part ``fidelity`` of its record.
        failed: why it was given up; None while it was not.
    """

    load: dict[str, Any] = field(default_factory=dict)
    rounds: list[float | None] = field(default_factory=list)
    processor: list[float | None] = field(default_factory=list)
    steady_peak_mb: float = 0.0
    profile: dict[str, Any] = field(default_factory=dict)
    fidelity: dict[str, Any] | None = None
    failed: str | None = None

    @property
    def times(self) -> list[float]:
        """Of the rounds in which it was run."""
        return [ms for ms in self.rounds if ms is not None]


class Journal:
    """What has been measured, in a file that is whole after every round.

    Attributes:
        started: when the first round began, UTC.
        measured: every candidate by its name.
    """

    def __init__(self, path: Path, about: dict[str, Any], now: str) -> None:
        """Open it, or begin.

        Args:
            path: the file.
            about: what the measurements depend on; a file about something else is refused.
            now: when it begins, if it does, UTC.

        Raises:
            ValueError: the file is about something else, or damaged.
        """
        self.path, self.about, self.started = path, about, now
        self.measured: dict[str, Measured] = {}
        if not path.exists():
            return
        try:
            content = parse_json(read_bytes(path, MAX_JSON_BYTES).decode("utf-8"))
            self.measured = {name: Measured(**one) for name, one in content["measured"].items()}
            self.started, same = str(content["started"]), content["about"] == about
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: damaged ({error}); delete it or choose another --out") from error
        if not same:
            raise ValueError(f"{path}: is of other artefacts, another host or another commit; give --fresh or another --out")

    def save(self) -> None:
        """Write everything."""
        content = {
            "about": self.about,
            "started": self.started,
            "measured": {name: vars(one) for name, one in self.measured.items()},
        }
        write_atomically(self.path, json.dumps(content).encode())

    @property
    def rounds(self) -> int:
        """How many are done."""
        return max((len(one.rounds) for one in self.measured.values()), default=0)


def measure(
    candidates: Sequence[tuple[str, dict[str, Any]]],
    threads: int,
    journal: Journal,
    *,
    rounds: int,
    seconds: float,
    limit_s: float,
    progress: Callable[[Iterable[Any], str], Iterable[Any]] = lambda items, _: items,
    on_end: Callable[[str, Worker, Measured], None] = lambda name, worker, one: None,
    pause_s: float = 0.02,
) -> None:
    """Load every candidate in a process of its own and run the rounds that are still to do.

    Args:
        candidates: name and spec of each.
        threads: of each.
        journal: where times go; what it already has is kept.
        rounds: how many there are to be in all.
        seconds: a candidate that has been run so long in all, and at least ten times, has been run enough.
        limit_s: time limit of every answer.
        progress: wraps a list of things to do, with a word for what they are.
        on_end: called for each candidate after its last round, while it is still loaded.
        pause_s: rest before each inference: idle threads of the one before spin for some milliseconds.
    """
    workers: dict[str, Worker] = {}
    try:
        for name, spec in progress(candidates, "loading"):
            one = journal.measured.setdefault(name, Measured())
            if one.failed or (journal.rounds >= rounds and one.steady_peak_mb):
                continue
            workers[name] = Worker(limit_s, threads)
            _guarded(name, workers, one, _loading({**spec, "threads": threads}, one))
        rng = random.Random(SEED)
        for index in progress(range(journal.rounds, rounds), "rounds"):
            for name in rng.sample(sorted(workers), len(workers)):
                one = journal.measured[name]
                if not (_due(one, index, rounds, seconds) and _guarded(name, workers, one, _running(one, pause_s))):
                    one.rounds.append(None)
                    one.processor.append(None)
            journal.save()
        for name in progress(sorted(workers), "operators"):
            one = journal.measured[name]
            _guarded(name, workers, one, _ending(name, one, on_end))
            journal.save()
    finally:
        for worker in workers.values():
            worker.close()


def _guarded(name: str, workers: dict[str, Worker], one: Measured, work: Callable[[Worker], None]) -> bool:
    """Do something with a worker; a worker that is gone is given up and its reason kept."""
    try:
        work(workers[name])
    except Gone as error:
        one.failed = str(error)
        workers.pop(name).close()
        return False
    return True


def _loading(spec: dict[str, Any], one: Measured) -> Callable[[Worker], None]:
    def work(worker: Worker) -> None:
        loaded = worker.ask("load", spec=spec)
        one.load = one.load or loaded
        for _ in range(WARM_UPS):
            worker.ask("run", warm=0)
        worker.ask("peak")  # from here on the peak is that of running

    return work


def _ending(name: str, one: Measured, on_end: Callable[[str, Worker, Measured], None]) -> Callable[[Worker], None]:
    def work(worker: Worker) -> None:
        one.steady_peak_mb = worker.ask("peak")["peak_mb"]
        on_end(name, worker, one)

    return work


def _running(one: Measured, pause_s: float) -> Callable[[Worker], None]:
    def work(worker: Worker) -> None:
        time.sleep(pause_s)
        last = next((ms for ms in reversed(one.rounds) if ms is not None), one.load["first_ms"])
        ran = worker.ask("run", warm=0 if last > SLOW_MS else 1)
        one.rounds.append(ran["ms"])
        one.processor.append(ran["processor_ms"])

    return work


def _due(one: Measured, index: int, rounds: int, seconds: float) -> bool:
    """Whether a candidate is run in a round: all of them, or so many as fit into its seconds, spread evenly."""
    typical = min(one.times, default=one.load["first_ms"])
    fits = max(FEWEST, int(1e3 * seconds / max(typical, 1e-6)))
    step = max(1, rounds // fits)
    return index % step == 0
