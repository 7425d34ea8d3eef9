"""The program on the phone: how it is called and what it prints. ``runner.c`` keeps to this, and so does whoever builds another.

    RUNNER MODEL INPUT RESULT SIZE THREADS WARM_UPS RUNS SECONDS

It loads MODEL, reads INPUT (SIZE x SIZE x 3 bytes of a photo, then SIZE x SIZE of its mask), runs once, WARM_UPS times more, then
RUNS times or as often as fits into SECONDS, at least ten times; writes the last result to RESULT (SIZE x SIZE x 3 bytes). It
prints a line each, in any order, and ends with 0:

    runtime onnxruntime 1.30.0 CPUExecutionProvider
    load_ms 41.2
    first_ms 12.9
    run_ms 9.8              (as often as it ran)
    peak_mb load 61.0       (peak memory; may be left out)
    peak_mb steady 64.2

On anything that goes wrong it says so in a line and ends with another code.
"""

import math
from dataclasses import dataclass, field

WARM_UPS, RUNS, SECONDS, FEWEST = 10, 50, 5, 10


@dataclass
class Told:
    """What a runner printed.

    Attributes:
        runtime: name, version and provider.
        load_ms, first_ms: loading, and the first run.
        runs_ms: every timed run.
        peaks_mb: by ``load`` and ``steady``.
    """

    runtime: tuple[str, str, str] = ("", "", "")
    load_ms: float = math.nan
    first_ms: float = math.nan
    runs_ms: list[float] = field(default_factory=list)
    peaks_mb: dict[str, float] = field(default_factory=dict)


def command(runner: str, model: str, source: str, result: str, size: int, threads: int) -> str:
    """The command line for the phone's shell; libraries are looked for beside the runner."""
    words = (f"./{runner}", model, source, result, size, threads, WARM_UPS, RUNS, SECONDS)
    # ONNX Runtime reports to its maker otherwise.
    return f"ORT_DISABLE_TELEMETRY=1 LD_LIBRARY_PATH=. {' '.join(map(str, words))}"


def parse(output: str) -> Told:
    """What it printed; other lines (a linker's warnings) are passed over.

    Raises:
        ValueError: something is missing, or no number.
    """
    told = Told()
    for line in output.splitlines():
        match line.split():
            case ["runtime", name, version, provider]:
                told.runtime = (name, version, provider)
            case ["load_ms", value]:
                told.load_ms = _positive(line, value)
            case ["first_ms", value]:
                told.first_ms = _positive(line, value)
            case ["run_ms", value]:
                told.runs_ms.append(_positive(line, value))
            case ["peak_mb", ("load" | "steady") as when, value]:
                told.peaks_mb[when] = _positive(line, value)
    missing = [
        what
        for what, there in (
            ("runtime", told.runtime[0]),
            ("load_ms", told.load_ms == told.load_ms),
            ("first_ms", told.first_ms == told.first_ms),
            (f"{FEWEST} of run_ms", len(told.runs_ms) >= FEWEST),
        )
        if not there
    ]
    if missing:
        raise ValueError(f"the runner did not print {', '.join(missing)}")
    return told


def _positive(line: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"the runner printed {line[:80]!r}, a number above 0 is expected")
    return value
