"""``python -m quantize perturbation``: what one known value, changed by one level, does to the hole."""

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from models.system import text_table
from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.number_arguments import positive, whole

if TYPE_CHECKING:
    from quantize.perturbation import Effect

EXAMPLES = (
    "python -m quantize perturbation --data photos/val",
    "python -m quantize perturbation --data photos/val --count 32 --changes 1 --min-db 55 --json",
    "python -m quantize perturbation --data photos/val --scheme w8a16 --scheme w8a8 --keep up.0 --keep head",
    "python -m quantize perturbation --data photos/val --parts",
)
MEASURED = ("fp32", "w8", "w8a16", "w8a8")
"""Schemes whose program is computed here; fp16 is what a runtime makes of it."""


def add_arguments(parser: Parser) -> None:
    """Options of ``perturbation``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its table (default: the one beside it)")
    parser.add_argument(
        "--scheme", action="append", choices=MEASURED, help="number format; may be given several times (default: fp32 and w8a8)"
    )
    parser.add_argument(
        "--keep",
        action="append",
        metavar="PATH",
        help="w8a8 with the layers below this module in float; may be given several times",
    )
    parser.add_argument(
        "--parts", action="store_true", help="also w8a8 with each module alone in float, and with all from it to the head"
    )
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
    from models.inpainter import Core
    from quantize.calm import MixedCore, below, core_of, parts
    from quantize.commands.inputs import checkpoint_and_table
    from quantize.fake_quantised import FakeQuantisedCore
    from quantize.perturbation import effects, median
    from quantize.samples import SIZE, samples

    schemes = list(dict.fromkeys(arguments.scheme or ("fp32", "w8a8")))
    if "w8a8" not in schemes and (arguments.keep or arguments.parts or arguments.min_db is not None):
        raise ValueError("--keep, --parts and --min-db are about w8a8: --scheme w8a8 is needed, too")
    generator, table = checkpoint_and_table(arguments.checkpoint, arguments.calibration)
    kept = {*table.float_layers, *below(generator.spec, arguments.keep or ())}
    table = dataclasses.replace(table, float_layers=tuple(sorted(kept)))
    photos = samples(arguments.data, arguments.count, size=SIZE, seed=arguments.seed)
    cut = parts(generator.spec) if arguments.parts else []
    total = (len(schemes) + 2 * len(cut)) * len(photos) * arguments.changes
    with tqdm(total=total, desc="perturbation", unit="change", disable=None) as bar:

        def measure(core: Core) -> "Effect":
            rows = list(effects(core, photos, arguments.changes, seed=arguments.seed, on_change=bar.update))
            if not rows:
                raise ValueError(f"{arguments.data}: every mask covers its photo whole; nothing known is left to change")
            return median(rows)

        found = {scheme: measure(core_of(scheme, generator, table, SIZE)) for scheme in schemes}
        alone, tails = {}, {}
        if cut:
            shared = FakeQuantisedCore(fold(generator, SIZE, SIZE), SIZE, table)
            for index, part in enumerate(cut):
                alone[part.name] = measure(MixedCore(shared, kept.union(part.layers)))
                tail = kept.union(*(later.layers for later in cut[index:]))
                tails[part.name] = measure(MixedCore(shared, tail))
    if arguments.json:
        figures: dict[str, object] = {scheme: _figures(one) for scheme, one in found.items()}
        if cut:
            figures["parts"] = {
                part.name: {
                    "macs_share": round(part.macs_share, 4),
                    "alone": _figures(alone[part.name]),
                    "to_the_head": _figures(tails[part.name]),
                }
                for part in cut
            }
        about = {"photos": len(photos), "changes": arguments.changes, "seed": arguments.seed, "float_layers": sorted(kept)}
        print(json.dumps({**about, **figures}))
    else:
        rows_of_text = [[s, f"{one.psnr_db:.1f}", f"{100 * one.moved:.2g} %", str(one.most)] for s, one in found.items()]
        print(text_table.table(["medians", "hole dB", "values moved", "most levels"], rows_of_text))
        if cut:
            heads = ["w8a8, in float:", "multiply-accumulates", "hole dB", "from here to the head", "hole dB"]
            shares = [sum(later.macs_share for later in cut[index:]) for index in range(len(cut))]
            rows_of_text = [
                [
                    part.name,
                    f"{100 * part.macs_share:.0f} %",
                    f"{alone[part.name].psnr_db:.1f}",
                    f"{100 * share:.0f} %",
                    f"{tails[part.name].psnr_db:.1f}",
                ]
                for part, share in zip(cut, shares, strict=True)
            ]
            print(text_table.table(heads, rows_of_text, right=[False, True, True, True, True]))
    missed = arguments.min_db is not None and found["w8a8"].psnr_db < arguments.min_db
    return CHECK_FAILED if missed else OK


def _figures(one: "Effect") -> dict[str, object]:
    return {**dataclasses.asdict(one), "psnr_db": None if math.isinf(one.psnr_db) else round(one.psnr_db, 2)}
