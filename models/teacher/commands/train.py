"""``python -m models teacher train``: train a denoiser or a few-step generator on photos, in one process or several."""

import argparse

import torch

from models.data.datasets.table import DATASETS
from models.data.duplicates import check_apart
from models.data.photo_source import open_photos
from models.data.photos import names_sha256
from models.system.number_arguments import whole
from models.teacher.training.config import PRESETS, TeacherConfig
from models.teacher.training.state import TeacherState, check_stored
from models.training.command import add_run_arguments, carry_out, memory_share, published_header, require_same, run_configuration
from models.training.run_state import FILE

EXAMPLES = """examples:
  python -m models teacher train --kind ddpm --data photos/train --out runs/teacher --max-minutes 120
  python -m models teacher train --data photos/train --out runs/teacher --resume
  python -m models teacher train --kind wavediff --data photos/train --val photos/val --out runs/wave --set size=32 --set batch=32
  accelerate launch --multi_gpu --num_processes 2 -m models teacher train --device cpu --data photos/train --out runs/two

A denoiser (ddpm) is written as a diffusers folder, OUT/denoiser; the others as one file, OUT/generator.safetensors. Both are what
--denoiser of `inpaint` and `generate` takes. Settings and what they mean: models/teacher/training/config.py.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kind", choices=PRESETS, help="what to train (default: ddpm, or with --resume what the run is)")
    parser.add_argument(
        "--short-side", type=whole(1), metavar="N", help="short side that photos are reduced to (default: 9/8 size)"
    )
    add_run_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Train; prints the path of the teacher.

    Raises:
        ValueError: bad arguments or data, see the message.
        ToolchainMissing: diffusers, Accelerate or TensorBoard is not installed.
    """
    config = run_configuration(args, PRESETS, args.kind, "ddpm")
    from models.teacher.training.recipe import Teacher
    from models.training.engine import Engine

    engine = Engine(args.device, config.precision)
    config.share(engine.rank, engine.processes)
    paths = DATASETS[args.dataset](args.data, "train")[: args.limit]
    if args.val:
        check_apart(paths, args.val)
    # Small images of whole scenes, not small cut-outs: a fill has to follow what surroundings show.
    short_side = args.short_side or config.size * 9 // 8
    provenance = {"photos_sha256": names_sha256(args.data, paths), "short_side": str(short_side)}
    state = _state(args, config, engine.device, provenance)
    photos = open_photos(paths, config.size, memory_gb=memory_share(args.memory_gb, engine.processes), short_side=short_side)
    teacher = Teacher(state, photos, config, args.out, engine, published_header(args, config, photos, state.provenance))
    carry_out(args, teacher)
    return 0


def _state(args: argparse.Namespace, config: TeacherConfig, device: torch.device, provenance: dict[str, str]) -> TeacherState:
    """A fresh state, or that of the run to go on with, which must be one of the same data."""
    from models.teacher.training.kinds import build

    if not args.resume:
        return TeacherState.fresh(build(config, device), config, provenance)
    check_stored(args.out / FILE, config, lambda: build(config, torch.device("meta")))
    state = TeacherState.fresh(build(config, device), config, provenance)
    state.restore(args.out / FILE)
    require_same(args, provenance, state.provenance, {"photos_sha256": "--data", "short_side": "--short-side"})
    return state
