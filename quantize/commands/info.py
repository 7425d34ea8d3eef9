"""``python -m quantize info``: a table for people."""

import argparse
import json
from pathlib import Path

from models.system.errors import OK, Parser

EXAMPLES = ("python -m quantize info", "python -m quantize info mine.calibration.json --json")


def add_arguments(parser: Parser) -> None:
    """Options of ``info``."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="calibration (default: the shipped one)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print where a calibration comes from, and for each tensor scale, zero point and range."""
    from models.checkpoint import SHIPPED
    from models.system import text_table
    from quantize.affine import WEIGHT_MAX
    from quantize.table import QuantizationTable, calibration_path

    table = QuantizationTable.load(arguments.file or calibration_path(SHIPPED))
    if arguments.json:
        print(json.dumps({**table.table(), "sha256": table.sha256(), "provenance": table.provenance}, sort_keys=True))
        return OK
    summary = {key: value for key, value in table.provenance.items() if not isinstance(value, list | dict)}
    print(f"{table.spec} {table.scheme}, checkpoint {table.checkpoint_sha256[:12]}, table {table.sha256()[:12]}")
    print(", ".join(f"{key} {value}" for key, value in sorted(summary.items())))
    rows = [
        [name, f"{row.scale:.6g}", f"{row.zero_point}", *(f"{end:.4f}" for end in row.range)]
        for name, row in sorted(table.activations.items())
    ]
    for name, weight in sorted(table.weights.items()):
        high = WEIGHT_MAX * max(weight.scales)
        rows.append([name, f"{len(weight.scales)} scales", "0", f"{-high:.4f}", f"{high:.4f}"])
    print(text_table.table(["tensor", "scale", "zero point", "low", "high"], rows, right=[False, True, True, True, True]))
    return OK
