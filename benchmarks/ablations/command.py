"""Ablations: the table of the research, a queue of equal training runs that can be stopped and goes on where it was.

Every run goes through the training loop of `python -m models train`. The same command with the same --out goes on; what is
finished is not made again. The table is written where asked after every run, and printed at the end.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ablations.rows import ROWS, configuration, plain, runs
from benchmarks.host import describe_host
from models.checkpoint import sha256, write_atomically
from models.data.duplicates import check_apart
from models.data.photo_source import Photos, open_photos
from models.data.photos import find_photos, names_sha256
from models.evaluation.protocol import Instruments
from models.photo.images import check_place
from models.spec import SPECS
from models.system.errors import OK, Parser, note
from models.system.foreign import read_json, reading
from models.system.number_arguments import positive, whole

SUMMARY = "what mask, critics, wavelets and losses are worth: a queue of equal training runs"
EXAMPLES = (
    "python -m benchmarks ablations --data photos/train --val photos/val --out runs/ablations",
    "python -m benchmarks ablations --data photos/train --val photos/val --out runs/ablations --steps 300 --size 128 "
    "--init docs/checkpoints/stage1.safetensors --rate 0.001 --perceptual squeezenet1_1.safetensors --markdown ablations.md",
)
FIGURES, SETTING = "figures.json", "setting.json"


def add_arguments(parser: Parser) -> None:
    """Options of ``ablations``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of training photos")
    parser.add_argument("--val", type=Path, required=True, metavar="DIR", help="photos to measure on; none of them in --data")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the runs; the same one goes on")
    parser.add_argument("--spec", choices=SPECS, default="wavefill-s", help="what is trained (default: %(default)s)")
    parser.add_argument("--steps", type=whole(10), default=4000, metavar="N", help="steps of each run (default: %(default)s)")
    parser.add_argument("--size", type=whole(1), default=128, metavar="N", help="crops of N x N pixels (default: %(default)s)")
    parser.add_argument("--batch", type=whole(1, 4096), default=16, metavar="N", help="crops of a step (default: %(default)s)")
    parser.add_argument(
        "--rate", type=positive, default=4e-3, metavar="X", help="peak learning rate of the generator (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=whole(1, 100), default=2, metavar="N", help="runs of each row (default: %(default)s)")
    parser.add_argument(
        "--row", action="append", choices=ROWS, metavar="ROW", help=f"only this row; repeatable: {', '.join(ROWS)}"
    )
    parser.add_argument("--init", type=Path, metavar="FILE", help="checkpoint that every generator begins with (default: random)")
    parser.add_argument("--perceptual", type=Path, metavar="FILE", help="SqueezeNet, for the distance and the perceptual row")
    parser.add_argument("--masks", type=Path, metavar="DIR", help="folder of masks to measure with (default: drawn)")
    parser.add_argument("--count", type=whole(2), default=60, metavar="N", help="photos to measure on (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--max-minutes", type=positive, default=float("inf"), metavar="N", help="stop after N minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as a page")


def run(arguments: argparse.Namespace) -> int:
    """Go on with the queue, print the table.

    Raises:
        ValueError: bad arguments or files, or a folder of other runs.
        ToolchainMissing: Accelerate or TensorBoard is not installed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the run in progress is saved.
    """
    from benchmarks.ablations.report import text

    for path in (arguments.json, arguments.markdown):
        if path:
            check_place(path)
    paths, held_out = find_photos(arguments.data), find_photos(arguments.val)[: arguments.count]
    check_apart(paths, arguments.val)
    names = _rows(arguments)
    queue = runs(names, list(range(arguments.seeds)))
    setting = _setting(arguments, paths, held_out)
    for name in names:  # a size that no network takes is said now, not in the third run
        configuration(ROWS[name], seed=0, **_budget(arguments))
    _settle(arguments.out, setting)
    if not arguments.perceptual:
        note("without --perceptual FILE there is no distance, and no row with a perceptual loss")
    records = _carry_out(arguments, queue, paths, held_out, lambda so_far: _write(arguments, setting, so_far))
    _write(arguments, setting, records)
    if records:
        print(text(records))
    left = len(queue) - len(records)
    if left:
        print(f"{len(records)} of {len(queue)} runs are finished; the same command goes on", file=sys.stderr)
    return OK


def _write(arguments: argparse.Namespace, setting: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """The table so far, where it was asked for."""
    from benchmarks.ablations.report import markdown

    if arguments.json:
        rows = {name: plain(row) for name, row in ROWS.items()}
        content = {"setting": setting, "host": describe_host(), "rows": rows, "runs": records}
        write_atomically(arguments.json, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    if arguments.markdown and records:
        page = markdown(records, setting, shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]), str(describe_host()["cpu"]))
        write_atomically(arguments.markdown, page.encode())


def _rows(arguments: argparse.Namespace) -> list[str]:
    names = [name for name in ROWS if not arguments.row or name in arguments.row]
    if arguments.perceptual:
        return names
    if arguments.row and any(ROWS[name].perceptual for name in names):
        raise ValueError("the perceptual row needs its network: give it with --perceptual FILE")
    return [name for name in names if not ROWS[name].perceptual]


def _budget(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "spec": arguments.spec,
        "steps": arguments.steps,
        "size": arguments.size,
        "batch": arguments.batch,
        "rate": arguments.rate,
    }


def _setting(arguments: argparse.Namespace, paths: list[Path], held_out: list[Path]) -> dict[str, Any]:
    """What decides the figures beside rows and seeds; text and numbers."""
    return {
        **_budget(arguments),
        "init": arguments.init.name if arguments.init else None,
        "init_sha256": sha256(arguments.init) if arguments.init else None,
        "photos_sha256": names_sha256(arguments.data, paths),
        "val_sha256": names_sha256(arguments.val, held_out),
        "count": len(held_out),
        "masks": arguments.masks.name if arguments.masks else "seed 0",
        "perceptual_sha256": sha256(arguments.perceptual) if arguments.perceptual else None,
    }


def _settle(folder: Path, setting: dict[str, Any]) -> None:
    """Write down what the queue's runs have in common, or compare it with what is there."""
    file = folder / SETTING
    if not file.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise ValueError(f"{folder}: is not empty and holds no queue of runs; choose another --out")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, (json.dumps(setting, indent=1, sort_keys=True) + "\n").encode())
        return
    with reading(file):
        there = read_json(file)
        if not isinstance(there, dict):
            raise ValueError("an object is needed")
    for name, value in setting.items():
        if there.get(name) != value:
            raise ValueError(f"{folder}: holds runs of {name} {there.get(name)}, not {value}; choose another --out")


def _carry_out(
    arguments: argparse.Namespace,
    queue: list[tuple[str, int]],
    paths: list[Path],
    held_out: list[Path],
    each: Callable[[list[dict[str, Any]]], None],
) -> list[dict[str, Any]]:
    """Make every run that is not finished; returns the finished ones, and tells ``each`` of them after every run."""
    began = time.monotonic()
    records: list[dict[str, Any]] = []
    photos: Photos | None = None
    for number, (name, seed) in enumerate(queue):
        folder = arguments.out / f"{name.replace(',', '').replace(' ', '_')}-{seed}"
        file = folder / FIGURES
        if not file.is_file():
            minutes = arguments.max_minutes - (time.monotonic() - began) / 60
            if minutes <= 0 and photos:  # whatever the limit, a call gets on by one step
                break
            _say_what_is_next(number, queue, records, arguments.steps)
            photos = photos or open_photos(paths, arguments.size)
            record = _one(arguments, name, seed, folder, photos, held_out, minutes)
            if record is None:
                break
            write_atomically(file, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
            each([*records, record])
        records.append(_read(file))
    return records


def _say_what_is_next(number: int, queue: list[tuple[str, int]], records: list[dict[str, Any]], steps: int) -> None:
    name, seed = queue[number]
    if records:
        mean = sum(record["seconds_per_step"] for record in records) / len(records)
        hours = (len(queue) - number) * steps * mean / 3600
        left = f"about {hours:.1f} hours left for all" if hours >= 1 else f"about {60 * hours:.0f} minutes left for all"
    else:
        left = "time left is known after the first"
    print(f"run {number + 1} of {len(queue)}: {name}, seed {seed}; {left}", file=sys.stderr)


def _one(
    arguments: argparse.Namespace, name: str, seed: int, folder: Path, photos: Photos, held_out: list[Path], minutes: float
) -> dict[str, Any] | None:
    """Begin or go on with one run; its record, or None where the time is over before its last step."""
    from benchmarks.ablations.measure import figures
    from benchmarks.ablations.recipe import Ablation, state_of
    from models.features.perceptual import ImageDistance, PerceptualNetwork
    from models.losses.perceptual import read_perceptual
    from models.training.command import exclusive
    from models.training.engine import Engine
    from models.training.loop import Limits
    from models.training.loop import run as train

    row = ROWS[name]
    config = configuration(row, seed=seed, **_budget(arguments))
    engine = Engine(arguments.device, config.precision)
    state = state_of(row, config, folder, arguments.init, engine.device)
    distance = read_perceptual(arguments.perceptual, engine.device) if row.perceptual else None
    began, first = time.monotonic(), state.step
    with exclusive(folder):
        recipe = Ablation(state, photos, config, folder, engine, {}, distance)
        if state.step < config.steps:
            train(recipe, Limits(minutes, sample_steps=config.steps))
    if state.step < config.steps:
        return None
    pace = (time.monotonic() - began) / max(1, state.step - first)
    instruments = Instruments()
    if arguments.perceptual:
        network = PerceptualNetwork.read(arguments.perceptual)
        instruments = Instruments({network.name: ImageDistance(network)})
    masks = find_photos(arguments.masks) if arguments.masks else []
    found = figures(state.shipped.cpu(), held_out, masks, arguments.size, instruments)
    crops = config.steps * arguments.batch
    measured = {"crops": crops, "seconds_per_step": round(pace, 4), "bf16": engine.bf16, "figures": found}
    return {"row": name, "seed": seed, **measured}


def _read(file: Path) -> dict[str, Any]:
    with reading(file):
        record = read_json(file)
        if not isinstance(record, dict) or not isinstance(record.get("figures"), dict) or "row" not in record:
            raise ValueError("not the figures of a run")
        return record
