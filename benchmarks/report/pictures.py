"""Pictures of the report as SVG text: they scale, follow light and dark, and need no file beside them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW, LEFT = 720, 26, 250


@dataclass(frozen=True)
class Bar:
    """One candidate in :func:`bars`.

    Attributes:
        name: as it is written beside the bar.
        low, middle, high: minimum, median and 90th percentile, in milliseconds.
        family: class of its colour.
    """

    name: str
    low: float
    middle: float
    high: float
    family: str


@dataclass(frozen=True)
class Point:
    """One thing in :func:`pareto`: milliseconds, a quality of which less is better, bytes."""

    name: str
    ms: float
    quality: float
    bytes: float | None
    family: str


def bars(rows: Sequence[Bar], title: str) -> str:
    """Medians as bars on a logarithmic axis, with a line from the minimum to the 90th percentile."""
    least, most = min(row.low for row in rows) / 1.3, max(row.high for row in rows) * 1.8
    height = ROW * len(rows) + 40
    across = _logarithmic(least, most, LEFT, WIDTH - 20)
    parts = [_axis(across, least, most, height - 28, "ms")]
    for i, row in enumerate(rows):
        y = ROW * i + 14
        parts.append(f'<text x="{LEFT - 8}" y="{y + 5}" text-anchor="end">{escape(row.name)}</text>')
        parts.append(
            f'<rect class="{escape(row.family)}" x="{LEFT}" y="{y - 8}" width="{across(row.middle) - LEFT:.1f}" height="16"/>'
        )
        parts.append(f'<line class="range" x1="{across(row.low):.1f}" x2="{across(row.high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="value" x="{across(row.high) + 6:.1f}" y="{y + 5}">{_short(row.middle)}</text>')
    return _svg(height, title, parts)


def pareto(points: Sequence[Point], title: str, quality: str) -> str:
    """Quality over milliseconds; a line joins what nothing else beats in both."""
    height, top, bottom = 420, 20, 370
    least, most = min(p.ms for p in points) / 1.5, max(p.ms for p in points) * 2.2
    low, high = min(p.quality for p in points), max(p.quality for p in points)
    margin = 0.12 * (high - low or abs(high) or 1)
    low, high = low - margin, high + margin
    across = _logarithmic(least, most, 60, WIDTH - 20)

    def up(value: float) -> float:
        return top + (value - low) / (high - low) * (bottom - top)

    parts = [_axis(across, least, most, bottom, "ms, network or method alone, one thread", top)]
    for i in range(5):
        value = low + (high - low) * i / 4
        parts.append(f'<text class="tick" x="54" y="{up(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
        parts.append(f'<line class="grid" x1="60" x2="{WIDTH - 20}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>')
    parts.append(f'<text class="tick" x="64" y="{top - 6}">{escape(quality)}, less is better, drawn upwards</text>')
    front = sorted((p for p in points if not any(_beats(other, p) for other in points)), key=lambda p: p.ms)
    line = " ".join(f"{across(p.ms):.1f},{up(p.quality):.1f}" for p in front)
    parts.append(f'<polyline class="front" points="{line}"/>')
    taken: list[tuple[float, float]] = []
    for p in sorted(points, key=lambda p: p.ms):
        x, y = across(p.ms), up(p.quality)
        radius = 4 + (0 if p.bytes is None else 2 * math.log10(1 + p.bytes / 1e6))
        parts.append(f'<circle class="{escape(p.family)}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>')
        at = y + 4
        while any(abs(at - other) < 14 and abs(x - where) < 230 for where, other in taken):
            at += 14
        taken.append((x, at))
        end, shift = ("end", -radius - 5) if x > WIDTH - 240 else ("start", radius + 5)
        parts.append(f'<text x="{x + shift:.1f}" y="{at:.1f}" text-anchor="{end}">{escape(p.name)}</text>')
    return _svg(height, title, parts)


def _beats(other: Point, p: Point) -> bool:
    """No worse in both, better in one."""
    return other.ms <= p.ms and other.quality <= p.quality and (other.ms, other.quality) != (p.ms, p.quality)


def _logarithmic(least: float, most: float, left: float, right: float) -> Callable[[float], float]:
    def across(value: float) -> float:
        return left + (math.log(value) - math.log(least)) / (math.log(most) - math.log(least)) * (right - left)

    return across


def _axis(across: Callable[[float], float], least: float, most: float, y: float, unit: str, top: float = 2) -> str:
    """A line for each 1, 2 and 5 of a power of ten."""
    parts = []
    for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        for step in (1, 2, 5):
            value = step * 10.0**power
            if least <= value <= most:
                x = across(value)
                parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{y}"/>')
                parts.append(f'<text class="tick" x="{x:.1f}" y="{y + 15}" text-anchor="middle">{_short(value)}</text>')
    parts.append(f'<text class="tick" x="{WIDTH - 20}" y="{y + 30}" text-anchor="end">{escape(unit)}</text>')
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + 12}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
