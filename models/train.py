"""``python -m models train``: train a generator on a folder of photos."""

import argparse
import hashlib
import sys
from pathlib import Path

import torch

from models.checkpoint import write_atomically
from models.data.photos import PhotoCache, find_photos
from models.train_config import PRESETS
from models.train_loop import run
from models.train_state import TrainState

EXAMPLES = """examples:
  python -m models train --data photos/train --out runs/first --max-minutes 60
  python -m models train --data photos/train --out runs/first --resume
  python -m models train --data photos/train --out runs/small --set seed=1 --set steps=2000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of training photos, searched recursively")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="run folder: state, checkpoint, log")
    parser.add_argument("--preset", choices=PRESETS, default="l1", help="configuration to start from (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting; repeatable")
    parser.add_argument("--max-minutes", type=float, default=float("inf"), metavar="N", help="stop after N minutes")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out; --set changes its settings")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--licence", default="unstated", metavar="TEXT", help="terms of the weights, kept in their header")
    parser.add_argument("--limit", type=int, metavar="N", help="use only the first N photos")


def main(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint.

    Raises:
        ValueError: bad arguments or data, see the message.
    """
    if not args.max_minutes > 0:  # not a number is not, either
        raise ValueError(f"--max-minutes is {args.max_minutes:g}, it must be positive")
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit is {args.limit}, it must be at least 1")
    device = _device(args.device)
    state_file = args.out / "state.safetensors"
    if args.resume:
        if not state_file.is_file():
            raise ValueError(f"{args.out}: nothing to resume (no state.safetensors in it)")
        state, config = TrainState.load(state_file, device, args.set)
        if state.step >= config.steps:
            raise ValueError(f"{args.out}: finished at step {state.step}; to go on, resume with --set steps=N")
    else:
        if state_file.exists():
            raise ValueError(f"{args.out} already holds a run; go on with --resume or choose another folder")
        config = PRESETS[args.preset].with_settings(args.set)
        state = TrainState.fresh(config, device)
    cache = PhotoCache.read(args.data, max(size for _, size, _ in config.stages), limit=args.limit)
    write_atomically(args.out / "config.json", f"{config.to_json()}\n".encode())
    provenance = {
        "licence": args.licence,
        "photos": str(len(cache.full)),
        "photos_sha256": _names_sha256(args.data, args.limit),
        "config": config.to_json(),
        "torch": torch.__version__,
    }
    run(state, cache, config, args.out, provenance, args.max_minutes)
    print(f"training state and log are in {args.out}", file=sys.stderr)
    print(args.out / "checkpoint.safetensors")
    return 0


def _device(name: str) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--device is {name!r}; allowed: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: no CUDA device here")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _names_sha256(folder: Path, limit: int | None) -> str:
    """Hash of the file names and sizes, enough to tell data sets apart without reading them twice."""
    lines = [f"{path.relative_to(folder)} {path.stat().st_size}\n" for path in find_photos(folder)[:limit]]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
