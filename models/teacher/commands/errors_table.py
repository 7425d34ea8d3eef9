"""``python -m models teacher errors``: the table of docs/teacher.md, every sampler against posteriors known in closed form."""

import argparse
import dataclasses
import json
import sys
from dataclasses import dataclass, field
from functools import partial

from tqdm import tqdm

from models.system.number_arguments import whole
from models.teacher.ground_truth.closed_form import (
    Errors,
    Problem,
    default_schedule,
    draw,
    errors,
    exact_errors,
    field_problem,
    mixture_problem,
    prior_errors,
)
from models.teacher.samplers import SAMPLERS
from models.teacher.schedule import calls

EXAMPLES = """examples:
  python -m models teacher errors
  python -m models teacher errors --problem mixture --json
"""

PROBLEMS = {
    "field": lambda: field_problem(),
    "field-random": lambda: field_problem(random_masks=True),
    "mixture": lambda: mixture_problem(),
    "mixture-random": lambda: mixture_problem(random_masks=True),
}
"""Gaussian field or mixture; the upper half kept, or random pixels."""


@dataclass(frozen=True)
class Case:
    """One line of the table: a sampler, how many steps, and knobs that differ from its defaults."""

    sampler: str
    steps: int = 250
    knobs: dict[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As shown."""
        knobs = " ".join(f"{key}={value}" for key, value in self.knobs.items())
        return f"{self.sampler} {self.steps} steps {knobs}".strip()

    @property
    def calls(self) -> int:
        """Network calls."""
        knobs = {**SAMPLERS[self.sampler].knobs, **self.knobs}
        if "travel_length" not in knobs:
            return self.steps
        return calls(default_schedule(self.steps).travel(int(str(knobs["travel_length"])), int(str(knobs["travel_repeat"]))))

    def measure(self, problem: Problem, count: int, seed: int = 0) -> Errors:
        """Draw and compare."""
        sample = partial(SAMPLERS[self.sampler].sample, **self.knobs)
        return errors(problem, draw(sample, problem, default_schedule(self.steps), count, seed))


def _travel(repeat: int) -> dict[str, object]:
    return {"travel_length": 1, "travel_repeat": repeat}


CASES = (
    *(Case("repaint", knobs=_travel(repeat)) for repeat in (1, 5, 20)),
    Case("repaint", knobs={"travel_length": 10, "travel_repeat": 10}),
    Case("ddnm"),
    *(Case("ddnm_plus", knobs=_travel(repeat)) for repeat in (1, 5, 20)),
    Case("ddnm_plus", knobs={"travel_length": 10, "travel_repeat": 10}),
    *(Case("mcg", knobs={"alpha": alpha}) for alpha in (0.0, 0.1, 1.0)),
    *(Case("pigdm", steps) for steps in (25, 250, 1000)),
    Case("pigdm", knobs={"weighting": "paper"}),
    *(Case("diffpir", knobs={"zeta": zeta}) for zeta in (0.0, 0.5, 1.0)),
    *(Case("diffpir", steps) for steps in (25, 1000)),
    Case("guided"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--problem", choices=[*PROBLEMS], action="append", help="repeatable (default: all); *-random keeps random pixels"
    )
    # Fewer give no covariance.
    parser.add_argument("--samples", type=whole(32), default=512, metavar="N", help="draws for each of 8 images (default: 512)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def main(args: argparse.Namespace) -> int:
    """Measure and print."""
    names = args.problem or [*PROBLEMS]
    found: dict[str, dict[str, Errors]] = {}
    with tqdm(total=len(names) * len(CASES), desc="errors", unit="case", file=sys.stderr, dynamic_ncols=True) as bar:
        for name in names:
            problem = PROBLEMS[name]()
            rows = {"exact draws": exact_errors(problem, args.samples), "the prior": prior_errors(problem, args.samples)}
            for case in CASES:
                rows[case.label] = case.measure(problem, args.samples)
                bar.update()
            found[name] = rows
    if args.json:
        print(json.dumps({n: {k: dataclasses.asdict(e) for k, e in rows.items()} for n, rows in found.items()}, indent=1))
        return 0
    network_calls = {case.label: case.calls for case in CASES}
    for name, rows in found.items():
        print(f"\n{name}, 8 images, {args.samples} draws each\n")
        print("| sampler | calls | mean | covariance (floor) | shares |\n|---|---|---|---|---|")
        for label, e in rows.items():
            shares = f"{e.shares:.3f}" if name.startswith("mixture") else "-"
            print(f"| {label} | {network_calls.get(label, '-')} | {e.mean:.3f} | {e.covariance:.3f} ({e.floor:.3f}) | {shares} |")
    return 0
