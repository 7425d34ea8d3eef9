"""``python -m models train``: train a generator on photos; alone, or under ``accelerate launch``."""

import argparse
import fcntl
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.checkpoint import load_checkpoint, sha256, write_atomically
from models.data.datasets.table import DATASETS
from models.data.duplicates import overlap
from models.data.memory import available_bytes
from models.data.pairs import PairShards
from models.data.photo_source import GB, SHARE, Photos, open_photos
from models.data.photos import PhotoCache, find_photos
from models.spec import SPECS
from models.system.foreign import read_json, reader
from models.system.number_arguments import positive, whole
from models.training.config import PRESETS, TrainConfig
from models.training.state import TrainState, read_header
from models.training.step import Perceptual

if TYPE_CHECKING:
    from models.training.engine import Engine

EXAMPLES = """examples:
  python -m models train --data photos/train --out runs/first --max-minutes 60
  python -m models train --data photos/train --out runs/first --resume
  python -m models train --data photos/train --out runs/gan --preset adversarial --init runs/first/checkpoint.safetensors
  python -m models train --data photos/train --out runs/small --set seed=1 --set steps=2000
  accelerate launch --multi_gpu --num_processes 2 -m models train --device cpu --data photos/train --out runs/two
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--preset", choices=PRESETS, help="configuration to start from (default: l1)")
    parser.add_argument("--init", type=Path, metavar="FILE", help="checkpoint whose weights the generator begins with")
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


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that every training has, the student's and a teacher's."""
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


def main(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint.

    Raises:
        ValueError: bad arguments or data, see the message.
        ToolchainMissing: Accelerate or TensorBoard is not installed.
    """
    config, saved = _configuration(args)
    # Imported late: whoever only asks for help, or made a mistake above, does not wait for it.
    from models.training.engine import Engine

    engine = Engine(args.device, config.precision)
    engine.check(config)
    paths = DATASETS[args.dataset](args.data, "train")[: args.limit]
    facts = _facts(args, paths)
    if args.val:
        check_apart(paths, args.val)
    pairs = PairShards.open(args.pairs) if args.pairs else None
    if pairs:
        for _, size, _ in config.stages:
            pairs.require_size(size)
        facts["pairs_sha256"] = pairs.sha256
    state = _state(args, config, saved, engine.device, facts)
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
    with exclusive(args.out) if engine.is_main else nullcontext():
        _go(args, config, engine, state, photos, facts, perceptual, pairs)
    engine.close()
    return 0


def _go(
    args: argparse.Namespace,
    config: TrainConfig,
    engine: "Engine",
    state: TrainState,
    photos: Photos,
    facts: dict[str, str],
    perceptual: Perceptual | None,
    pairs: PairShards | None,
) -> None:
    from models.training.loop import Limits, run

    if engine.is_main:
        _describe(args, config, engine, state.step, len(photos), facts)
    provenance = {
        **facts,
        "licence": args.licence,
        "photos": str(len(photos)),
        "config": config.to_json(),
        "torch": torch.__version__,
    }
    limits = Limits(args.max_minutes, args.save_seconds, args.sample_steps)
    run(
        state,
        photos,
        config,
        args.out,
        engine,
        provenance=provenance,
        limits=limits,
        perceptual=perceptual,
        pairs=pairs,
        workers=args.workers,
    )
    if engine.is_main:
        print(f"training state and log are in {args.out}", file=sys.stderr)
        print(args.out / "checkpoint.safetensors")


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
        for name in ("state", "checkpoint"):
            for left in folder.glob(f".{name}.safetensors.*"):
                left.unlink()
        yield


def _describe(
    args: argparse.Namespace, config: TrainConfig, engine: "Engine", step: int, photos: int, facts: dict[str, str]
) -> None:
    """Write what this run is before its first step: ``config.json``, and ``run.json`` with one entry for each part of the run."""
    file = args.out / "run.json"
    parts: list[dict[str, object]] = read_parts(file) if args.resume and file.is_file() else []
    parts.append(
        {
            "from_step": step,
            "command": ["python", "-m", "models", *sys.argv[1:]],
            "data": str(args.data),
            "photos": photos,
            **facts,
            "device": str(engine.device),
            "processes": engine.processes,
            "threads": torch.get_num_threads(),
            "bf16": engine.bf16,
            "torch": torch.__version__,
            "machine": platform.platform(),
        }
    )
    write_atomically(args.out / "config.json", f"{config.to_json()}\n".encode())
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


def _configuration(args: argparse.Namespace) -> tuple[TrainConfig, Path | None]:
    """The run's configuration, and the file to resume from."""
    file = args.out / "state.safetensors"
    if not args.resume:
        if file.exists():
            raise ValueError(f"{args.out} already holds a run; go on with --resume or choose another folder")
        config = PRESETS[args.preset or "l1"].with_settings(args.set)
        saved = None
    else:
        if not file.is_file():
            raise ValueError(f"{args.out}: nothing to resume (no state.safetensors in it)")
        if args.init:
            raise ValueError("--init is for the beginning of a run; with --resume the weights are those of the run")
        step, config = read_header(file, args.set)
        if args.preset not in (None, config.preset):
            raise ValueError(f"{args.out} holds a run of preset {config.preset}, not {args.preset}; leave --preset out to go on")
        if step >= config.steps:
            raise ValueError(f"{args.out}: finished at step {step}; to go on, resume with --set steps=N")
        saved = file
    if config.perceptual and not args.perceptual:
        raise ValueError("the configuration has a perceptual loss: give its network's weights with --perceptual FILE")
    if args.perceptual and not config.perceptual:
        raise ValueError("--perceptual is given, but the loss has no weight; give it one with --set perceptual=0.1")
    return config, saved


def _facts(args: argparse.Namespace, paths: list[Path]) -> dict[str, str]:
    """What decides the weights beside the configuration."""
    facts = {"photos_sha256": names_sha256(args.data, paths)}
    if args.short_side:
        facts["short_side"] = str(args.short_side)
    if args.perceptual:
        facts["perceptual_sha256"] = sha256(args.perceptual)
    if args.init:
        facts["init_sha256"] = sha256(args.init)
    return facts


def _state(
    args: argparse.Namespace, config: TrainConfig, saved: Path | None, device: torch.device, facts: dict[str, str]
) -> TrainState:
    """A fresh state, or that of the run to go on with; ``facts`` gains what the run already knew."""
    if saved is None:
        state = TrainState.fresh(config, device, facts)
        if args.init:
            start = load_checkpoint(args.init)
            if start.spec != SPECS[config.spec]:
                raise ValueError(f"{args.init}: holds a {start.spec.name}, the configuration says {config.spec}")
            state.start_from(start)
        return state
    state, _ = TrainState.load(saved, device, args.set)
    for name, what in (
        ("photos_sha256", "--data"),
        ("perceptual_sha256", "--perceptual"),
        ("pairs_sha256", "--pairs"),
        ("short_side", "--short-side"),
    ):
        if facts.get(name) != state.facts.get(name):
            raise ValueError(
                f"{what}: not what the run in {args.out} was trained with; begin another run, with --init if you like"
            )
    facts.update(state.facts)
    return state


def _perceptual(args: argparse.Namespace, device: torch.device) -> Perceptual:
    from models.losses.perceptual import read_perceptual

    return read_perceptual(args.perceptual, device)


def memory_share(memory_gb: float | None, processes: int) -> float | None:
    """This process's share: every process holds the photos, and several of them may be on one host."""
    if processes == 1:
        return memory_gb
    return (memory_gb or SHARE * available_bytes() / GB) / processes


def check_apart(paths: list[Path], val: Path) -> None:
    """Refuse photos that an evaluation will be shown."""
    shared = overlap(paths, find_photos(val))
    if shared:
        train, same = shared[0]
        raise ValueError(f"{len(shared)} photos of {val} are in the training set, first {train} = {same}; remove them from one")


def names_sha256(folder: Path, paths: list[Path]) -> str:
    """Hash of the file names and sizes, enough to tell data sets apart without reading them twice."""
    lines = [f"{path.relative_to(folder)} {path.stat().st_size}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
