"""``python -m quantize sensitivity``: what rounding each tensor and each layer costs."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from models.system import text_table
from models.system.errors import OK, Parser, note
from models.system.number_arguments import whole

if TYPE_CHECKING:
    from quantize.sensitivity.file import Sensitivity

EXAMPLES = (
    "python -m quantize sensitivity --data photos/val",
    "python -m quantize sensitivity --checkpoint mine.safetensors --data photos/val --count 64 --out mine.sensitivity.json",
)
SHOWN = 12
"""Rows of the table that is printed."""


def add_arguments(parser: Parser) -> None:
    """Options of ``sensitivity``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its table (default: the one beside it)")
    parser.add_argument(
        "--count", type=whole(1, 256), default=32, metavar="N", help="photos, each with a mask of its own (default: 32)"
    )
    parser.add_argument("--seed", type=whole(0), default=1, metavar="N", help="of photos, crops and masks (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON to write (default: NAME.sensitivity.json in this folder)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="PNG to write (default: beside the JSON)")
    parser.add_argument("--force", action="store_true", help="measure again; replace a file of another checkpoint")
    parser.add_argument("--json", action="store_true", help="print the file's path and figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write and print."""
    # Imported here: they take seconds.
    from models.checkpoint import SHIPPED
    from models.photo.images import check_place
    from quantize.commands.inputs import checkpoint_and_table
    from quantize.samples import SIZE, samples
    from quantize.sensitivity.file import Sensitivity
    from quantize.sensitivity.measure import Job, measure
    from quantize.sensitivity.picture import draw

    out = arguments.out or Path(f"{(arguments.checkpoint or SHIPPED).stem}.sensitivity.json")
    picture = arguments.picture or out.with_suffix(".png")
    if picture.suffix.lower() != ".png":
        raise ValueError(f"--picture {picture}: a file that ends in .png is needed")
    check_place(out)
    check_place(picture)
    generator, table = checkpoint_and_table(arguments.checkpoint, arguments.calibration)
    known = Sensitivity.load(out) if out.exists() and not arguments.force else None
    if known is not None:
        known.require(out, table.checkpoint_sha256, table.sha256())
    job = Job(generator, table, samples(arguments.data, arguments.count, size=SIZE, seed=arguments.seed))
    if known is not None and known.key == job.key():
        note(f"{out} is up to date")
        found = known
    else:
        partial = out.with_name(f"{out.name}.part")
        core = job.core()
        rows = measure(job, core, partial)
        photos = [sample.origin for sample in job.samples]
        provenance = {"count": len(photos), "seed": arguments.seed, "size": SIZE, "photos": photos}
        found = Sensitivity.of(job, core.names, rows, provenance)
        found.save(out)
        partial.unlink(missing_ok=True)
    draw(found, picture)
    figures = {key: getattr(found, key) for key in ("float_psnr_db", "quantised_psnr_db", "quantised_to_float_db")}
    if arguments.json:
        print(json.dumps({"path": str(out), "picture": str(picture), **figures}))
        return OK
    print(_summary(found))
    print(f"{out}\n{picture}")
    return OK


def _summary(found: "Sensitivity") -> str:
    """The whole program's figures and the layers that cost most."""
    worst = sorted(found.layers, key=lambda name: -(found.layers[name].but_to_float_gain_db or 0.0))[:SHOWN]
    rows = [
        [
            name,
            f"{cost.alone_drop_db:+.4f}",
            _db(cost.alone_to_float_db),
            f"{cost.but_gain_db:+.4f}",
            _db(cost.but_to_float_gain_db),
        ]
        for name, cost in ((name, found.layers[name]) for name in worst)
    ]
    heads = ["layer", "alone: dB lower", "alone: dB to float", "without: dB higher", "without: dB nearer to float"]
    return (
        f"{found.spec}: hole PSNR {found.float_psnr_db:.3f} dB in float, {found.quantised_psnr_db:.3f} dB in w8a8; "
        f"{_db(found.quantised_to_float_db)} dB between the two\n"
        f"{text_table.table(heads, rows, right=[False, True, True, True, True])}"
    )


def _db(value: float | None) -> str:
    return "equal" if value is None else f"{value:.2f}"
