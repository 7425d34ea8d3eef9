"""``python -m quantize perturbation``: what one known value, changed by one level, does to the hole."""

import argparse
import dataclasses
import json
import math
from pathlib import Path

from models.system import text_table
from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.number_arguments import positive, whole

EXAMPLES = (
    "python -m quantize perturbation --data photos/val",
    "python -m quantize perturbation --data photos/val --count 32 --changes 1 --min-db 55 --json",
)


def add_arguments(parser: Parser) -> None:
    """Options of ``perturbation``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its table (default: the one beside it)")
    parser.add_argument("--count", type=whole(1), default=16, metavar="N", help="photos, each with a mask (default: 16)")
    parser.add_argument("--changes", type=whole(1), default=2, metavar="N", help="values changed in each photo (default: 2)")
    parser.add_argument("--seed", type=whole(0), default=1, metavar="N", help="of photos, masks and places (default: 1)")
    parser.add_argument("--min-db", type=positive, metavar="DB", help="exit with 1 where the median of w8a8 is below this")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    # Imported here: they take seconds.
    from tqdm import tqdm

    from models.generator import fold
    from quantize.commands.inputs import checkpoint_and_table
    from quantize.integer_core import IntegerCore
    from quantize.perturbation import effects, median
    from quantize.samples import SIZE, samples

    generator, table = checkpoint_and_table(arguments.checkpoint, arguments.calibration)
    photos = samples(arguments.data, arguments.count, size=SIZE, seed=arguments.seed)
    cores = {"fp32": fold(generator, SIZE, SIZE), "w8a8": IntegerCore(generator, table, SIZE)}
    found = {}
    with tqdm(total=2 * len(photos) * arguments.changes, desc="perturbation", unit="change", disable=None) as bar:
        for scheme, core in cores.items():
            rows = list(effects(core, photos, arguments.changes, seed=arguments.seed, on_change=bar.update))
            if not rows:
                raise ValueError(f"{arguments.data}: every mask covers its photo whole; nothing known is left to change")
            found[scheme] = median(rows)
    if arguments.json:
        figures = {
            scheme: {**dataclasses.asdict(one), "psnr_db": None if math.isinf(one.psnr_db) else round(one.psnr_db, 2)}
            for scheme, one in found.items()
        }
        print(json.dumps({"photos": len(photos), "changes": arguments.changes, "seed": arguments.seed, **figures}))
    else:
        rows_of_text = [[s, f"{one.psnr_db:.1f}", f"{100 * one.moved:.2g} %", str(one.most)] for s, one in found.items()]
        print(text_table.table(["medians", "hole dB", "values moved", "most levels"], rows_of_text))
    missed = arguments.min_db is not None and found["w8a8"].psnr_db < arguments.min_db
    return CHECK_FAILED if missed else OK
