"""``python -m models mix``: weights between two checkpoints."""

import argparse
from pathlib import Path

from models.checkpoint import load_checkpoint, read_safetensors, save_checkpoint, sha256
from models.commands.checkpoint_place import check_checkpoint_place
from models.system.number_arguments import fraction
from models.training.mix import mixed

EXAMPLES = """examples:
  python -m models mix runs/l1/checkpoint.safetensors runs/game/checkpoint.safetensors --share 0.6 --out runs/mixed.safetensors
"""

KEPT = ("licence", "photos", "photos_sha256")
"""What the second one's header says of its training; it went on from the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="weights that the other ones began as")
    parser.add_argument("other", type=Path, metavar="OTHER", help="weights of the same spec, trained on from there")
    parser.add_argument("--share", type=fraction, required=True, metavar="N", help="of the other, 0 to 1")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write, *.safetensors")


def main(args: argparse.Namespace) -> int:
    """Mix two checkpoints and print the path of the new one.

    Raises:
        ValueError: not checkpoints, or of two specs.
        OSError: the file cannot be written.
    """
    check_checkpoint_place(args.out)
    result = mixed(load_checkpoint(args.checkpoint), load_checkpoint(args.other), args.share)
    _, header = read_safetensors(args.other)
    kept = {name: header[name] for name in KEPT if name in header}
    hashes = {"mixed_from_sha256": sha256(args.checkpoint), "mixed_with_sha256": sha256(args.other)}
    save_checkpoint(args.out, result, {**kept, **hashes, "mixed_share": str(args.share)})
    print(args.out)
    return 0
