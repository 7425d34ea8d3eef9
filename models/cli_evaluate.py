"""``python -m models evaluate``: networks and classical baselines on the same photos and holes."""

import argparse
import dataclasses
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from models.baselines import BASELINES
from models.checkpoint import SHIPPED, sha256, write_atomically
from models.cli_inpaint import artifact_run, checkpoint_run
from models.data.photos import find_photos
from models.evaluate import Case, Report, evaluate, read_cases, report, run_fill
from models.images import Pixels, check_output, check_place, write_photo
from models.inpaint import Run
from models.sheet import masked, sheet
from models.spec import LARGEST_SIZE

EXAMPLES = """examples:
  python -m models evaluate --data photos/val --masks photos/masks
  python -m models evaluate --data photos/val --count 20 --json evaluation.json --sheet evaluation.png
  python -m models evaluate --data photos/val --masks photos/masks --artifact artifacts/wavefill-s-256-onnx-w8a8

Photos are centre-cropped; photo i gets mask i mod n of the n sorted masks (white: hole). PSNR, SSIM and detail: more is better,
and a detail ratio of 1 is as sharp as the photo. Differences come with a 95 % bootstrap interval over the pictures.
"""

SHEET_ROWS = 8

RESERVED = {"network", *BASELINES, "photo", "hole"}
"""Names of other rows of the table and other columns of the sheet: an artefact of such a name would take their place."""

COLUMNS = {
    # key of models.evaluate.summary   title         format
    "hole_psnr_db": ("hole PSNR dB", "{:.2f}"),
    "hole_l1_levels": ("hole L1", "{:.2f}"),
    "psnr_db": ("PSNR dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "detail_ratio": ("detail", "{:.3f}"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument("--masks", type=Path, metavar="DIR", help="folder of masks (default: seeded masks of our own)")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones, unless --artifact is given)"
    )
    parser.add_argument(
        "--artifact", type=Path, action="append", default=[], metavar="DIR", help="an exported artefact to measure; repeatable"
    )
    parser.add_argument("--size", type=int, metavar="N", help="crops of N x N pixels (default: the artefact's size, or 256)")
    parser.add_argument("--count", type=int, metavar="N", help="only the first N photos")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of our own masks (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, also per picture")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=f"write {SHEET_ROWS} of the pictures side by side")


def main(args: argparse.Namespace) -> int:
    """Measure, print a table, write what was asked for.

    Raises:
        ValueError: bad arguments or files, see the message.
        ToolchainMissing: OpenCV or scikit-image is not installed.
        OSError: a file cannot be written.
    """
    for name in ("count", "size"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"--{name}: {getattr(args, name)} given, at least 1 is needed")
    if args.size is not None and args.size > LARGEST_SIZE:
        raise ValueError(f"--size: {args.size} given, at most {LARGEST_SIZE} is allowed")
    if args.seed < 0:
        raise ValueError(f"--seed: {args.seed} given, at least 0 is needed")
    if args.sheet:
        check_output(args.sheet)
    if args.json:
        check_place(args.json)
    photos = find_photos(args.data)[: args.count]
    masks = find_photos(args.masks) if args.masks else []
    networks, size = _networks(args)
    methods = {**{name: run_fill(run) for name, run in networks.items()}, **BASELINES}
    # Evenly spread rows for the sheet.
    kept = {len(photos) * row // SHEET_ROWS for row in range(SHEET_ROWS)} if args.sheet else set()
    rows: list[dict[str, Pixels]] = []
    seen = itertools.count()

    def keep(case: Case, fills: Mapping[str, Pixels]) -> None:
        if next(seen) in kept:
            rows.append({"photo": case.photo, "hole": masked(case.photo, case.hole), **fills})

    # tqdm draws on stderr, with a rate and the time left, and only on a terminal.
    bar = tqdm(read_cases(photos, masks, size, args.seed), total=len(photos), desc="evaluate", unit="photo", disable=None)
    with bar:
        result = report(*evaluate(bar, methods, keep), _setting(args, size))
    if args.json:
        write_atomically(args.json, (json.dumps(dataclasses.asdict(result), indent=2, sort_keys=True) + "\n").encode())
    if args.sheet:
        write_photo(args.sheet, sheet(rows))
    print(table(result))
    return 0


def table(result: Report) -> str:
    """A report for people."""
    width = max(len(name) for name in result.methods)
    lines = [f"{'':<{width}}  " + "  ".join(f"{title:>12}" for title, _ in COLUMNS.values())]
    lines += [
        f"{name:<{width}}  " + "  ".join(f"{form.format(means[key]):>12}" for key, (_, form) in COLUMNS.items())
        for name, means in result.methods.items()
    ]
    lines.append(f"{result.pictures} pictures; differences of hole PSNR with 95 % intervals:")
    lines += [_gap(name, result.best_baseline, gap) for name, gap in result.over_best_baseline.items()]
    first = next(iter(result.over_best_baseline))
    lines += [_gap(name, first, gap) for name, gap in result.over_first_network.items()]
    return "\n".join(lines)


def _gap(name: str, other: str, gap: Mapping[str, float]) -> str:
    return f"  {name} over {other}: {gap['mean_db']:+.2f} dB  [{gap['low_db']:+.2f}, {gap['high_db']:+.2f}]"


def _networks(args: argparse.Namespace) -> tuple[dict[str, Run], int]:
    """Every network to measure by its name in the table, and the size they share."""
    networks: dict[str, Run] = {}
    size = args.size
    for folder in args.artifact:
        name = folder.resolve().name
        if name in networks:
            raise ValueError(f"--artifact: {name} is given twice")
        if name in RESERVED:
            raise ValueError(f"--artifact: a folder cannot be called {name} here, another row has that name; rename it")
        networks[name], own = artifact_run(folder)
        if size not in (None, own):
            raise ValueError(f"{folder}: made for {own}x{own} pixels, the other networks or --size say {size}")
        size = own
    if args.checkpoint or not args.artifact:
        run, size = checkpoint_run(args.checkpoint or SHIPPED, size)
        networks = {"network": run, **networks}
    return networks, size


def _setting(args: argparse.Namespace, size: int) -> dict[str, object]:
    """How the evaluation was run, for its JSON."""
    checkpoint = args.checkpoint or (None if args.artifact else SHIPPED)
    return {
        "data": str(args.data),
        "masks": str(args.masks) if args.masks else f"seed {args.seed}",
        "size": size,
        "checkpoint_sha256": sha256(checkpoint) if checkpoint else None,
        "artifacts": [folder.resolve().name for folder in args.artifact],
    }
