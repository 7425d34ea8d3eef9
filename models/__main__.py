"""``python -m models``: train, measure and run networks.

A verb's module is imported only when that verb is asked for: help is instant, and no verb needs another's packages.
"""

import argparse
import sys
from types import ModuleType

from models.system.errors import Parser, run_main


def _train() -> ModuleType:
    from models.commands import train

    return train


def _distill() -> ModuleType:
    from models.commands import distill

    return distill


def _grow() -> ModuleType:
    from models.commands import grow

    return grow


def _mix() -> ModuleType:
    from models.commands import mix

    return mix


def _inpaint() -> ModuleType:
    from models.commands import inpaint

    return inpaint


def _masks() -> ModuleType:
    from models.commands import masks

    return masks


def _scenes() -> ModuleType:
    from models.commands import scenes

    return scenes


def _evaluate() -> ModuleType:
    from models.commands import evaluate

    return evaluate


def _teacher() -> ModuleType:
    from models.teacher.commands import verbs

    return verbs


def _info() -> ModuleType:
    from models.commands import info

    return info


VERBS = {
    # verb      imports the module with add_arguments(parser) and main(args)   help
    "train": (_train, "train a generator on a folder of photos"),
    "distill": (_distill, "train a generator on photos and on a larger one's fills"),
    "grow": (_grow, "begin a larger generator as a trained smaller one"),
    "mix": (_mix, "weights between two checkpoints of one network"),
    "inpaint": (_inpaint, "fill the hole of a photo of any size"),
    "masks": (_masks, "draw masks for an evaluation and fix them in a file"),
    "scenes": (_scenes, "make pictures of calm places, to train on beside photographs"),
    "evaluate": (_evaluate, "measure fills against true photos, beside classical baselines"),
    "teacher": (_teacher, "diffusion teachers: make data for the student, never shipped"),
    "info": (_info, "say what a checkpoint is: spec, parameters, MACs, hash, provenance"),
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
            module().add_arguments(verb_parser)
    args: argparse.Namespace = parser.parse_args(arguments)
    return int(VERBS[args.verb][0]().main(args))


if __name__ == "__main__":
    sys.exit(run_main(main))
