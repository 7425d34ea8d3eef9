"""``python -m models grow``: a larger network that begins as a trained smaller one."""

import argparse
from pathlib import Path

from models.checkpoint import SHIPPED, load_checkpoint, read_safetensors, save_checkpoint, sha256
from models.commands.checkpoint_place import check_checkpoint_place
from models.spec import SPECS
from models.system.number_arguments import whole
from models.training.grow import grow

EXAMPLES = """examples:
  python -m models grow --spec wavefill-s-wide --out runs/wide.safetensors
  python -m models train --data photos/train --out runs/wide --init runs/wide.safetensors --set spec=wavefill-s-wide
"""

KEPT = ("licence", "photos", "photos_sha256", "step")
"""What the smaller one's header says of its training and stays true of the larger one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", default=SHIPPED, metavar="CHECKPOINT", help="default: the shipped one"
    )
    parser.add_argument("--spec", choices=SPECS, required=True, help="the larger model spec")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write, *.safetensors")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of what is repeated (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Grow a checkpoint and print the path of the new one.

    Raises:
        ValueError: not a checkpoint, or a spec that it cannot grow to.
        OSError: the file cannot be written.
    """
    check_checkpoint_place(args.out)
    small = load_checkpoint(args.checkpoint)
    large = grow(small, SPECS[args.spec], args.seed)
    _, header = read_safetensors(args.checkpoint)
    kept = {name: header[name] for name in KEPT if name in header}
    save_checkpoint(args.out, large, {**kept, "grown_from_sha256": sha256(args.checkpoint), "grown_seed": str(args.seed)})
    print(args.out)
    return 0
