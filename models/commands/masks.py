"""``python -m models masks``: draw masks for an evaluation and fix them in a file."""

import argparse
from pathlib import Path

from models.data.mask_file import MaskFile
from models.photo.images import check_place
from models.spec import LARGEST_SIZE
from models.system.number_arguments import whole

EXAMPLES = """examples:
  python -m models masks --out masks.npz --count 200 --seed 0
  python -m models evaluate --data photos/val --masks masks.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write, .npz")
    parser.add_argument(
        "--size", type=whole(16, LARGEST_SIZE), default=256, metavar="N", help="masks of N x N pixels (default: %(default)s)"
    )
    parser.add_argument("--count", type=whole(1, 100_000), default=200, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Draw, write, print the path.

    Raises:
        ValueError: bad arguments.
        OSError: the file cannot be written.
    """
    if args.out.suffix != ".npz":
        raise ValueError(f"--out: {args.out} given, a name that ends in .npz is needed")
    check_place(args.out)
    MaskFile.draw(args.size, args.count, args.seed).write(args.out)
    print(args.out)
    return 0
