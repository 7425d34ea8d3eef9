"""``python -m models teacher generate``: completions of a folder of photos as WebDataset shards."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.duplicates import check_apart
from models.data.photos import find_photos, names_sha256
from models.data.shards import ShardIndex
from models.photo.images import Pixels
from models.system.number_arguments import positive, whole
from models.teacher.commands.inpaint import DENOISER_HELP, STEPS_HELP, check_device
from models.teacher.generate import Completer, Source, generate
from models.teacher.load import LoadedTeacher, load_teacher, network_calls
from models.teacher.restore import complete
from models.teacher.samplers import SAMPLERS
from models.teacher.settings import SamplerSettings, parse_settings

EXAMPLES = """examples:
  python -m models teacher generate --sampler repaint --denoiser runs/teacher/denoiser --photos DIR --out shards --count 10000
  python -m models teacher generate --sampler wavediff --denoiser runs/wave/generator.safetensors --photos DIR --out s
  torchrun --nproc-per-node 8 -m models teacher generate ...     shards split over processes; several machines likewise
  python -m models teacher generate ... --shard 17               that shard alone, the same bytes

The same command goes on after a stop: shards that are whole are kept, others are made (again). Then: models train --pairs shards
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    names = ", ".join(name for name, row in SAMPLERS.items() if row.observes)
    parser.add_argument("--sampler", required=True, metavar="NAME", help=names)
    parser.add_argument("--denoiser", type=Path, required=True, metavar="PATH", help=DENOISER_HELP)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="folder of photos to cut squares from")
    parser.add_argument("--val", type=Path, metavar="DIR", help="photos for evaluation; refused if one of them is in --photos")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the shards")
    parser.add_argument("--count", type=whole(1), required=True, metavar="N", help="samples of the whole generation")
    parser.add_argument("--per-shard", type=whole(1), default=1000, metavar="N", help="samples of a shard (default: %(default)s)")
    parser.add_argument(
        "--batch", type=whole(1), default=16, metavar="N", help="images of one network call (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help=STEPS_HELP)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a knob of the sampler; repeatable")
    parser.add_argument("--size", type=whole(1), metavar="N", help="refuse a denoiser of another image size")
    parser.add_argument(
        "--short-side", type=whole(1), metavar="N", help="short side that photos are reduced to (default: 9/8 size)"
    )
    parser.add_argument("--blend", action="store_true", help="Poisson blending of every completion")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, metavar="N", help="of the generation (default: 0)")
    parser.add_argument("--shard", type=int, action="append", metavar="N", help="make this shard only; repeatable")
    parser.add_argument("--device", default="cpu", metavar="DEVICE", help="cpu or cuda (default: cpu)")
    parser.add_argument("--max-minutes", type=positive, default=float("inf"), metavar="N", help="begin no shard after N minutes")


def main(args: argparse.Namespace) -> int:
    """Make the shards and print their folder.

    Raises:
        ValueError: bad arguments, files or a folder of other shards, see the message.
        OSError: the disk is full; whole shards stay.
    """
    settings = parse_settings(args.sampler, args.steps, args.set, observes=True)
    check_device(args.device)
    shards = -(-args.count // args.per_shard)
    for shard in args.shard or ():
        if not 0 <= shard < shards:
            raise ValueError(f"--shard: {shard} given, 0 to {shards - 1} are there")
    rank, world = place()
    paths = find_photos(args.photos)
    if args.val:
        check_apart(paths, args.val)
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if args.device == "cuda" else "cpu"
    teacher = load_teacher(args.denoiser, settings, device, args.size)
    network_calls(settings, teacher.schedule)  # refuses a travel out of range before anything is written
    short_side = args.short_side or teacher.size * 9 // 8
    if short_side < teacher.size:
        raise ValueError(f"--short-side: {short_side} given, at least the denoiser's {teacher.size} is needed")
    index = ShardIndex(args.count, args.per_shard, teacher.size, _provenance(args, settings, teacher, short_side, paths))
    source = Source(args.photos, paths, teacher.size, short_side)
    completer = make_completer(teacher, settings, blend=args.blend, device=device)
    made = generate(
        args.out,
        index,
        args.seed,
        source,
        completer,
        batch=args.batch,
        rank=rank,
        world=world,
        only=args.shard,
        max_minutes=args.max_minutes,
    )
    if rank == 0:
        text = f"{len(made.made)} shards made ({len(made.remade)} of them again), {len(made.found)} were there"
        print(f"{text}; {index.shards} in all" + (f", those of rank 0 of {world}" if world > 1 else ""), file=sys.stderr)
        print(args.out)
    return 0


def place() -> tuple[int, int]:
    """(rank, world) as torchrun and ``accelerate launch`` tell their processes; there is nothing to exchange.

    Raises:
        ValueError: only one of them is set, or the rank is out of range.
    """
    rank, world = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE"))
    if rank is None and world is None:
        return 0, 1
    try:
        found = int(rank or ""), int(world or "")
    except ValueError:
        found = -1, 0
    if not 0 <= found[0] < found[1]:
        raise ValueError(f"RANK is {rank} and WORLD_SIZE is {world}; a rank from 0 to the world's size less 1 is needed")
    return found


def make_completer(teacher: LoadedTeacher, settings: SamplerSettings, *, blend: bool, device: str) -> Completer:
    """The sampler as something that fills a batch of holes."""

    def completer(photos: Pixels, holes: NDArray[np.bool_], seeds: object) -> Pixels:
        return complete(teacher.denoiser, teacher.schedule, settings, photos, holes, seeds, blend=blend, device=device)  # type: ignore[arg-type]

    return completer


def _provenance(
    args: argparse.Namespace, settings: SamplerSettings, teacher: LoadedTeacher, short_side: int, paths: list[Path]
) -> dict[str, object]:
    """Everything that decides the bytes of a shard; in the index, and in every sample."""
    knobs = {knob.rstrip("_"): value for knob, value in {**settings.row.knobs, **settings.knobs}.items()}
    return {
        "sampler": settings.name,
        "steps": teacher.schedule.steps,
        "knobs": knobs,
        "blend": args.blend,
        "denoiser_sha256": teacher.sha256,
        "photos_sha256": names_sha256(args.photos, paths),
        "short_side": short_side,
        "generation_seed": args.seed,
        "batch": args.batch,
        "torch": torch.__version__,
    }
