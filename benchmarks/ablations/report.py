"""The table of what has been run, as text, as Markdown and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.ablations.claims import CLAIMS, CRITICS, DETAIL, DISTANCE, GENERATORS, MISSING, PSNR, design_of_critics
from benchmarks.ablations.measure import LATTICE
from models.system.text_table import table

COLUMNS = {
    # figure                     title           format
    PSNR: ("hole PSNR dB", "{:.2f}"),
    DISTANCE: ("SqueezeNet", "{:.3f}"),
    DETAIL: ("detail", "{:.3f}"),
    LATTICE: ("lattice", "{:.2f}"),
    "lattice_2_share_ratio": ("period 2", "{:.2f}"),
    "lattice_4_share_ratio": ("period 4", "{:.2f}"),
    "lattice_8_share_ratio": ("period 8", "{:.2f}"),
}
"""A cell is the mean over seeds and, where there are several, the least and the largest of them."""


def by_row(records: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, float]]]:
    """Figures of each row's seeds, rows in the order of the records."""
    found: dict[str, list[dict[str, float]]] = {}
    for record in records:
        found.setdefault(record["row"], []).append(record["figures"])
    return found


def cells(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Titles and lines of the table; columns that no run has are left out."""
    rows = by_row(records)
    shown = {name: column for name, column in COLUMNS.items() if any(name in s for seeds in rows.values() for s in seeds)}
    lines = [[row, str(len(seeds)), *(_cell(seeds, *pair) for pair in shown.items())] for row, seeds in rows.items()]
    return ["", "seeds", *(title for title, _ in shown.values())], lines


def _cell(seeds: Sequence[Mapping[str, float]], name: str, column: tuple[str, str]) -> str:
    values = [seed[name] for seed in seeds if name in seed]
    if not values:
        return "-"
    show = column[1].format
    mean = show(sum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} [{show(min(values))}, {show(max(values))}]"


def verdicts(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(takeaway, verdict, figures behind it) of all nine."""
    rows = by_row(records)

    def qualified(verdict: str, names: Iterable[str]) -> str:
        once = verdict != MISSING and min(len(rows[name]) for name in names) < 2
        return f"{verdict} by one seed" if once else verdict

    found = []
    for claim in CLAIMS:
        names = [name for one in claim.comparisons for name in (one.more, one.less)]
        figures = "; ".join(one.text(rows) for one in claim.comparisons)
        found.append((claim.says, qualified(claim.verdict(rows), names), figures))
    verdict, figures = design_of_critics(rows)
    names = [*CRITICS, *(name for pair in GENERATORS for name in pair)]
    found.insert(1, ("The results depend more on the design of the discriminators", qualified(verdict, names), figures))
    return found


def text(records: Sequence[Mapping[str, Any]]) -> str:
    """For people, on stdout."""
    titles, lines = cells(records)
    return "\n".join([table(titles, lines), "", *(f"{verdict}: {says} ({why})" for says, verdict, why in verdicts(records))])


def markdown(records: Sequence[Mapping[str, Any]], setting: Mapping[str, Any], command: str, host: str) -> str:
    """A page of docs/results."""
    titles, lines = cells(records)
    crops = setting["steps"] * setting["batch"]
    start = f"all from the weights {setting['init']}" if setting["init"] else "all from random weights"
    seeds = max(len(found) for found in by_row(records).values())
    grid = [_line(titles), _line(["---"] * len(titles)), *map(_line, lines)]
    claims = [_line(["takeaway", "verdict", "figures"]), _line(["---"] * 3), *(_line(list(row)) for row in verdicts(records))]
    return "\n".join(
        [
            "# Ablations",
            "",
            "What the mask, the critics, the wavelets and the losses each are worth, at equal budgets. Written by",
            "",
            "```sh",
            command,
            "```",
            "",
            f"Each run: {setting['spec']}, {setting['steps']} steps of {setting['batch']} crops of {setting['size']} pixels "
            f"({crops:,} crops), "
            f"{start}; adversarial weight 0.2 in all, L1 in the hole 1. Measured on {setting['count']} photos that were not in "
            f"training. Host: {host}.",
            "",
            f"{_spread(seeds)} Detail and lattice: the photos have 1. Lattice is the largest share of energy at periods 2, 4 "
            "and 8. The first row is what all others are changed from.",
            "",
            *grid,
            "",
            "## The talk's takeaways",
            "",
            "Confirmed: every seed of the row that is said to have more is above every seed of the other one, in all figures "
            "named. Contradicted: the other way round in one of them. Undecided: the ranges overlap. By one seed: there is "
            "no range to overlap, and another seed may say otherwise.",
            "",
            *claims,
            "",
        ]
    )


def _spread(seeds: int) -> str:
    if seeds == 1:
        return "One seed so far, so nothing is known of the spread."
    return (
        f"Mean over at most {seeds} seeds; in brackets the least and the largest, which is a range and no confidence interval: "
        "differences inside it mean nothing."
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
