"""``python -m models {train,inpaint,evaluate,info}``.

A verb's module is imported only when that verb is asked for: help is instant, and no verb needs another's packages.
"""

import argparse
import importlib
import sys

from models.system.errors import Parser, run_main

VERBS: dict[str, tuple[str, str]] = {
    # verb      module with add_arguments(parser) and main(args)   help
    "train": ("models.commands.train", "train a generator on a folder of photos"),
    "inpaint": ("models.commands.inpaint", "fill the hole of a photo of any size"),
    "masks": ("models.commands.masks", "draw masks for an evaluation and fix them in a file"),
    "evaluate": ("models.commands.evaluate", "measure fills against true photos, beside classical baselines"),
    "teacher": ("models.teacher.commands.verbs", "diffusion teachers: make data for the student, never shipped"),
    "info": ("models.commands.info", "say what a checkpoint is: spec, parameters, MACs, hash, provenance"),
}

EXAMPLES = (
    "python -m models inpaint photo.jpg mask.png filled.png",
    "python -m models evaluate --data photos/val --masks photos/masks",
    "python -m models train --data photos/train --out runs/first --max-minutes 60",
    "python -m models info",
)


def main(arguments: list[str]) -> int:
    """Run one verb; returns its exit code."""
    parser = Parser(prog="python -m models", description="Train, run and measure the inpainter.", examples=EXAMPLES)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for verb, (module, help_text) in VERBS.items():
        verb_parser = verbs.add_parser(verb, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        if verb == asked:
            importlib.import_module(module).add_arguments(verb_parser)
    args: argparse.Namespace = parser.parse_args(arguments)
    return int(importlib.import_module(VERBS[args.verb][0]).main(args))


if __name__ == "__main__":
    sys.exit(run_main(main))
