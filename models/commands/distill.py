"""``python -m models distill``: train a generator on photos and on what a larger one of its family makes of the same holes.

The training is that of ``python -m models train``: its loop, its settings, its run folder, stopped and resumed alike. What the
teacher's fills weigh is the setting ``distillation``, a row of losses for the distance to them: ``hole_l1`` compares outputs,
``band_l1`` their Haar subbands. A diffusion teacher's completions are mixed in from shards (``--pairs``).
"""

import argparse
from pathlib import Path

from models.commands import train

EXAMPLES = """examples:
  python -m models distill --teacher runs/m/checkpoint.safetensors --data photos/train --val photos/val --out runs/student
  python -m models distill --teacher m.safetensors --data photos/train --out runs/student --init s.safetensors --pairs shards
  python -m models distill --teacher m.safetensors --data photos/train --out runs/student --resume
  python -m models distill --teacher m.safetensors --data p --out runs/bands --set 'distillation={"band_l1": 1.0}'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--teacher", type=Path, required=True, metavar="FILE", help="checkpoint of a larger generator")
    parser.set_defaults(calibration=None)
    train.add_training_arguments(parser, "distill")


def main(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint.

    Raises:
        ValueError: bad arguments or data, a teacher that is no checkpoint of this project, or shards of validation photos.
        ToolchainMissing: Accelerate or TensorBoard is not installed.
    """
    if args.teacher.is_dir():
        raise ValueError(
            f"{args.teacher}: is a folder, as diffusion teachers are; they teach by completions: "
            "python -m models teacher generate, then --pairs"
        )
    return train.train(args, "distill")
