"""Records as rows of text: the same cells for the page and for README."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

ORDER = ("reference", "artefact", "stand-in", "peer", "classical", "convolution")

LATENCY_HEADS = (
    "",
    "MB",
    "median ms",
    "processor ms",
    "p90",
    "p99",
    "last / first tenth",
    "load ms",
    "first ms",
    "peak MB",
    "GMACs",
    "GFLOP/s",
    "share",
    "dB to fp32",
    "delegated / operators",
    "eager / this",
)


def by_threads(records: Sequence[Record]) -> dict[int, list[Record]]:
    """Records of this kind of computer, by threads; within one number in the order of ``ORDER``."""
    hosts = [one for one in records if one["kind"] == "host"]
    counts = sorted({int(one["runtime"]["threads"]) for one in hosts})
    return {
        count: sorted(
            (one for one in hosts if one["runtime"]["threads"] == count), key=lambda one: ORDER.index(one["candidate"]["family"])
        )
        for count in counts
    }


def eager_of(rows: Sequence[Record]) -> dict[float, float]:
    """Median of eager PyTorch by picture size."""
    return {
        one["artifact"]["size"]: one["times_ms"]["p50"]
        for one in rows
        if one["artifact"]["name"].startswith("eager PyTorch") and "bare" not in one["artifact"]["name"]
    }


def _median(one: Record) -> float:
    return float(one["times_ms"]["p50"])


def processor_ms(one: Record) -> float:
    """Median processor time of a run, all threads together."""
    return float(statistics.median(ms for ms in one["processor_ms"] if ms is not None))


def latency_cells(one: Record, eager: float | None) -> list[str]:
    """One record under ``LATENCY_HEADS``."""
    times, work, memory, fidelity = one["times_ms"], one["work"], one["memory_mb"], one["fidelity"]
    operators = one["artifact"]["operators"]
    peak = max(memory["load_peak"], memory["steady_peak"]) - memory["before"]
    return [
        one["artifact"]["name"],
        _text(one["artifact"]["bytes"], lambda n: f"{n / 1e6:.2f}"),
        f"{times['p50']:.2f}",
        f"{processor_ms(one):.2f}",
        f"{times['p90']:.2f}",
        f"{times['p99']:.2f}",
        f"{times['last_tenth'] / times['first_tenth']:.2f}",
        f"{times['load']:.0f}",
        f"{times['first']:.1f}",
        f"{max(peak, 0):.0f}",
        _text(work["macs"], lambda n: f"{n / 1e9:.2f}"),
        _text(work["gflops"], lambda n: f"{n:.0f}"),
        _text(work["share"], lambda n: f"{100 * n:.0f} %"),
        "" if fidelity is None else _text(fidelity["hole_psnr_db"], lambda n: f"{n:.1f}", "equal"),
        "" if operators["total"] is None else f"{operators['delegated']:g} / {operators['total']:g}",
        "" if eager is None or one["candidate"]["family"] == "convolution" else f"{eager / times['p50']:.2f}",
    ]


def _text(value: float | None, write: Any, empty: str = "") -> str:  # noqa: ANN401 - a lambda over float
    return empty if value is None else str(write(value))


README_HEADS = ("ms for one picture, 256x256, median", "MB", "GMACs", "share of best convolution", "MB of memory")


def readme_table(records: Sequence[Record]) -> str:
    """README's table in Markdown, and the line that says where it comes from.

    Raises:
        ValueError: no record of ``latency``.
    """
    groups = by_threads(records)
    if not groups:
        raise ValueError("no records of `benchmarks latency` among these; README's table is made of them")
    first, counts = next(iter(groups.values())), list(groups)
    busy = first[0]["host"]["busy"]
    if busy:  # what can be said then is processor time on one thread
        counts = [count for count in counts if count == 1]
        if not counts:
            raise ValueError("the host was busy and there are no records of one thread: nothing that README could say")
    shown = processor_ms if busy else _median
    medians = {(one["artifact"]["name"], count): shown(one) for count in counts for one in groups[count]}
    unit = ", processor time" if busy else ""
    heads = [README_HEADS[0], *(f"{count} thread{'s' if count > 1 else ''}{unit}" for count in counts), *README_HEADS[1:]]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in first:
        if one["candidate"]["family"] == "convolution":
            continue
        name, work = one["artifact"]["name"], one["work"]
        cells = [
            f"`{name}`" if one["candidate"]["family"] == "artefact" else name,
            *(_text(medians.get((name, count)), lambda n: f"{n:.1f}") for count in counts),
            _text(one["artifact"]["bytes"], lambda n: f"{n / 1e6:.2f}"),
            _text(work["macs"], lambda n: f"{n / 1e9:.2f}"),
            _text(work["share"], lambda n: f"{100 * n:.0f} %"),
            f"{max(one['memory_mb']['load_peak'], one['memory_mb']['steady_peak']) - one['memory_mb']['before']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", origin(first[0])])


def origin(one: Record) -> str:
    """Where records come from, in a sentence or two."""
    host, run = one["host"], one["run"]
    warning = " **Other work was running on the host: this is processor time, longer than on an idle one, and no latency.**"
    state = warning if host["busy"] else ""
    commit = f", commit {run['commit'][:10]}{' with changes' if run['changed'] else ''}" if run["commit"] else ""
    return (
        f"`python -m benchmarks latency`, {max(len(one['rounds_ms']), 1)} interleaved rounds, a process for each candidate; "
        f"{host['cpu']}, {host['cores']:g} cores ({' '.join(host['cpu_flags'])}), {host['system']}, "
        f"ONNX Runtime {host['versions'].get('onnxruntime', '?')}, PyTorch {host['versions'].get('torch', '?')}{commit}.{state}"
    )
