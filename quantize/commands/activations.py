"""``python -m quantize activations``: is there room in half precision?"""

import argparse
import dataclasses
import json
import math
from pathlib import Path

from models.system import text_table
from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.number_arguments import whole

EXAMPLES = (
    "python -m quantize activations --data photos/train",
    "python -m quantize activations --data photos/train --count 128 --json",
)
SHOWN = 10
"""Rows of the table that is printed."""
HALF_SAMPLES = 4
"""Photos that are also run in half precision, which is slow on many processors."""


def add_arguments(parser: Parser) -> None:
    """Options of ``activations``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--count", type=whole(1), default=128, metavar="N", help="photos, each with a mask (default: 128)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of photos, crops and masks (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON, every layer")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 where an activation is beyond the bar."""
    # Imported here: they take seconds.
    from tqdm import tqdm

    from models.checkpoint import SHIPPED, load_checkpoint
    from quantize.activations import BAR, HALF_MAX, extremes, half_psnr_db
    from quantize.samples import SIZE, samples

    generator = load_checkpoint(arguments.checkpoint or SHIPPED)
    photos = samples(arguments.data, arguments.count, size=SIZE, seed=arguments.seed)
    halves = photos[:HALF_SAMPLES]
    with tqdm(total=len(photos) + len(halves), desc="activations", unit="photo", disable=None) as bar:
        found = extremes(generator, photos, on_sample=bar.update)
        decibels = []
        for sample in halves:
            decibels.append(half_psnr_db(generator, sample))
            bar.update()
    largest = max(one.output for one in found.values())
    partial = max(one.partial or 0.0 for one in found.values())
    worst = min(decibels)
    if arguments.json:
        content = {
            "photos": len(photos),
            "seed": arguments.seed,
            "largest": largest,
            "largest_partial_sum": partial,
            "bar": BAR,
            "half_worst_hole_psnr_db": None if math.isinf(worst) else round(worst, 1),
            "layers": {name: dataclasses.asdict(one) for name, one in found.items()},
        }
        print(json.dumps(content, indent=2))
    else:
        top = sorted(found.items(), key=lambda pair: -max(pair[1].output, pair[1].partial or 0.0))[:SHOWN]
        rows = [[name, f"{one.output:.1f}", "-" if one.partial is None else f"{one.partial:.1f}"] for name, one in top]
        print(text_table.table(["layer", "largest", "any partial sum"], rows, right=[False, True, True]))
        print(f"largest of {len(photos)} photos: {largest:.1f}, {HALF_MAX / largest:.0f} times below fp16's end (bar: {BAR:.0f})")
        print(f"no partial sum in any order is beyond {partial:.1f}")
        print(f"in half precision on this processor: worst hole of {len(halves)} photos {worst:.1f} dB from fp32")
    return CHECK_FAILED if largest > BAR else OK
