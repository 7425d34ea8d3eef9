"""SIGKILL at random moments of the commands that write: nothing half-written under a final name, and the next run ends in the
same bytes as a run that was never killed.

python -m parity_tests.kills --count 200                    over all jobs; `make kills`
python -m parity_tests.kills --job train --count 50 --seed 3
python -m parity_tests.kills --operations --count 60        before file operations (opening, renaming, deleting ...) in turn
python -m parity_tests.kills --limits --count 40            not killed: files may not grow beyond a size, as on a full disk

Every run is forked from a process that has imported everything, so that kills fall into the work and not into imports. After a
kill the folder is looked at; then, half of the time, the next run is killed too, and the one that may end is compared. Where a
command replaces a result, half of the folders begin with an older one. Runs write to the disk at every step and wait for it:
`TMPDIR=/dev/shm` makes them faster on a busy machine.
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a forked process has no threads of its parent, and bits are compared

import numpy as np
from tqdm import tqdm

from models.system.errors import Parser, run_main
from parity_tests.robustness import kill_jobs
from parity_tests.robustness.kill_jobs import JOBS, LOG, Contents, Job, hash_file, hash_lines, log_lines
from parity_tests.robustness.operation_watcher import Watcher, operation_watcher

AGAIN = 0.5
"""How often the run after a kill is killed, too."""


class Runs:
    """Runs of one job's command, each in a process forked from this one.

    Args:
        job: the command.
        folder: for the output of the commands and their temporary files.
        planted: an error to make in each child, to see that it is found.
    """

    def __init__(self, job: Job, folder: Path, planted: Callable[[], None] | None = None) -> None:
        self.job, self.log, self.scratch, self._planted = job, folder / "output.txt", folder / "scratch", planted
        self.scratch.mkdir()

    def start(self, words: list, watch: Watcher | None = None, limit: tuple[int, int] | None = None) -> int:
        """Fork; the child's process number. ``limit``: bytes of a file, and the descriptor to print into."""
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            return child
        code = 99
        try:
            self._become(words, watch, limit)
            code = run_main(self._main(), [str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _become(self, words: list, watch: Watcher | None, limit: tuple[int, int] | None) -> None:
        descriptor = limit[1] if limit else os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        sys.argv = [self.job.program, *map(str, words)]
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.scratch)
        self.job.in_child()
        if self._planted:
            self._planted()
        if watch:
            sys.addaudithook(watch)
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit[0], limit[0]))

    def _main(self) -> Callable[[list[str]], int]:
        import export.__main__
        import models.__main__

        return {"export": export.__main__.main, "models": models.__main__.main}[self.job.program]

    def limited(self, words: list, size: int) -> tuple[int, str]:
        """Run with files of at most so many bytes, as on a full disk; exit code and what it printed (into a pipe, not a file)."""
        reading, writing = os.pipe()
        child = self.start(words, limit=(size, writing))
        os.close(writing)
        with os.fdopen(reading, errors="replace") as file:
            said = file.read()
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), said

    def end(self, words: list, watch: Watcher | None = None) -> tuple[int, float]:
        """Run to the end; exit code (99: a traceback; negative: a signal) and seconds."""
        began = time.monotonic()
        _, status = os.waitpid(self.start(words, watch), 0)
        return os.waitstatus_to_exitcode(status), time.monotonic() - began

    def killed(self, words: list, seconds: float) -> bool:
        """Run, and kill after so long; False: it had ended by then."""
        child = self.start(words)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # what has ended is still there until it is waited for
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    def said(self) -> str:
        """The last lines that the last run printed."""
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])


@dataclass
class Result:
    """What was found of a job.

    Attributes:
        kills: processes that were killed.
        seconds: of an undisturbed run.
        failures: one line each.
    """

    kills: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


class Trials:
    """Kills of one job, in a folder of their own.

    Raises:
        RuntimeError: the command does not work when nobody disturbs it.
    """

    def __init__(self, name: str, folder: Path, planted: Callable[[], None] | None = None) -> None:
        self.name, self.folder = name, folder
        self.job = JOBS[name][1](folder)
        self.runs = Runs(self.job, folder, planted)
        self.result = Result()
        self.old = self._older()
        self.new = self._undisturbed()

    def _older(self) -> Contents:
        if self.job.before is None:
            return {}
        self._expect_ok(self.job.before(self.folder / "old"))
        return self.job.contents(self.folder / "old")

    def _undisturbed(self) -> Contents:
        """The contents that the command ends with, twice; on the way, all that its files may be before they are finished."""
        whole, seen = self.folder / "whole", self.folder / "renamed.txt"

        def record(event: str, arguments: tuple) -> None:
            if event == "os.rename" and Path(os.fsdecode(arguments[0])).is_file():
                with seen.open("a") as file:
                    file.write(f"{hash_file(Path(os.fsdecode(arguments[0])))} {os.fsdecode(arguments[1])}\n")

        self._expect_ok(self.job.words(whole), record)
        for line in seen.read_text().splitlines() if seen.exists() else ():
            digest, _, name = line.partition(" ")
            if Path(name).is_relative_to(whole):
                self.job.stages.setdefault(Path(name).relative_to(whole).as_posix(), set()).add(digest)
        if (whole / LOG).exists():
            lines = log_lines(whole / LOG)
            self.job.stages[LOG] = {hash_lines(lines[:count]) for count in range(len(lines) + 1)}
        again = self.folder / "again"
        self.result.seconds = self._expect_ok(self.job.words(again))
        contents = self.job.contents(whole)
        if contents != self.job.contents(again) or not contents:
            raise RuntimeError(f"{self.name}: two runs that nobody disturbed differ, or write nothing")
        return contents

    def _expect_ok(self, words: list, watch: Watcher | None = None) -> float:
        code, seconds = self.runs.end(words, watch)
        if code:
            raise RuntimeError(f"{self.name}: exit code {code} without any kill: {self.runs.said()}")
        return seconds

    def begin(self, older: bool) -> Path:
        """A fresh folder for output, with an older result in it or not."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        if older:
            shutil.copytree(self.folder / "old", out)
        return out

    def look(self, out: Path, when: str) -> None:
        """Note what is half-written."""
        self.result.kills += 1
        self.result.failures += [f"{self.name}, {when}: {fault}" for fault in self.job.faults(out, [self.old, self.new])]

    def finish(self, out: Path, when: str) -> None:
        """The next run, which nobody kills, has to end well and in the same bytes."""
        code, _ = self.runs.end(self.job.words(out))
        if code and not (code == 2 and "finished at step" in self.runs.said()):  # a training that had reached its end already
            self.result.failures.append(f"{self.name}, {when}: the next run ends with {code}: {self.runs.said()}")
            return
        got = self.job.contents(out)
        different = sorted(name for name in got.keys() | self.new.keys() if got.get(name) != self.new.get(name))
        if different:
            self.result.failures.append(f"{self.name}, {when}: after the next run other bytes in {', '.join(different)}")
        if left := self.job.hidden(out):
            self.result.failures.append(f"{self.name}, {when}: the next run leaves {', '.join(left)}")

    def moments(self, count: int, rng: np.random.Generator, killed: Callable[[], object]) -> None:
        """Kill at moments drawn from the length of an undisturbed run."""
        target = self.result.kills + count
        while self.result.kills < target:
            out = self.begin(older=bool(self.old) and rng.random() < 0.5)
            when = ""
            while self.result.kills < target:
                seconds = float(rng.uniform(0, self.result.seconds))
                if not self.runs.killed(self.job.words(out), seconds):
                    break
                when = f"{when}{' and ' if when else 'killed after '}{seconds:.3f} s"
                self.look(out, when)
                killed()
                if rng.random() >= AGAIN:
                    break
            self.finish(out, when or "not killed")

    def operations(self, count: int, killed: Callable[[], object]) -> None:
        """Kill before file operations, evenly spread over all that the command does."""
        out, counted = self.begin(older=bool(self.old)), self.folder / "operations.txt"
        self._expect_ok(self.job.words(out), operation_watcher(out, None, counted))
        total = int(counted.read_text())
        for number in sorted({round(one) for one in np.linspace(1, total, min(count, total))}):
            out, when = self.begin(older=bool(self.old)), f"killed before file operation {number} of {total}"
            words = self.job.words(out)
            code, _ = self.runs.end(words, operation_watcher(out, number, None))
            if code != -signal.SIGKILL:
                self.result.failures.append(f"{self.name}, {when}: it was not killed ({code})")
            self.look(out, when)
            killed()
            self.finish(out, when)

    def limits(self, count: int, tried: Callable[[], object]) -> None:
        """Let files grow to so many sizes only, from nothing to the largest file that the command writes.

        The command says so in one line and exits with 2; what it replaces stays; and with room again it ends in the same bytes.
        """
        largest = max(path.stat().st_size for path in (self.folder / "whole").rglob("*") if path.is_file())
        for size in sorted({round(one) for one in np.geomspace(1, largest - 1, count)}):
            out, when = self.begin(older=bool(self.old)), f"with files of at most {size} bytes"
            code, said = self.runs.limited(self.job.words(out), size)
            lines = [line for line in said.splitlines() if "error:" in line]
            if code != 2 or len(lines) != 1 or "Traceback" in said:
                self.result.failures.append(f"{self.name}, {when}: exit code {code}, {len(lines)} lines of error: {said[-600:]}")
            self.look(out, when)
            if left := self.job.hidden(out, finished=False):
                self.result.failures.append(f"{self.name}, {when}: it leaves {', '.join(left)}")
            tried()
            self.finish(out, when)


def copy_instead_of_renaming() -> None:
    """A planted error: files come under their final names piece by piece, as ``shutil.move`` does between file systems."""

    def replace(self: Path, target: Path) -> None:
        content = self.read_bytes()
        with target.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            target.chmod(0o644)  # one of the operations that kills are put before
            file.write(content[len(content) // 2 :])

    Path.replace = replace  # type: ignore[assignment,method-assign]


PLANTED: dict[str, Callable[[], None]] = {"copy-instead-of-renaming": copy_instead_of_renaming}


def divide(count: int, shares: list[int]) -> list[int]:
    """Whole numbers of at least 1 with the sum ``count``, about in proportion to ``shares``."""
    parts = [max(1, count * share // sum(shares)) for share in shares]
    while sum(parts) != count:
        step = 1 if sum(parts) < count else -1
        wanted = [step * (count * share / sum(shares) - part) for share, part in zip(shares, parts, strict=True)]
        parts[max((i for i, part in enumerate(parts) if part + step >= 1), key=wanted.__getitem__)] += step
    return parts


def main(arguments: list[str]) -> int:
    """Kill, look, compare; 1 if anything was wrong."""
    parser = Parser(prog="python -m parity_tests.kills", description="SIGKILL the commands that write, and look at what is left.")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="kills in all (default: 200)")
    parser.add_argument("--job", action="append", choices=JOBS, help="kill this command only; repeatable")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments (default: 0)")
    parser.add_argument("--operations", action="store_true", help="kill before file operations, not at random moments")
    parser.add_argument("--limits", action="store_true", help="do not kill: limit the size of files, as a full disk does")
    parser.add_argument("--plant", choices=PLANTED, help="make an error that has to be found")
    args = parser.parse_args(arguments)
    names = args.job or list(JOBS)
    if args.count < len(names):
        raise ValueError(f"--count: {args.count} given, at least one for each of {len(names)} jobs is needed")
    kill_jobs.warm_up()
    shares = divide(args.count, [JOBS[name][0] for name in names])
    failures, kills = [], 0
    # tqdm's own lock is one for all processes: a child that is killed while it draws would hold it for ever. And no thread of the
    # bar may hold ours while we fork.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0
    with tempfile.TemporaryDirectory() as folder, tqdm(total=args.count, unit="kill", smoothing=0.05) as bar:
        for index, (name, share) in enumerate(zip(names, shares, strict=True)):
            bar.set_postfix_str(name)
            place = Path(folder, name)
            place.mkdir()
            trials = Trials(name, place, PLANTED.get(args.plant))
            if args.limits:
                trials.limits(share, bar.update)
            elif args.operations:
                trials.operations(share, bar.update)
            else:
                trials.moments(share, np.random.default_rng((args.seed, index)), bar.update)
            found = trials.result
            scratch = len(list(trials.runs.scratch.iterdir()))
            bar.write(
                f"{name}: {found.kills} kills in runs of {found.seconds:.2f} s, {len(found.failures)} faults, "
                f"{scratch} entries left in the system's temporary folder",
                file=sys.stderr,
            )
            failures, kills = failures + found.failures, kills + found.kills
    for failure in failures:
        print(failure)
    print(f"{kills} {'tries' if args.limits else 'kills'}, {len(failures)} faults")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
