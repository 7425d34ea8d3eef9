"""``python -m export``: make, verify and list artefacts, and fill photos with them.

A verb's module is imported only when that verb is asked for: a converter takes seconds to import, and filling a photo needs none.
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = (
    "python -m export all",
    "python -m export coreml --scheme fp16 --size 512",
    "python -m export verify artifacts/",
    "python -m export inpaint photo.jpg mask.png filled.jpg --artifact artifacts/wavefill-s-256-onnx-w8a8",
    "python -m export list",
)


def _make() -> ModuleType:
    from export.commands import make

    return make


def _verify() -> ModuleType:
    from export.commands import verify

    return verify


def _inpaint() -> ModuleType:
    from export.commands import inpaint

    return inpaint


def _outpaint() -> ModuleType:
    from export.commands import outpaint

    return outpaint


def _list() -> ModuleType:
    from export.commands import list as list_

    return list_


def main(arguments: list[str]) -> int:
    """Run one verb; see ``python -m export --help``."""
    # Imported here, not above: Ctrl-C while it is imported must end as quietly as later.
    from export.runtimes import RUNTIMES
    from models.system.errors import Parser

    verbs = {
        **{name: (_make, f"make artefacts: {name}") for name in RUNTIMES},
        "all": (_make, "make artefacts: all formats"),
        "verify": (_verify, "check artefacts against their manifests and PyTorch"),
        "inpaint": (_inpaint, "fill the hole of a photo of any size"),
        "outpaint": (_outpaint, "widen a photo"),
        "list": (_list, "print the support matrix"),
    }
    parser = Parser(
        prog="python -m export",
        description="Turn a checkpoint into verified ONNX, Core ML and LiteRT artefacts, and run them.",
        examples=EXAMPLES,
    )
    parsers = parser.add_subparsers(dest="verb", required=True, metavar="{" + ",".join(verbs) + "}")
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for verb, (module, help_text) in verbs.items():
        verb_parser = parsers.add_parser(verb, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        if verb == asked:
            module().add_arguments(verb_parser)
    parsed = parser.parse_args(arguments)
    return int(verbs[parsed.verb][0]().run(parsed))


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models", "quantize")
    from models.system.errors import run_main

    sys.exit(run_main(main))
