"""Runs workers over readers, watches them, and counts."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
HANG_S = 10.0
"""Seconds of processor time that one input may take; of time on the clock six times as many, for a busy machine."""

FINE = ("accepted", "refused", "accepted noisily", "refused noisily")
"""Verdicts that are no findings. Noisily: a library printed a line of its own beside ours."""


@dataclass
class Tally:
    """What came of one reader's inputs.

    Attributes:
        name: of the reader.
        verdicts: how often each.
        findings: for each kind with its text, the inputs that showed it.
        noise: lines that libraries printed, and how often.
        seconds: that it took.
    """

    name: str
    verdicts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[int]] = field(default_factory=dict)
    noise: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, index: int, verdict: str, text: str) -> None:
        """Count one input."""
        self.verdicts[verdict] += 1
        if verdict not in FINE:
            self.findings.setdefault(f"{verdict}: {text}", []).append(index)
        elif verdict.endswith("noisily"):
            self.noise[text[:80]] += 1


def command(module: str, *words: object) -> list[str]:
    """A Python process of this project."""
    return [sys.executable, "-m", module, *map(str, words)]


def prepare(names: list[str], folder: Path) -> None:
    """Write the whole files of readers that are not in ``folder`` yet, in one process, which reads them too.

    Raises:
        RuntimeError: a reader refuses its own whole files.
    """
    wanted = [name for name in names if not (folder / name).is_dir()]
    if not wanted:
        return
    code = "import sys; from pathlib import Path; from parity_tests.fuzz.readers import make_whole\n"
    code += "for name in sys.argv[2:]:\n make_whole(name, Path(sys.argv[1], 'half-' + name))\n"
    code += " Path(sys.argv[1], 'half-' + name).rename(Path(sys.argv[1], name))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), *wanted], cwd=ROOT, env=_environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"the whole files cannot be made or read:\n{done.stderr[-3000:]}")


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}


def fuzz(
    name: str,
    whole: Path,
    *,
    count: int,
    seed: int = 0,
    first: int = 0,
    deadline: float | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Tally:
    """Read damaged inputs ``first`` to ``first + count - 1`` of a reader.

    Args:
        name: row of ``READERS``.
        whole: folder of its whole files.
        count: how many inputs.
        seed: with name and number it decides what an input is.
        first: number of the first.
        deadline: on ``time.monotonic``; what is left then is left out.
        progress: called after each input.
    """
    tally, index, began = Tally(name), first, time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as temporary:
        work = Path(temporary, "work")
        while index < first + count and (deadline is None or time.monotonic() < deadline):
            index = _one_process(tally, whole, work, (seed, index, first + count - index), deadline, progress)
    tally.seconds = time.monotonic() - began
    return tally


def _one_process(
    tally: Tally,
    whole: Path,
    work: Path,
    numbers: tuple[int, int, int],
    deadline: float | None,
    progress: Callable[[], object],
) -> int:
    """Run one worker until it is done, dead or stuck; the number of the next input."""
    worker = subprocess.Popen(
        command("parity_tests.fuzz.worker", tally.name, whole, work, *numbers),
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_listen, args=(worker, lines), daemon=True).start()
    current, ready = numbers[1], False
    try:
        while True:
            line = _next_line(worker, lines, HANG_S if ready else 300.0)
            if line is None:
                code = worker.wait()
                if not ready:
                    raise RuntimeError(f"{tally.name}: the worker ended with {code} before its first input: {_last_words(work)}")
                if current >= numbers[1] + numbers[2]:
                    return current
                tally.add(current, "crash", f"the process ended with {code}: {_last_words(work)}")
                progress()
                return current + 1
            if line == "stuck":
                tally.add(current, "hang", f"more than {HANG_S:.0f} s")
                progress()
                return current + 1
            event = json.loads(line)
            ready = True
            if "start" in event:
                current = event["start"]
            elif "done" in event:
                tally.add(current, event["verdict"], event["text"])
                current += 1
                progress()
                if deadline is not None and time.monotonic() > deadline:
                    return current
    finally:
        worker.kill()
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()


def _last_words(work: Path) -> str:
    """The last line of substance that a worker printed."""
    said = work.with_name(f"{work.name}.stderr")
    lines = said.read_text(errors="replace").splitlines() if said.is_file() else []
    return next((line.strip()[:200] for line in reversed(lines) if line.strip() and "ResourceWarning" not in line), "")


def _listen(worker: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert worker.stdout is not None
    try:
        for line in worker.stdout:
            lines.put(line)
    except ValueError:  # closed
        pass
    lines.put(None)


def _next_line(worker: "subprocess.Popen[str]", lines: "queue.Queue[str | None]", patience_s: float) -> str | None:
    """The worker's next line, None at its end, or ``stuck``."""
    began, used = time.monotonic(), _processor_s(worker)
    while True:
        try:
            return lines.get(timeout=1.0)
        except queue.Empty:
            busy = _processor_s(worker) - used
            if busy > patience_s or time.monotonic() - began > 6 * patience_s:
                return "stuck"


def _processor_s(worker: "subprocess.Popen[str]") -> float:
    try:
        times = psutil.Process(worker.pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system
