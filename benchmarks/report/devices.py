"""Sections on what other things than networks here take: whole commands, the teacher, phones, emulated processors."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.report.html_table import html_table

Record = Mapping[str, Any]


def commands(records: Sequence[Record]) -> list[str]:
    """What ``benchmarks startup`` measured: whole commands."""
    found = [one for one in records if one["kind"] == "command"]
    rows = [
        [one["command"]["line"], *(f"{one['times_s'][key]:.2f}" for key in ("p50", "min", "max", "cpu_p50"))] for one in found
    ]
    heads = ["", "median s", "min", "max", "processor s"]
    return ["<h2>Start-up</h2>", f'<div class="wide">{html_table(heads, rows)}</div>'] if rows else []


def ratios(records: Sequence[Record]) -> list[str]:
    """What ``benchmarks teacher`` measured: a ratio, and what it was made from."""
    made = []
    for one in records:
        if one["kind"] == "ratio":
            ratio = one["ratio"]
            student = [f"student: {one['artifact']['name']}", f"{one['runtime']['name']} {one['runtime']['version']}"]
            rows = [
                [ratio["name"], f"{ratio['value']:,.0f}"],
                student,
                *([key, f"{value:g}"] for key, value in ratio["parts"].items()),
            ]
            made += [f"<h2>{escape(ratio['name'])}</h2>", f'<div class="wide">{html_table(["", ""], rows)}</div>']
    return made


def devices(records: Sequence[Record]) -> list[str]:
    """Phones and emulated processors."""
    made = []
    phones = [one for one in records if one["kind"] in ("page", "android")]
    if phones:
        rows = []
        for one in phones:
            times, host = one["times_ms"], one["host"]
            device = host.get("user_agent") or f"{host['model']}, {host['soc']}, {host['system']}"
            result = "the same" if one["golden"]["same"] else "NOT the same"
            rows.append(
                [
                    one["artifact"]["name"],
                    f"{one['runtime']['name']} {one['runtime']['version']} ({one['runtime']['provider']})",
                    f"{one['runtime']['threads']:g}",
                    *(f"{times[key]:.1f}" for key in ("load", "first", "p50", "p90")),
                    f"{times['last_tenth'] / times['first_tenth']:.2f}",
                    _state(host),
                    result,
                    device,
                ]
            )
        heads = [
            "",
            "runtime",
            "threads",
            "load ms",
            "first",
            "median",
            "p90",
            "last / first tenth",
            "state",
            "golden result",
            "device",
        ]
        made += ["<h2>Devices</h2>", f'<div class="wide">{html_table(heads, rows)}</div>']
    emulated = [one for one in records if one["kind"] == "emulated"]
    if emulated:
        rows = [
            [
                one["artifact"]["name"],
                f"{one['runtime']['name']} {one['runtime']['version']}",
                one["host"]["core"],
                f"{one['instructions']['per_run'] / 1e6:.1f}",
            ]
            for one in emulated
        ]
        heads = ["", "runtime", "processor", "million instructions"]
        made += [
            "<h2>ARM, emulated</h2><p class='soft'>A count, not a time.</p>",
            f'<div class="wide">{html_table(heads, rows)}</div>',
        ]
    return made


def _state(host: Mapping[str, Any]) -> str:
    """Governors and thermal status before and after, of a phone on a cable; a browser tells neither."""
    if "governors" not in host:
        return ""
    before, after = ["?" if value is None else f"{value:g}" for value in (host["thermal_before"], host["thermal_after"])]
    return f"{', '.join(host['governors']) or 'no governor told'}; thermal {before} to {after}"
