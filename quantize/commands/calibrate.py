"""``python -m quantize calibrate``: the table of a checkpoint, from photos."""

import argparse
import json
from pathlib import Path

from models.system.errors import OK, Parser, note
from models.system.number_arguments import whole

EXAMPLES = (
    "python -m quantize calibrate --data photos/train --force",
    "python -m quantize calibrate --checkpoint mine.safetensors --data photos/train --count 256 --seed 1",
    "python -m quantize calibrate --data photos/train --rule minmax --out /tmp/minmax.calibration.json",
    "python -m quantize calibrate --data photos/train --choose --out /tmp/chosen.calibration.json",
)

# Literals, not the constants of quantize.calibrate: help must not wait for torch. A test keeps them equal.
RULES = ("minmax", "percentile", "mse", "entropy")
ALGORITHMS = ("equalise", "correct-biases")


def add_arguments(parser: Parser) -> None:
    """Options of ``calibrate``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of training photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument(
        "--count", type=whole(1), default=128, metavar="N", help="photos, each with a mask of its own (default: 128)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of photos, crops and masks (default: 0)")
    parser.add_argument("--rule", choices=RULES, default="mse", help="how a range is chosen from what was seen (default: mse)")
    parser.add_argument(
        "--algorithm",
        choices=ALGORITHMS,
        action="append",
        metavar="NAME",
        help=f"prepare the network first: {', '.join(ALGORITHMS)}; may be given several times, in the order of their use",
    )
    parser.add_argument("--choose", action="store_true", help="find algorithms and the rule of each tensor by the fill's error")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: beside the checkpoint, NAME.calibration.json)"
    )
    parser.add_argument("--force", action="store_true", help="replace the table that is shipped")
    parser.add_argument("--json", action="store_true", help="print path, hash and counts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make the table and write it."""
    # Imported here: they take seconds.
    from models.checkpoint import SHIPPED, load_checkpoint, sha256
    from models.photo.images import check_place
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
    if arguments.choose and arguments.algorithm:
        raise ValueError("--choose finds the algorithms itself: give either it or --algorithm")
    table = calibrate(
        load_checkpoint(checkpoint),
        sha256(checkpoint),
        arguments.data,
        count=arguments.count,
        seed=arguments.seed,
        rule=arguments.rule,
        algorithms=arguments.algorithm or (),
        choose=arguments.choose,
    )
    table.save(out)
    summary = {"path": str(out), "sha256": table.sha256(), "activations": len(table.activations), "weights": len(table.weights)}
    print(json.dumps(summary) if arguments.json else out)
    return OK
