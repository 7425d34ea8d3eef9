"""``python -m quantize mixed``: a table that keeps a few layers in float, found by a budget or named."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.number_arguments import positive, whole

EXAMPLES = (
    "python -m quantize mixed --data photos/train --max-drop-db 0.1 --min-parity-db 40 --out mixed.calibration.json",
    "python -m quantize mixed --data photos/train --layer up.0.1 --layer up.0.1.conv2 --layer head --out mixed.calibration.json",
    "python -m export all --calibration mixed.calibration.json --out mixed",
)


def add_arguments(parser: Parser) -> None:
    """Options of ``mixed``."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of photos that the figures are measured on"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="table to write")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its table (default: the one beside it)")
    parser.add_argument(
        "--sensitivity", type=Path, metavar="FILE", help="of that table (default: NAME.sensitivity.json in this folder)"
    )
    parser.add_argument(
        "--max-drop-db", type=positive, default=0.1, metavar="DB", help="largest loss of hole PSNR to the photo (default: 0.1)"
    )
    parser.add_argument(
        "--min-parity-db", type=positive, default=40.0, metavar="DB", help="least PSNR between runtimes' fills (default: 40)"
    )
    parser.add_argument("--most", type=whole(0), default=12, metavar="N", help="layers that may be kept in float (default: 12)")
    parser.add_argument(
        "--layer", action="append", metavar="PATH", help="keep this layer, do not search; may be given several times"
    )
    parser.add_argument("--count", type=whole(1), default=24, metavar="N", help="photos, each with a mask (default: 24)")
    parser.add_argument("--seed", type=whole(0), default=2, metavar="N", help="of photos, crops and masks (default: 2)")
    parser.add_argument("--json", action="store_true", help="print layers and figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Find the layers, or take those named; write the table."""
    from models.checkpoint import SHIPPED
    from models.photo.images import check_place
    from quantize.budget import Budget, Found, Programs, require_layers, search
    from quantize.commands.inputs import checkpoint_and_table
    from quantize.samples import SIZE, samples
    from quantize.sensitivity.file import Sensitivity
    from quantize.table import calibration_path

    check_place(arguments.out)
    if arguments.out.resolve() == calibration_path(SHIPPED).resolve():
        raise ValueError(f"{arguments.out}: is the table that is shipped; write elsewhere")
    generator, table = checkpoint_and_table(arguments.checkpoint, arguments.calibration)
    table = dataclasses.replace(table, float_layers=())
    sensitivity = None
    if arguments.layer:
        require_layers(generator, arguments.layer)
    else:
        place = arguments.sensitivity or Path(f"{(arguments.checkpoint or SHIPPED).stem}.sensitivity.json")
        sensitivity = Sensitivity.load(place)
        sensitivity.require(place, table.checkpoint_sha256, table.sha256())
    programs = Programs(generator, table, samples(arguments.data, arguments.count, size=SIZE, seed=arguments.seed))
    before = programs.measure(())
    budget = Budget(arguments.max_drop_db, arguments.min_parity_db, arguments.most)
    if sensitivity is None:
        layers = tuple(sorted(set(arguments.layer)))
        figures = programs.measure(layers)
        found = Found(layers, figures, figures.meets(budget))
    else:
        found = search(programs, sensitivity, budget)
    asked = {"max_drop_db": budget.max_drop_db, "min_parity_db": budget.min_parity_db, "most": budget.most}
    report = {
        "float_layers": list(found.layers),
        "met": found.met,
        "budget": asked,
        "without": {key: round(value, 3) for key, value in vars(before).items()},
        "with": {key: round(value, 3) for key, value in vars(found.figures).items()},
    }
    if found.met:
        mixed = {**report, "count": arguments.count, "seed": arguments.seed}
        dataclasses.replace(table, float_layers=found.layers, provenance={**table.provenance, "mixed": mixed}).save(arguments.out)
    if arguments.json:
        print(json.dumps({**report, "path": str(arguments.out) if found.met else None}))
    else:
        print(f"in float: {', '.join(found.layers) or 'none'}")
        for name, figures in (("all integer", before), ("so", found.figures)):
            print(
                f"{name}: {figures.drop_db:+.3f} dB lower to the photo, {figures.parity_db:.1f} dB between runtimes, "
                f"{figures.to_float_db:.1f} dB to the float fill"
            )
    if not found.met:
        said = "the layers named do not meet" if arguments.layer else f"no {budget.most} layers that were tried meet"
        print(f"wavefill: check failed: {said} the budget; the best found is printed, nothing is written", file=sys.stderr)
        return CHECK_FAILED
    if not arguments.json:
        print(arguments.out)
    return OK
