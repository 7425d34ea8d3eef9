"""``python -m models train``: train a generator on photos; alone, or under ``accelerate launch``."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.checkpoint import load_checkpoint, sha256
from models.data.datasets.table import DATASETS
from models.data.duplicates import check_apart
from models.data.pairs import PairShards
from models.data.photo_source import open_photos
from models.data.photos import PhotoCache, names_sha256
from models.discriminators_file import is_discriminators, load_discriminators
from models.generator import Generator
from models.spec import SPECS
from models.system.errors import note
from models.system.number_arguments import whole
from models.training.command import add_run_arguments, carry_out, memory_share, published_header, require_same, run_configuration
from models.training.config import PRESETS, TrainConfig
from models.training.run_state import FILE
from models.training.state import TrainState
from models.training.step import Perceptual

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.student import Student

DECIDED_BY = {
    "calibration_sha256": "--calibration",
    "teacher_sha256": "--teacher",
    "photos_sha256": "--data",
    "perceptual_sha256": "--perceptual",
    "pairs_sha256": "--pairs",
    "short_side": "--short-side",
}
"""Facts that must be the same when a run goes on, and the options that decide them."""

EXAMPLES = """examples:
  python -m models train --data photos/train --out runs/first --max-minutes 60
  python -m models train --data photos/train --out runs/first --resume
  python -m models train --data photos/train --out runs/gan --preset adversarial --init runs/first/checkpoint.safetensors
  python -m models train --data own --out runs/own --preset adversarial --init c.safetensors --init c.discriminators.safetensors
  python -m models train --data photos/train --out runs/small --set seed=1 --set steps=2000
  accelerate launch --multi_gpu --num_processes 2 -m models train --device cpu --data photos/train --out runs/two
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.set_defaults(teacher=None, calibration=None)
    add_training_arguments(parser, "l1")


def add_training_arguments(parser: argparse.ArgumentParser, preset: str) -> None:
    """Arguments of every training of a student; ``preset``: the default one."""
    parser.add_argument("--preset", choices=PRESETS, help=f"configuration to start from (default: {preset})")
    parser.add_argument(
        "--init",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="checkpoint whose weights the generator begins with; given again, the discriminators that theirs begin with",
    )
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="shards of a teacher's completions to mix in (pairs_share)")
    parser.add_argument("--perceptual", type=Path, metavar="FILE", help="feature network for the perceptual loss")
    parser.add_argument(
        "--workers",
        type=whole(0),
        default=0,
        metavar="N",
        help="processes that make the batches, for a GPU (default: one thread)",
    )
    parser.add_argument("--short-side", type=whole(1), metavar="N", help="reduce larger photos to this short side while decoding")
    add_run_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint.

    Raises:
        ValueError: bad arguments or data, see the message.
        ToolchainMissing: Accelerate or TensorBoard is not installed.
    """
    return train(args, "l1")


def train(args: argparse.Namespace, preset: str) -> int:
    """Train with a default preset; arguments and errors as for :func:`main`."""
    carry_out(args, student(args, preset))
    return 0


def student(args: argparse.Namespace, preset: str) -> "Student":
    """The run that the arguments ask for, ready to be carried out; errors as for :func:`main`."""
    config = run_configuration(args, PRESETS, args.preset, preset)
    _check_options(args, config)
    # Imported late: whoever only asks for help, or made a mistake above, does not wait for it.
    from models.training.engine import Engine
    from models.training.student import Student

    engine = Engine(args.device, config.precision)
    engine.check(config)
    teacher = _teacher(args.teacher, config, engine.device) if args.teacher else None
    paths = DATASETS[args.dataset](args.data, "train")[: args.limit]
    provenance = _provenance(args, paths)
    if args.val:
        check_apart(paths, args.val)
    pairs = PairShards.open(args.pairs) if args.pairs else None
    if pairs:
        for _, size, _ in config.stages:
            pairs.require_size(size)
        provenance["pairs_sha256"] = pairs.sha256
        if args.val:
            pairs.check_apart(args.val)
    state = _state(args, config, engine.device, provenance)
    perceptual = _perceptual(args, engine.device) if config.perceptual else None
    photos = open_photos(
        paths,
        max(size for _, size, _ in config.stages),
        memory_gb=memory_share(args.memory_gb, engine.processes),
        index=args.out / "photo_sizes.txt" if engine.is_main else None,
        short_side=args.short_side,
    )
    if args.workers and not isinstance(photos, PhotoCache):
        raise ValueError("--workers needs the photos in memory; raise --memory-gb, or leave it out: files are read on threads")
    entries = published_header(args, config, photos, state.provenance)
    return Student(state, photos, config, args.out, engine, entries, perceptual, pairs, args.workers, teacher)


def _check_options(args: argparse.Namespace, config: TrainConfig) -> None:
    """Options that do not go with each other."""
    if args.init and not args.resume and all(is_discriminators(path) for path in args.init):
        raise ValueError(f"--init {args.init[0]}: discriminators alone; give the checkpoint that they played against, too")
    if any(is_discriminators(path) for path in args.init) and not config.discriminators:
        raise ValueError(f"--init holds discriminators, the configuration {config.preset} has none; choose --preset adversarial")
    if args.resume and args.init:
        raise ValueError("--init is for the beginning of a run; with --resume the weights are those of the run")
    if config.distillation and not args.teacher:
        raise ValueError("the configuration learns from a teacher: give it with python -m models distill --teacher FILE")
    if args.teacher and not config.distillation:
        raise ValueError(
            '--teacher is given, but its fills have no weight; give them one with --set distillation={"hole_l1":0.5}'
        )
    if config.perceptual and not args.perceptual:
        raise ValueError("the configuration has a perceptual loss: give its network's weights with --perceptual FILE")
    if args.perceptual and not config.perceptual:
        raise ValueError("--perceptual is given, but the loss has no weight; give it one with --set perceptual=0.1")


def _provenance(args: argparse.Namespace, paths: list[Path]) -> dict[str, str]:
    """What decides the weights beside the configuration."""
    provenance = {"photos_sha256": names_sha256(args.data, paths)}
    if args.short_side:
        provenance["short_side"] = str(args.short_side)
    if args.perceptual:
        provenance["perceptual_sha256"] = sha256(args.perceptual)
    if args.teacher:
        provenance["teacher_sha256"] = sha256(args.teacher)
    if args.calibration:
        provenance["calibration_sha256"] = sha256(args.calibration)
    for path in args.init:
        name = "init_discriminators_sha256" if is_discriminators(path) else "init_sha256"
        if name in provenance:
            raise ValueError(f"--init {path}: a second file of its kind; one checkpoint and one file of discriminators are taken")
        provenance[name] = sha256(path)
    return provenance


def _state(args: argparse.Namespace, config: TrainConfig, device: torch.device, provenance: dict[str, str]) -> TrainState:
    """A fresh state, or that of the run to go on with, which must be one of the same data."""
    if args.resume:
        state, _ = TrainState.load(args.out / FILE, device, args.set)
        require_same(args, provenance, state.provenance, DECIDED_BY)
        return state
    state = TrainState.fresh(config, device, provenance)
    for path in args.init:
        if is_discriminators(path):
            state.take_up(load_discriminators(path, SPECS[config.spec], list(config.discriminators)))
            continue
        start = load_checkpoint(path)
        if start.spec != SPECS[config.spec]:
            raise ValueError(f"{path}: holds a {start.spec.name}, the configuration says {config.spec}")
        state.start_from(start)
    return state


def _teacher(path: Path, config: TrainConfig, device: torch.device) -> Generator:
    """A frozen generator that takes the images of every stage."""
    teacher = load_checkpoint(path)
    multiple = teacher.spec.multiple
    for _, size, _ in config.stages:
        if size % multiple:
            raise ValueError(f"{path}: a {teacher.spec.name} takes multiples of {multiple} pixels, a stage of the run has {size}")
    own, other = (sum(p.numel() for p in g.parameters()) for g in (Generator(SPECS[config.spec]), teacher))
    if other <= own:
        note(f"the teacher {teacher.spec.name} has {other:,} parameters and the student {config.spec} {own:,}: it is no larger")
    frozen: Generator = teacher.requires_grad_(False).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return frozen


def _perceptual(args: argparse.Namespace, device: torch.device) -> Perceptual:
    from models.losses.perceptual import read_perceptual

    return read_perceptual(args.perceptual, device)
