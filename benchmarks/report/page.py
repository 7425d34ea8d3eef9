"""The page: HTML with everything inside, light or dark as the reader has it, tables that scroll by themselves on a phone."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.report.bars import Verdict
from benchmarks.report.devices import commands, devices, ratios
from benchmarks.report.html_table import html_table
from benchmarks.report.pictures import Bar, bars
from benchmarks.report.quality import quality
from benchmarks.report.rows import LATENCY_HEADS, by_threads, eager_of, latency_cells, origin

Record = Mapping[str, Any]
Evaluation = Mapping[str, Any]

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c1c1c;--soft:#666;--line:#ddd;--ours:#0a6e4f;--reference:#8a6d00;
--other:#7a4b9a;--classical:#3a6ea5;--good:#0a6e4f;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e8e8e8;--soft:#a0a0a0;--line:#3a3d42;--ours:#4cc38a;
--reference:#e2c044;--other:#c39be0;--classical:#7fb0e6;--good:#4cc38a;--bad:#ff8a80}}
body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}p{max-width:48rem}.soft,caption{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--paper)}th{vertical-align:bottom;white-space:normal}
@media(max-width:600px){th:first-child,td:first-child{min-width:36vw;max-width:36vw;white-space:normal;overflow-wrap:break-word}
.words td{min-width:5.5rem}}
.words td{white-space:normal;text-align:left}.yes{color:var(--good)}.no{color:var(--bad);font-weight:600}
svg{display:block;width:100%;min-width:560px;max-width:820px;font-size:12px;fill:var(--ink)}
svg .artefact{fill:var(--ours)}svg .reference{fill:var(--reference)}svg .stand-in,svg .peer{fill:var(--other)}
svg .classical{fill:var(--classical)}
svg .grid{stroke:var(--line)}svg .tick{fill:var(--soft);font-size:11px}svg .range{stroke:var(--ink);stroke-width:1.5}
svg .front{fill:none;stroke:var(--ours);stroke-dasharray:4 3}summary{cursor:pointer}details{margin:.3rem 0}
"""


def page(records: Sequence[Record], evaluation: Evaluation | None, found: Sequence[Verdict]) -> str:
    """The whole report.

    Args:
        records: of any kinds, the newest of each thing.
        evaluation: JSON of ``benchmarks quality``; None for a report without quality.
        found: the promises.
    """
    groups = by_threads(records)
    parts = [
        "<h1>wavefill: benchmarks</h1>",
        *(f'<p class="soft">{_rich(origin(rows[0]))}</p>' for rows in list(groups.values())[:1]),
    ]
    parts += ["<h2>What was promised</h2>", _verdicts(found)]
    parts += quality(groups.get(1) or next(iter(groups.values()), []), evaluation)
    for threads, rows in groups.items():
        parts += _latency(threads, rows)
    parts += _operators(groups.get(1) or next(iter(groups.values()), []))
    parts += commands(records)
    parts += ratios(records)
    parts += devices(records)
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>wavefill: benchmarks</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _verdicts(found: Sequence[Verdict]) -> str:
    marks = {True: '<td class="yes">met</td>', False: '<td class="no">not met</td>', None: '<td class="soft">not measured</td>'}
    rows = "".join(
        f"<tr><td>{escape(one.what)}</td><td>{escape(one.bar)}</td><td>{escape(one.found)}</td>{marks[one.met]}"
        f"<td><code>benchmarks {escape(one.command)}</code></td></tr>"
        for one in found
    )
    heads = "".join(f"<th>{head}</th>" for head in ("what", "promised", "found", "", "measured by"))
    return f'<div class="wide"><table class="words"><tr>{heads}</tr>{rows}</table></div>'


def _latency(threads: int, rows: Sequence[Record]) -> list[str]:
    eager = eager_of(rows)
    shown = [
        Bar(
            one["artifact"]["name"],
            one["times_ms"]["min"],
            one["times_ms"]["p50"],
            one["times_ms"]["p90"],
            one["candidate"]["family"],
        )
        for one in rows
        if one["candidate"]["family"] != "convolution"
    ]
    cells = [latency_cells(one, eager.get(one["artifact"]["size"])) for one in rows]
    title = f"{threads} thread{'s' if threads > 1 else ''}"
    picture = f'<div class="wide">{bars(shown, f"milliseconds on {title}")}</div>' if shown else ""
    notes = sorted({one["candidate"]["note"] for one in rows if one["candidate"]["note"]})
    return [
        f"<h2>Latency, {title}</h2>",
        picture,
        '<p class="soft">Bars are medians, lines reach from the minimum to the 90th percentile.'
        " Memory is what loading and running add to a process that has imported the runtime.</p>",
        f'<div class="wide">{html_table(LATENCY_HEADS, cells)}</div>',
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
    ]


def _operators(rows: Sequence[Record]) -> list[str]:
    known = [one for one in rows if one["profile"] and one["candidate"]["family"] in ("artefact", "stand-in", "peer")]
    if not known:
        return []
    made = ["<h2>Where the time goes</h2>"]
    for one in known:
        profile = one["profile"]
        islands = profile["float_islands"]
        said = "" if islands is None else f", {len(islands)} float islands{': ' + escape(', '.join(islands)) if islands else ''}"
        table = html_table(
            ["operator", "kind", "share"],
            [[cost["name"], cost["kind"], f"{100 * cost['share']:.1f} %"] for cost in profile["costliest"]],
        )
        inside = f'<div class="wide">{table}</div>' if profile["costliest"] else "<p>its runtime tells no times of operators</p>"
        made.append(f"<details><summary>{escape(one['artifact']['name'])}{said}</summary>{inside}</details>")
    return made


def _rich(text: str) -> str:
    """Markdown's code and bold, which README's sentence has."""
    pieces = escape(text).split("`")
    joined = "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
    bold = joined.split("**")
    return "".join(f"<strong>{piece}</strong>" if i % 2 else piece for i, piece in enumerate(bold))
