"""``python -m quantize finetune``: train a checkpoint further as its quantised program (QAT)."""

import argparse
import dataclasses
from pathlib import Path

from models.system.errors import OK, Parser

EXAMPLES = (
    "python -m quantize finetune --data photos/train --out runs/qat --max-minutes 60",
    "python -m quantize finetune --data photos/train --out runs/qat --resume",
    "python -m quantize finetune --checkpoint mine.safetensors --data photos/train --out runs/qat --set steps=4000",
    "python -m export all --checkpoint runs/qat/checkpoint.safetensors --out qat",
)


def add_arguments(parser: Parser) -> None:
    """Options of ``finetune``: those of every training, and the network with its table."""
    from models.training.command import add_run_arguments

    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="safetensors checkpoint (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its table (default: the one beside it)")
    add_run_arguments(parser)
    # What other trainings can have and this one does not.
    parser.set_defaults(preset=None, init=[], pairs=None, perceptual=None, teacher=None, workers=0, short_side=None)


def run(arguments: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint, beside which its table lies."""
    from models.checkpoint import SHIPPED
    from models.commands.train import student
    from models.training.command import carry_out
    from quantize.commands.inputs import checkpoint_and_table
    from quantize.finetune import QuantisedForward, QuantisedStudent
    from quantize.table import calibration_path

    if any(setting.partition("=")[0] == "spec" for setting in arguments.set):
        raise ValueError("--set spec: the network is that of --checkpoint; leave the setting out")
    path = arguments.checkpoint or SHIPPED
    # Also of a run that goes on: its table is the one that it began with, and that one belongs to the checkpoint.
    generator, table = checkpoint_and_table(path, arguments.calibration)
    arguments.calibration = arguments.calibration or calibration_path(path)
    if not arguments.resume:
        arguments.init = [path]
        arguments.set = [f"spec={generator.spec.name}", *arguments.set]
    plain = student(arguments, "finetune")
    own = {field.name: getattr(plain, field.name) for field in dataclasses.fields(plain)}
    forward = QuantisedForward(generator, table)
    carry_out(arguments, QuantisedStudent(**{**own, "forward": forward}, table=table))
    return OK
