"""What the commands of the student's and of a teacher's training share: options, resuming, what is written about a run."""

import argparse
import fcntl
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.checkpoint import write_atomically
from models.data.datasets.table import DATASETS
from models.data.memory import available_bytes
from models.data.photo_source import GB, SHARE, Photos
from models.system.foreign import read_json, reader
from models.system.number_arguments import positive, whole
from models.training.run_config import RunConfig
from models.training.run_state import FILE, Config, read_config

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.recipe import Batch, Recipe


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that every training has."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of training photos, or of a data set")
    parser.add_argument("--dataset", choices=DATASETS, default="folder", help="layout of --data (default: %(default)s)")
    parser.add_argument("--val", type=Path, metavar="DIR", help="photos for evaluation; refused if one of them is in training")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="run folder: state, weights, logs, samples")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting; repeatable")
    parser.add_argument("--max-minutes", type=positive, default=float("inf"), metavar="N", help="stop after N minutes")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out; --set changes its settings")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--licence", default="unstated", metavar="TEXT", help="terms of the weights, kept with them")
    parser.add_argument(
        "--memory-gb", type=positive, metavar="N", help="memory for decoded photos (default: half of what is free)"
    )
    parser.add_argument("--limit", type=whole(1), metavar="N", help="use only the first N photos")
    parser.add_argument(
        "--save-seconds", type=positive, default=180.0, metavar="N", help="save this often (default: %(default)s)"
    )
    parser.add_argument("--sample-steps", type=whole(0), default=1000, metavar="N", help="sample sheet every N steps; 0: none")


def run_configuration(args: argparse.Namespace, presets: Mapping[str, Config], name: str | None, default: str) -> Config:
    """The configuration of a run that begins, or of the one to go on with.

    Args:
        args: of the command.
        presets: rows by name.
        name: the row that was asked for, if one was; the option is called as the configuration's ``FIXED`` field.
        default: the row of a run that begins without a name.

    Raises:
        ValueError: a run where none may be, none where one is needed, another one, a finished one, or bad settings.
    """
    file, kind = args.out / FILE, type(presets[default])
    if not args.resume:
        if file.exists():
            raise ValueError(f"{args.out} already holds a run; go on with --resume or choose another folder")
        return presets[name or default].with_settings(args.set)
    if not file.is_file():
        raise ValueError(f"{args.out}: nothing to resume (no {FILE} in it)")
    step, config = read_config(file, kind, args.set)
    stored = getattr(config, kind.FIXED)
    if name not in (None, stored):
        raise ValueError(f"{args.out} holds a run of {kind.FIXED} {stored}, not {name}; leave --{kind.FIXED} out to go on")
    if step >= config.steps:
        raise ValueError(f"{args.out}: finished at step {step}; to go on, resume with --set steps=N")
    return config


def require_same(
    args: argparse.Namespace, provenance: Mapping[str, str], stored: Mapping[str, str], options: Mapping[str, str]
) -> None:
    """Refuse to go on with other data than a run began with.

    Args:
        args: of the command.
        provenance: of this part of the run.
        stored: of the run so far.
        options: name of an entry -> the option that decides it.

    Raises:
        ValueError: naming the option.
    """
    for name, option in options.items():
        if provenance.get(name) != stored.get(name):
            raise ValueError(f"{option}: not what the run in {args.out} was trained with; begin another run")


def published_header(
    args: argparse.Namespace, config: RunConfig, photos: Photos, provenance: Mapping[str, str]
) -> dict[str, str]:
    """What a published network says of its training."""
    return {
        **provenance,
        "licence": args.licence,
        "photos": str(len(photos)),
        "config": config.to_json(),
        "torch": torch.__version__,
    }


def carry_out(args: argparse.Namespace, recipe: "Recipe[Batch]") -> None:
    """Run a recipe in its folder, and print where its product is.

    Raises:
        ValueError: another process trains there; a loss that is not finite.
        ToolchainMissing: TensorBoard is not installed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the run is saved.
    """
    from models.training.loop import Limits, run

    limits = Limits(args.max_minutes, args.save_seconds, args.sample_steps)
    engine = recipe.engine
    with exclusive(recipe.folder) if engine.is_main else nullcontext():
        if engine.is_main:
            describe(args, recipe)
        run(recipe, limits)
    engine.close()
    if engine.is_main:
        print(f"training state and log are in {recipe.folder}", file=sys.stderr)
        print(recipe.product)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process, and clear away what a killed one left half written.

    Raises:
        ValueError: another process trains there, for example one whose launcher was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another process is training there; stop it first") from error
        for name in ("state", "checkpoint", "*.discriminators"):
            for left in folder.glob(f".{name}.safetensors.*"):
                left.unlink()
        yield


def describe(args: argparse.Namespace, recipe: "Recipe[Batch]") -> None:
    """Write what this run is before its first step: ``config.json``, and ``run.json`` with one entry for each part of the run."""
    engine, photos = recipe.engine, len(recipe.photos)
    file = recipe.folder / "run.json"
    parts: list[dict[str, object]] = read_parts(file) if args.resume and file.is_file() else []
    parts.append(
        {
            "from_step": recipe.state.step,
            "command": ["python", "-m", "models", *sys.argv[1:]],
            "data": str(args.data),
            "photos": photos,
            **recipe.state.provenance,
            "device": str(engine.device),
            "processes": engine.processes,
            "threads": torch.get_num_threads(),
            "bf16": engine.bf16,
            "torch": torch.__version__,
            "machine": platform.platform(),
        }
    )
    write_atomically(recipe.folder / "config.json", f"{recipe.config.to_json()}\n".encode())
    write_atomically(file, f"{json.dumps(parts, indent=1)}\n".encode())
    precision = "bf16 autocast" if engine.bf16 else "fp32"
    print(f"{engine.processes} process(es) on {engine.device.type}, {precision}, {photos} photos", file=sys.stderr)


@reader
def read_parts(file: Path) -> list[dict[str, object]]:
    """What ``run.json`` says of a run so far, one entry for each part.

    Raises:
        ValueError: damaged.
    """
    parts = read_json(file)
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("a list of objects is needed")
    return parts


def memory_share(memory_gb: float | None, processes: int) -> float | None:
    """This process's share: every process holds the photos, and several of them may be on one host."""
    if processes == 1:
        return memory_gb
    return (memory_gb or SHARE * available_bytes() / GB) / processes
