"""Records of a run: what was measured of each candidate, with what it was measured on."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.latency.candidates import CONVOLUTION, Candidate
from benchmarks.latency.rounds import WARM_UPS, Measured
from benchmarks.latency.statistics import describe
from benchmarks.records.schema import SCHEMA, check

FEWEST = 3
"""Rounds below which nothing is said of a candidate."""

NUMBERS_OF = {"w8": "fp32", "w8a16": "fp32", "w8a8": "u8s8"}
"""Scheme -> numbers of the convolution that it is compared with; all others compute in fp32 on a processor of a computer."""


def records(
    candidates: Sequence[Candidate],
    measured: Mapping[str, Measured],
    *,
    threads: int,
    host: Mapping[str, Any],
    run: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One record for each candidate of which enough was measured, in the order given.

    Args:
        candidates: who took part.
        measured: what is known of each, by name.
        threads: of each.
        host: part ``host``.
        run: part ``run``.
    """
    known = [one for one in candidates if len(measured[one.name].times) >= FEWEST]
    best: dict[str, float] = {}
    for one in known:
        if one.family == CONVOLUTION and one.macs:
            numbers = str(one.artifact["scheme"])
            best[numbers] = max(best.get(numbers, 0.0), _gflops(one, measured[one.name], threads) or 0.0)
    return [check(_record(one, measured[one.name], best, threads, dict(host), dict(run))) for one in known]


def _record(
    one: Candidate, measured: Measured, best: Mapping[str, float], threads: int, host: dict[str, Any], run: dict[str, Any]
) -> dict[str, Any]:
    rate = _gflops(one, measured, threads)
    scheme = one.artifact["scheme"]
    ceiling = best.get(NUMBERS_OF.get(scheme, scheme or "fp32")) if one.runtime[0] == "onnxruntime" else None
    if ceiling is None and scheme == "fp16" and one.runtime[0] == "onnxruntime":
        ceiling = best.get("fp32")  # no half precision on x86: ONNX Runtime widens
    profile = measured.profile
    return {
        "schema": SCHEMA,
        "kind": "host",
        "candidate": {"family": one.family, "note": one.note},
        "artifact": {
            **one.artifact,
            "operators": {"total": profile.get("total"), "delegated": profile.get("delegated")},
        },
        "runtime": {"name": one.runtime[0], "version": one.version, "provider": one.runtime[1], "threads": threads},
        "host": host,
        "times_ms": {
            "load": measured.load["load_ms"],
            "first": measured.load["first_ms"],
            "warm_ups": WARM_UPS,
            **describe(measured.times),
        },
        "rounds_ms": [None if ms is None else round(ms, 4) for ms in measured.rounds],
        "processor_ms": [None if ms is None else round(ms, 4) for ms in measured.processor],
        "memory_mb": {**measured.load["memory_mb"], "steady_peak": measured.steady_peak_mb},
        "work": {
            "macs": one.macs,
            "gflops": rate,
            "best_convolution_gflops": ceiling,
            "share": rate / ceiling if rate and ceiling else None,
        },
        "profile": {key: profile[key] for key in ("costliest", "float_islands")} if profile else None,
        "fidelity": measured.fidelity,
        "run": run,
    }


def _gflops(one: Candidate, measured: Measured, threads: int) -> float | None:
    """10^9 operations in a second, two for each multiply-accumulate, at the median.

    On one thread of processor time: on a busy host a run of some milliseconds ends before its core is taken away, a longer one
    waits, and seconds would flatter the shorter. On several threads there is no such measure, because waiting threads spin.
    """
    times = measured.times if threads > 1 else [ms for ms in measured.processor if ms is not None]
    return None if one.macs is None else 2 * one.macs / statistics.median(times) / 1e6
