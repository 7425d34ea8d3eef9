"""BARS: what the project promises of its speed, and whether the records show it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.latency.statistics import ratio_interval, rounds_of

Record = Mapping[str, Any]

CORE = "cortex-a76"
DEFAULT = {"fp32": "onnx-fp32", "w8a8": "onnx-w8a8"}
"""Ends of the names of the shipped artefacts that the promises are about."""


@dataclass(frozen=True)
class Verdict:
    """One promise and what was found.

    Attributes:
        what: the promise in words.
        command: what measures it.
        bar: the promise as text.
        found: the figure as text; empty where no record tells.
        met: None where no record tells.
    """

    what: str
    command: str
    bar: str
    found: str
    met: bool | None


def verdicts(records: Sequence[Record], page_bytes: int | None = None) -> list[Verdict]:
    """Every promise, in the order of ``BARS``, then the size of the report itself."""
    found = [make(records) for make in BARS]
    size = "" if page_bytes is None else f"{page_bytes / 1e6:.2f} MB"
    met = None if page_bytes is None else page_bytes < 2e6
    return [*found, Verdict("size of the report, which opens without network", "report", "< 2 MB", size, met)]


def _hosts(records: Sequence[Record], threads: int = 1) -> list[Record]:
    return [one for one in records if one["kind"] == "host" and one["runtime"]["threads"] == threads]


def _one(records: Sequence[Record], test: Callable[[str], bool]) -> Record | None:
    return next((one for one in records if test(one["artifact"]["name"])), None)


def _times_as_fast(slow: Callable[[str], bool], scheme: str, what: str, bar: float) -> Callable[[Sequence[Record]], Verdict]:
    """How often a shipped artefact fits into another candidate of the same run, on one thread."""

    def make(records: Sequence[Record]) -> Verdict:
        rows = _hosts(records)
        ours = _one(rows, lambda name: name.endswith(DEFAULT[scheme]) and "+" not in name)
        other = _one([one for one in rows if ours and one["run"]["id"] == ours["run"]["id"]], slow)
        if ours is None or other is None:
            return Verdict(what, "latency", f">= {bar:g} times", "", None)
        ratio, low, high = ratio_interval(rounds_of(other), rounds_of(ours))
        return Verdict(what, "latency", f">= {bar:g} times", f"{ratio:.1f} ({low:.1f} to {high:.1f})", ratio >= bar)

    return make


def _share(scheme: str, bar: float) -> Callable[[Sequence[Record]], Verdict]:
    def make(records: Sequence[Record]) -> Verdict:
        what = f"{scheme}: share of ONNX Runtime's best convolution, one thread"
        ours = _one(_hosts(records), lambda name: name.endswith(DEFAULT[scheme]) and "+" not in name)
        share = ours["work"]["share"] if ours else None
        if share is None:
            return Verdict(what, "latency", f">= {100 * bar:.0f} %", "", None)
        return Verdict(what, "latency", f">= {100 * bar:.0f} %", f"{100 * share:.0f} %", share >= bar)

    return make


def _instructions(scheme: str, bar: float) -> Callable[[Sequence[Record]], Verdict]:
    def make(records: Sequence[Record]) -> Verdict:
        what = f"{scheme}: MI-GAN's shape takes as many instructions on an emulated Cortex-A76"
        rows = [one for one in records if one["kind"] == "emulated" and one["host"]["core"] == CORE]
        ours, other = _one(rows, lambda name: name.endswith(DEFAULT[scheme])), _one(rows, lambda name: "migan" in name)
        if ours is None or other is None:
            return Verdict(what, "arm --standin migan", f">= {bar:g} times", "", None)
        ratio = other["instructions"]["per_run"] / ours["instructions"]["per_run"]
        return Verdict(what, "arm --standin migan", f">= {bar:g} times", f"{ratio:.1f}", ratio >= bar)

    return make


def _command(line: str) -> Callable[[Sequence[Record]], Verdict]:
    def make(records: Sequence[Record]) -> Verdict:
        one = next((one for one in records if one["kind"] == "command" and one["command"]["line"] == line), None)
        if one is None:
            return Verdict(line, "startup", "", "", None)
        times, bar = one["times_s"], one["command"]["bar_s"]
        found = f"{times['p50']:.2f} s ({times['cpu_p50']:.2f} s of processor time)"
        return Verdict(line, "startup", f"<= {bar:g} s", found, times["p50"] <= bar)

    return make


def _ratio(records: Sequence[Record]) -> Verdict:
    one = next((one for one in records if one["kind"] == "ratio"), None)
    what = "RePaint takes as often as long as the student"
    if one is None:
        return Verdict(what, "teacher --out records", ">= 1000 times", "", None)
    value, bar = one["ratio"]["value"], one["ratio"]["bar"]
    return Verdict(what, "teacher --out records", f">= {bar:g} times", f"{value:,.0f}", value >= bar)


def _migan(name: str) -> bool:
    return name.startswith("migan")


def _eager(name: str) -> bool:
    return name.startswith("eager PyTorch")


BARS: Sequence[Callable[[Sequence[Record]], Verdict]] = (
    _times_as_fast(_migan, "fp32", "fp32 against MI-GAN's shape, 256, one thread", 12),
    _times_as_fast(_migan, "w8a8", "w8a8 against MI-GAN's shape, 256, one thread", 25),
    _instructions("fp32", 8),
    _instructions("w8a8", 20),
    _times_as_fast(_eager, "fp32", "ONNX Runtime fp32 against eager PyTorch, one thread", 2.5),
    _share("fp32", 0.78),
    _share("w8a8", 0.65),
    _command("wavefill --help"),
    _command("wavefill export --help"),
    _command("wavefill inpaint, 1 MP, ONNX artefact"),
    _ratio,
)
