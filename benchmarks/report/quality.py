"""The section on quality beside latency: one picture, and one row for each method of an evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.html_table import html_table
from benchmarks.report.pictures import Point, pareto

Record = Mapping[str, Any]
Evaluation = Mapping[str, Any]


COLUMNS = {
    # figure of an evaluation    title
    "hole_psnr_db": "hole PSNR to the photo, dB",
    "detail_ratio": "detail",
    "lattice_8_share_ratio": "lattice 8",
}
"""What an evaluation says of each method, if it was measured; a perceptual distance comes second."""


def quality(rows: Sequence[Record], evaluation: Evaluation | None) -> list[str]:
    """The section, as HTML; nothing without an evaluation.

    Args:
        rows: records of ``latency`` on one number of threads.
        evaluation: JSON of ``benchmarks quality``.
    """
    if evaluation is None:
        return []
    methods = evaluation["methods"]
    record_of = {name: one for one in rows if (name := _method(one, methods)) is not None}
    any_method = next(iter(methods.values()))
    distance = next((key for key in any_method if key.endswith("distance")), None)
    points = [
        Point(
            one["artifact"]["name"],
            one["times_ms"]["p50"],
            methods[name][distance] if distance else -methods[name]["hole_psnr_db"],
            one["artifact"]["bytes"],
            one["candidate"]["family"],
        )
        for name, one in record_of.items()
    ]
    titles = {key: title for key, title in COLUMNS.items() if key in any_method}
    if distance:
        titles[distance] = distance.replace("_", " ")
    cells = [
        [name, *_latency_cells(record_of.get(name)), *(f"{figures[key]:.3f}" for key in titles)]
        for name, figures in methods.items()
    ]
    made = [f"<h2>Quality beside latency</h2><p class='soft'>{evaluation.get('images') or evaluation.get('pictures')} photos</p>"]
    if len(points) > 1:
        words = distance.replace("_", " ") if distance else "hole PSNR, dB, negated"
        made.append(f'<div class="wide">{pareto(points, "quality over latency", words)}</div>')
        made.append('<p class="soft">Area: bytes of the file. Dashed: what nothing else beats in both.</p>')
    return [*made, f'<div class="wide">{html_table(["", *LATENCY, *titles.values()], cells)}</div>']


LATENCY = ("median ms", "MB", "hole PSNR to fp32, dB", "levels by which kept pixels differ")


def _latency_cells(one: Record | None) -> list[str]:
    """What ``latency`` measured of a method, under ``LATENCY``; empty where it did not."""
    if one is None:
        return [""] * len(LATENCY)
    length, fidelity = one["artifact"]["bytes"], one["fidelity"] or {}
    psnr, kept = fidelity.get("hole_psnr_db"), fidelity.get("kept_max_difference")
    return [
        f"{one['times_ms']['p50']:.2f}",
        "" if length is None else f"{length / 1e6:.2f}",
        "" if not fidelity else "equal" if psnr is None else f"{psnr:.1f}",
        "" if kept is None else f"{kept:g}",
    ]


CLASSICAL = {"OpenCV telea": "telea", "OpenCV navier-stokes": "navier-stokes"}


def _method(one: Record, methods: Mapping[str, Any]) -> str | None:
    """The name under which an evaluation has what a record is about."""
    name = one["artifact"]["name"]
    if name.startswith("eager PyTorch") and "network" in methods:
        return "network"
    candidate = CLASSICAL.get(name, name)
    return candidate if candidate in methods else None
