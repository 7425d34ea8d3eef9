"""``python -m export list``: the support matrix, from the tables BACKENDS and SCHEMES."""

import argparse
import json

from export.backends import BACKENDS
from models.system.errors import OK, Parser
from models.system.text_table import table
from quantize.schemes import SCHEMES


def add_arguments(parser: Parser) -> None:
    """Options of ``list``."""
    parser.epilog = "examples:\n  python -m export list\n  python -m export list --json\n"
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Print every backend and scheme with what can be done here, and why not."""
    rows = []
    for backend in BACKENDS.values():
        convert, run_reason = (backend.unavailable(action) for action in ("convert", "run"))
        rows += [
            {
                "backend": backend.name,
                "scheme": scheme.name,
                "weight_bits": scheme.weight_bits,
                "convert": convert is None and lacking is None,
                "run": run_reason is None and lacking is None,
                "reason": "; ".join(reason for reason in dict.fromkeys((convert, run_reason, lacking)) if reason),
                "minimum_target": backend.later_targets.get(scheme.name, backend.minimum_target),
            }
            for scheme in SCHEMES.values()
            for lacking in [backend.unsupported(scheme)]
        ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return OK
    heads = ["backend", "scheme", "weight bits", "convert here", "run here", "minimum target", "why not"]
    keys = ["backend", "scheme", "weight_bits", "convert", "run", "minimum_target", "reason"]
    print(table(heads, [[_cell(row[key]) for key in keys] for row in rows]))
    return OK


def _cell(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
