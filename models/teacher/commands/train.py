"""``python -m models teacher train``: train a denoiser or a few-step generator on photos, in one process or several."""

import argparse
import json
import platform
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.checkpoint import write_atomically
from models.commands.train import add_run_arguments, check_apart, exclusive, memory_share, names_sha256, read_parts
from models.data.datasets.table import DATASETS
from models.data.photo_source import open_photos
from models.system.number_arguments import whole
from models.teacher.training.config import PRESETS, TeacherConfig
from models.teacher.training.state import TeacherState, check_stored, read_config

if TYPE_CHECKING:
    from models.training.engine import Engine

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
    config = _configuration(args)
    from models.teacher.training.publish import published
    from models.training.engine import Engine

    engine = Engine(args.device, config.precision)
    config.share(engine.rank, engine.processes)
    paths = DATASETS[args.dataset](args.data, "train")[: args.limit]
    if args.val:
        check_apart(paths, args.val)
    # Small pictures of whole scenes, not small cut-outs: a fill has to follow what surroundings show.
    short_side = args.short_side or config.size * 9 // 8
    facts = {"photos_sha256": names_sha256(args.data, paths), "short_side": str(short_side)}
    with exclusive(args.out) if engine.is_main else nullcontext():
        _go(args, config, engine, paths, facts, short_side)
    engine.close()
    if engine.is_main:
        print(f"training state and log are in {args.out}", file=sys.stderr)
        print(published(args.out, config))
    return 0


def _configuration(args: argparse.Namespace) -> TeacherConfig:
    file = args.out / "state.safetensors"
    if not args.resume:
        if file.exists():
            raise ValueError(f"{args.out} already holds a run; go on with --resume or choose another folder")
        return PRESETS[args.kind or "ddpm"].with_settings(args.set)
    if not file.is_file():
        raise ValueError(f"{args.out}: nothing to resume (no state.safetensors in it)")
    step, config = read_config(file, args.set)
    if args.kind not in (None, config.kind):
        raise ValueError(f"{args.out} holds a run of {config.kind}, not {args.kind}; leave --kind out to go on")
    if step >= config.steps:
        raise ValueError(f"{args.out}: finished at step {step}; to go on, resume with --set steps=N")
    return config


def _go(
    args: argparse.Namespace, config: TeacherConfig, engine: "Engine", paths: list[Path], facts: dict[str, str], short_side: int
) -> None:
    from models.teacher.training.kinds import build
    from models.teacher.training.loop import run
    from models.teacher.training.publish import publish, sample_page
    from models.training.loop import Limits

    if args.resume:
        check_stored(args.out / "state.safetensors", config, lambda: build(config, torch.device("meta")))
    state = TeacherState.fresh(build(config, engine.device), config, facts)
    if args.resume:
        state.restore(args.out / "state.safetensors")
        for name, option in (("photos_sha256", "--data"), ("short_side", "--short-side")):
            if facts[name] != state.facts.get(name):
                raise ValueError(f"{option}: not what the run in {args.out} was trained with; begin another run")
    photos = open_photos(paths, config.size, memory_gb=memory_share(args.memory_gb, engine.processes), short_side=short_side)
    if engine.is_main:
        _describe(args, config, engine, state.step, len(photos), facts)
    provenance = {"licence": args.licence, "photos": str(len(photos)), "torch": torch.__version__}
    run(
        state,
        photos,
        config,
        args.out,
        engine,
        limits=Limits(args.max_minutes, args.save_seconds, args.sample_steps),
        publish=lambda now: publish(now, config, args.out, provenance),
        page=lambda now: sample_page(now, photos, config),
    )


def _describe(
    args: argparse.Namespace, config: TeacherConfig, engine: "Engine", step: int, photos: int, facts: dict[str, str]
) -> None:
    """Write what this run is before its first step: ``config.json``, and ``run.json`` with one entry for each part of the run."""
    file = args.out / "run.json"
    parts: list[dict[str, object]] = read_parts(file) if args.resume and file.is_file() else []
    command = ["python", "-m", "models", *sys.argv[1:]]
    place = {"device": str(engine.device), "processes": engine.processes, "bf16": engine.bf16, "machine": platform.platform()}
    parts.append({"from_step": step, "command": command, "photos": photos, **facts, **place, "torch": torch.__version__})
    write_atomically(args.out / "config.json", f"{config.to_json()}\n".encode())
    write_atomically(file, f"{json.dumps(parts, indent=1)}\n".encode())
    precision = "bf16 autocast" if engine.bf16 else "fp32"
    print(f"{engine.processes} process(es) on {engine.device.type}, {precision}, {photos} photos", file=sys.stderr)
