"""``python -m quantize``: number formats of a checkpoint, and what they cost."""

import runpy
import sys
from pathlib import Path
from types import ModuleType


def _calibrate() -> ModuleType:
    from quantize.commands import calibrate

    return calibrate


def _info() -> ModuleType:
    from quantize.commands import info

    return info


def _sensitivity() -> ModuleType:
    from quantize.commands import sensitivity

    return sensitivity


def _mixed() -> ModuleType:
    from quantize.commands import mixed

    return mixed


def _perturbation() -> ModuleType:
    from quantize.commands import perturbation

    return perturbation


def _activations() -> ModuleType:
    from quantize.commands import activations

    return activations


def _finetune() -> ModuleType:
    from quantize.commands import finetune

    return finetune


VERBS = {
    #               module        in one line; in a sentence
    "calibrate": (
        _calibrate,
        "make the table of a checkpoint from photos and write it beside it",
        "Make the table of a checkpoint from photos; prints the path of the file that it wrote.",
    ),
    "info": (
        _info,
        "print a table: tensor, scale, zero point, range",
        "Print a calibration: where it comes from, and for each tensor scale, zero point and range.",
    ),
    "sensitivity": (
        _sensitivity,
        "measure what rounding each tensor and layer costs, and draw it",
        "Measure what rounding each tensor and each layer costs: the fill with only it rounded, and with everything but it. "
        "Writes JSON and a picture; stopped, it goes on where it was.",
    ),
    "mixed": (
        _mixed,
        "keep the fewest layers in float that meet a budget of loss and parity",
        "Make a table that keeps the fewest layers in float that meet a budget: by a sensitivity file, or those that are named. "
        "Exit 1, with the best that was found, if it cannot be met.",
    ),
    "finetune": (
        _finetune,
        "train a checkpoint further as its quantised program (QAT)",
        "Train a checkpoint further with its table's roundings in every step; writes a checkpoint and its table. Can be "
        "stopped and resumed, as every training.",
    ),
    "perturbation": (
        _perturbation,
        "measure what one known value, changed by one level, does to the hole",
        "Change known values of photos by one level, one at a time, and measure how far the fill moves, in fp32 and in w8a8.",
    ),
    "activations": (
        _activations,
        "find the largest activations: is there room in half precision?",
        "Find the largest activation of each layer and a bound of every partial sum, and run the network in half precision.",
    ),
}
"""A verb's module is imported when it is asked for: `models` may be a file of the user's, which the last lines look out for."""


def main(arguments: list[str]) -> int:
    """Run one verb; returns its exit code."""
    from models.system.errors import Parser

    parser = Parser(
        prog="python -m quantize",
        description="Find the numbers of the w8a8 scheme once, for all formats and image sizes; show them, and what they cost.",
        examples=("python -m quantize calibrate --checkpoint mine.safetensors --data photos/train", "python -m quantize info"),
    )
    parsers = parser.add_subparsers(dest="verb", metavar="{" + ",".join(VERBS) + "}", required=True)
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for verb, (module, summary, description) in VERBS.items():
        examples = module().EXAMPLES if verb == asked else ()
        verb_parser = parsers.add_parser(verb, help=summary, description=description, examples=examples)
        if verb == asked:
            module().add_arguments(verb_parser)
    parsed = parser.parse_args(arguments)
    return int(VERBS[parsed.verb][0]().run(parsed))


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models")
    from models.system.errors import run_main

    sys.exit(run_main(main))
