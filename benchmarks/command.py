"""The console script ``wavefill``: the verbs of ``python -m models``, and export, quantize and benchmarks with theirs.

It lives here because this package is the last of the arrow and may import all the others. A package is imported when one of its
verbs is asked for. ``wavefill inpaint`` and ``outpaint`` are those of export, which take an artefact as well as a checkpoint.
"""

import os
import runpy
from pathlib import Path


def _quantize(arguments: list[str]) -> int:
    from quantize.__main__ import main

    return main(arguments)


def _export(arguments: list[str]) -> int:
    from export.__main__ import main

    return main(arguments)


def _benchmarks(arguments: list[str]) -> int:
    from benchmarks.__main__ import main

    return main(arguments)


PACKAGES = {
    # word on the command line and package   its main   help
    "quantize": (_quantize, "find the numbers of the w8a8 scheme, and show them"),
    "export": (_export, "make, verify and list artefacts, and fill photos with them"),
    "benchmarks": (_benchmarks, "measure artefacts and training on this host"),
}

FILLS = {"inpaint": "fill the hole of a photo of any size", "outpaint": "widen a photo"}
"""Verbs of export that need no word before them."""

EXAMPLES = (
    "wavefill inpaint photo.jpg mask.png filled.png",
    "wavefill export coreml",
    "wavefill train --data photos/train --out runs/first --max-minutes 60",
    "wavefill benchmarks latency",
)


def main(arguments: list[str]) -> int:
    """Run one verb; returns its exit code."""
    from models.__main__ import VERBS
    from models.__main__ import main as models_main
    from models.system.errors import Parser

    first = arguments[0] if arguments else None
    if first in PACKAGES:
        return PACKAGES[first][0](arguments[1:])
    if first in FILLS:
        return _export(arguments)
    if first in VERBS:
        return models_main(arguments)
    parser = Parser(prog="wavefill", description="Fill holes in photos; train, quantise, export and measure.", examples=EXAMPLES)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, help_text in {**{verb: text for verb, (_, text) in {**VERBS, **PACKAGES}.items()}, **FILLS}.items():
        verbs.add_parser(verb, help=help_text)
    parser.parse_args(arguments)  # prints the help, or names what is wrong; some Pythons let ``-- VERB`` through
    return parser.error("the verb comes first")


def run() -> int:
    """What the console script calls; see ``models.system.errors`` for its exit codes."""
    # A Python that this one starts would look for modules in the working directory first, and find the user's models.py there.
    os.environ["PYTHONSAFEPATH"] = "1"
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models", *PACKAGES)
    from models.system.errors import run_main

    return run_main(main)
