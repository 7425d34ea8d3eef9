"""``python -m quantize {calibrate,info}``."""

import argparse
import json
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.system.errors import Parser


def main(arguments: list[str]) -> int:
    """Run one verb; returns its exit code."""
    # Imported in functions: `models` may be a file of the user's, which the last lines of this file look out for first.
    from models.system.errors import Parser

    parser = Parser(
        prog="python -m quantize",
        description="Find the numbers of the w8a8 scheme once, for all formats and image sizes, and show them.",
        examples=("python -m quantize calibrate --checkpoint mine.safetensors --data photos/train", "python -m quantize info"),
    )
    verbs = parser.add_subparsers(dest="verb", metavar="{calibrate,info}", required=True)
    _add_calibrate(
        verbs.add_parser(
            "calibrate",
            help="make the table of a checkpoint from photos and write it beside it",
            description="Make the table of a checkpoint from photos; prints the path of the file that it wrote.",
            examples=(
                "python -m quantize calibrate --data photos/train --force",
                "python -m quantize calibrate --checkpoint mine.safetensors --data photos/train --count 256 --seed 1",
                "python -m quantize calibrate --data photos/train --rule minmax --out /tmp/minmax.calibration.json",
            ),
        )
    )
    _add_info(
        verbs.add_parser(
            "info",
            help="print a table: tensor, scale, zero point, range",
            description="Print a calibration: where it comes from, and for each tensor scale, zero point and range.",
            examples=("python -m quantize info", "python -m quantize info mine.calibration.json --json"),
        )
    )
    parsed = parser.parse_args(arguments)
    return {"calibrate": _calibrate, "info": _info}[parsed.verb](parsed)


def _add_calibrate(parser: "Parser") -> None:
    from models.system.number_arguments import whole

    # Literals, not the constants of quantize.calibrate: help must not wait for torch. A test keeps them equal.
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of training photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument(
        "--count", type=whole(1), default=128, metavar="N", help="photos, each with a mask of its own (default: 128)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of photos, crops and masks (default: 0)")
    parser.add_argument("--rule", choices=RULES, default="mse", help="how a range is chosen from what was seen (default: mse)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: beside the checkpoint, NAME.calibration.json)"
    )
    parser.add_argument("--force", action="store_true", help="replace the table that is shipped")
    parser.add_argument("--json", action="store_true", help="print path, hash and counts as JSON")


def _add_info(parser: "Parser") -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="calibration (default: the shipped one)")
    parser.add_argument("--json", action="store_true", help="print JSON")


RULES = ("minmax", "percentile", "mse")


def _calibrate(arguments: argparse.Namespace) -> int:
    # Imported here: they take seconds.
    from models.checkpoint import SHIPPED, load_checkpoint, sha256
    from models.photo.images import check_place
    from models.system.errors import OK, note
    from quantize.calibrate import calibrate
    from quantize.table import calibration_path

    checkpoint = arguments.checkpoint or SHIPPED
    out = arguments.out or calibration_path(checkpoint)
    check_place(out)
    if out.resolve() == calibration_path(SHIPPED).resolve():
        if arguments.count < 128:
            raise ValueError(f"--count {arguments.count}: {out} is the table that is shipped, it needs 128 or more")
        if out.exists() and not arguments.force:
            raise ValueError(f"{out}: is the table that is shipped; replace it with --force, or write elsewhere with --out")
    elif arguments.count < 128:
        note(f"{arguments.count} photos are fine for a trial; 128 or more are needed for a table that is shipped")
    generator = load_checkpoint(checkpoint)
    table = calibrate(
        generator, sha256(checkpoint), arguments.data, count=arguments.count, seed=arguments.seed, rule=arguments.rule
    )
    table.save(out)
    summary = {"path": str(out), "sha256": table.sha256(), "activations": len(table.activations), "weights": len(table.weights)}
    print(json.dumps(summary) if arguments.json else out)
    return OK


def _info(arguments: argparse.Namespace) -> int:
    from models.checkpoint import SHIPPED
    from models.system import text_table
    from models.system.errors import OK
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


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models")
    from models.system.errors import run_main

    sys.exit(run_main(main))
