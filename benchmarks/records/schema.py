"""The one schema of records: what a measurement on one device says, whoever took it.

| kind | taken by | on |
|---|---|---|
| ``host`` | ``benchmarks latency`` | the computer that runs it |
| ``page`` | ``benchmarks phone`` | the device whose browser opened the page |
| ``android`` | ``benchmarks adb`` | a connected phone |
| ``emulated`` | ``benchmarks arm`` | an emulated processor: instructions, no time |
| ``command`` | ``benchmarks startup`` | the computer that runs it: a whole command, from its start to its end |
| ``ratio`` | ``benchmarks teacher`` | the computer that runs it: how often one thing fits into another |

A record is checked field by field when it is read: others may have written it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

SCHEMA = "wavefill-record-1"

LONGEST = 400
"""Characters of a text."""

MOST_ENTRIES = 100_000
"""Entries of a list: rounds of a long run."""

Check = Callable[[object, str], None]
"""Raises ``ValueError`` naming the field where a value is not allowed."""


def number(value: object, where: str) -> None:
    """A finite number from 0 on."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    _require(good, where, "a number from 0 on")


def text(value: object, where: str) -> None:
    """A text of at most ``LONGEST`` characters."""
    _require(isinstance(value, str) and len(value) <= LONGEST, where, "a short text")


def flag(value: object, where: str) -> None:
    """true or false."""
    _require(isinstance(value, bool), where, "true or false")


def maybe(check: Check) -> Check:
    """The same, or null: not every device tells everything."""
    return lambda value, where: None if value is None else check(value, where)


def many(check: Check) -> Check:
    """A list."""

    def checked(value: object, where: str) -> None:
        _require(isinstance(value, list) and len(value) <= MOST_ENTRIES, where, "a list")
        for i, one in enumerate(value):  # type: ignore[var-annotated,arg-type]
            check(one, f"{where}[{i}]")

    return checked


def by_name(check: Check) -> Check:
    """An object with keys of any name."""

    def checked(value: object, where: str) -> None:
        _require(isinstance(value, dict) and len(value) <= MOST_ENTRIES, where, "an object")
        for key, one in value.items():  # type: ignore[attr-defined]
            text(key, where)
            check(one, f"{where}.{key}")

    return checked


def fields(**checks: Check) -> Check:
    """An object with exactly these keys."""

    def checked(value: object, where: str) -> None:
        _require(isinstance(value, dict) and value.keys() == checks.keys(), where, ", ".join(sorted(checks)))
        for key, check in checks.items():
            check(value[key], f"{where}.{key}" if where else key)  # type: ignore[index]

    return checked


ARTEFACT = fields(
    name=text,
    scheme=maybe(text),
    size=number,
    bytes=maybe(number),
    sha256=maybe(text),
    checkpoint_sha256=maybe(text),
    operators=fields(total=maybe(number), delegated=maybe(number)),
)
"""``operators``: of the file, and how many of them a delegate or an accelerator took; null where there is no graph to count."""

RUNTIME = fields(name=text, version=text, provider=text, threads=number)

TIMES = fields(
    **dict.fromkeys(("load", "first", "warm_ups", "runs", "min", "p50", "p90", "p99", "first_tenth", "last_tenth"), number)
)
"""Milliseconds, but for the two counts. ``first_tenth`` and ``last_tenth`` are means: they part where a device gets hot."""

GOLDEN = fields(max_level_difference=number, differing_share=number, hole_psnr_db=maybe(number), same=flag)
"""One result against that of the same file on a computer; no PSNR where they are equal."""

CANDIDATE = fields(family=text, note=maybe(text))
"""``family``: artefact, reference, stand-in, peer, classical or convolution."""

FIDELITY = fields(hole_psnr_db=maybe(number), max_level_difference=number, kept_max_difference=maybe(number))
"""Against eager PyTorch in fp32 on the probes of the parity check; ``kept_max_difference``: where the mask says keep."""

PROFILE = fields(
    costliest=many(fields(name=text, kind=text, share=number)),
    float_islands=maybe(many(text)),
)
"""``costliest``: the ten operators that take most time. ``float_islands``: what a quantised graph computes in float between its
first integers and its last; null for a graph without integers."""

RUN = fields(id=text, started=text, commit=maybe(text), changed=maybe(flag))
"""``changed``: whether the checkout held changes that no commit has."""

HOST = fields(
    cpu=text,
    cpu_flags=many(text),
    cores=number,
    load_1min=number,
    governor=maybe(text),
    system=text,
    python=text,
    versions=by_name(text),
    busy=flag,
)

KINDS: Mapping[str, Check] = {
    "host": fields(
        schema=text,
        kind=text,
        candidate=CANDIDATE,
        artifact=ARTEFACT,
        runtime=RUNTIME,
        host=HOST,
        times_ms=TIMES,
        rounds_ms=many(maybe(number)),
        processor_ms=many(maybe(number)),
        memory_mb=fields(before=number, load_peak=number, steady_peak=number),
        work=fields(macs=maybe(number), gflops=maybe(number), best_convolution_gflops=maybe(number), share=maybe(number)),
        profile=maybe(PROFILE),
        fidelity=maybe(FIDELITY),
        run=RUN,
    ),
    "page": fields(
        schema=text,
        kind=text,
        artifact=ARTEFACT,
        runtime=RUNTIME,
        host=fields(user_agent=text, cores=number, memory_gb=maybe(number), cross_origin_isolated=flag),
        times_ms=TIMES,
        golden=GOLDEN,
        received=text,
    ),
    "android": fields(
        schema=text,
        kind=text,
        artifact=ARTEFACT,
        runtime=RUNTIME,
        host=fields(
            model=text,
            soc=text,
            abi=text,
            system=text,
            cores=number,
            governors=many(text),
            thermal_before=maybe(number),
            thermal_after=maybe(number),
            throttled=maybe(flag),
        ),
        times_ms=TIMES,
        memory_mb=fields(load_peak=maybe(number), steady_peak=maybe(number)),
        golden=GOLDEN,
        run=RUN,
    ),
    "emulated": fields(
        schema=text,
        kind=text,
        artifact=ARTEFACT,
        runtime=RUNTIME,
        host=fields(core=text, emulator=text),
        instructions=fields(per_run=number),
        run=RUN,
    ),
    "command": fields(
        schema=text,
        kind=text,
        command=fields(line=text, bar_s=number),
        host=HOST,
        times_s=fields(runs=number, min=number, p50=number, max=number, cpu_p50=number),
        run=RUN,
    ),
    "ratio": fields(
        schema=text,
        kind=text,
        ratio=fields(name=text, value=number, bar=number, parts=by_name(number)),
        artifact=ARTEFACT,
        runtime=RUNTIME,
        host=HOST,
        run=RUN,
    ),
}
"""``artifact`` and ``runtime`` of a ratio are those of what fits into the other. ``processor_ms``: of all threads, by round, as
``rounds_ms``. ``cpu_p50``: seconds of processor time, which other work moves less. ``thermal_*``: Android's thermal status, 0
none to 6 shutdown."""


def check(record: object) -> dict[str, Any]:
    """The same record, if it is one.

    Raises:
        ValueError: another schema or kind; a field that is missing, unknown or of another type.
    """
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise ValueError(f"schema: {SCHEMA} is expected, this is {str(found)[:40]!r}")
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind: {', '.join(KINDS)} are known, this is {str(kind)[:40]!r}")
    KINDS[kind](record, "")
    return record


def _require(condition: bool, where: str, what: str) -> None:
    if not condition:
        raise ValueError(f"{where or 'fields'}: {what} expected")
