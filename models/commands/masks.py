"""``python -m models masks``: draw masks for an evaluation and fix them in a file."""

import argparse
from pathlib import Path

from models.data.mask_file import MaskFile
from models.photo.images import check_place
from models.spec import LARGEST_SIZE

EXAMPLES = """examples:
  python -m models masks --out masks.npz --count 200 --seed 0
  python -m models evaluate --data photos/val --masks masks.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write, .npz")
    parser.add_argument("--size", type=int, default=256, metavar="N", help="masks of N x N pixels (default: %(default)s)")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Draw, write, print the path.

    Raises:
        ValueError: bad arguments.
        OSError: the file cannot be written.
    """
    if not 16 <= args.size <= LARGEST_SIZE:
        raise ValueError(f"--size: {args.size} given, 16 to {LARGEST_SIZE} are allowed")
    if not 1 <= args.count <= 100_000:
        raise ValueError(f"--count: {args.count} given, 1 to 100000 are allowed")
    if args.seed < 0:
        raise ValueError(f"--seed: {args.seed} given, at least 0 is needed")
    if args.out.suffix != ".npz":
        raise ValueError(f"--out: {args.out} given, a name that ends in .npz is needed")
    check_place(args.out)
    MaskFile.draw(args.size, args.count, args.seed).write(args.out)
    print(args.out)
    return 0
