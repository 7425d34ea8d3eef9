"""``python -m export``: make, verify and list artefacts."""

import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run one verb; see ``python -m export --help``."""
    # Imported here, not above: they take seconds, and Ctrl-C meanwhile must end as quietly as later.
    from export.backends import artefact_backends
    from export.commands import list as list_command
    from export.commands import make as make_command
    from export.commands import verify as verify_command
    from models.system.errors import Parser

    parser = Parser(
        prog="python -m export",
        description="Turn a checkpoint into verified ONNX, Core ML and LiteRT artefacts.",
        examples=(
            "python -m export all",
            "python -m export coreml --scheme fp16 --size 512",
            "python -m export verify artifacts/",
            "python -m export list",
        ),
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="{" + ",".join([*artefact_backends(), "all", "verify", "list"]) + "}"
    )
    for verb in (*artefact_backends(), "all"):
        what = "all formats" if verb == "all" else verb
        make_command.add_arguments(
            verbs.add_parser(
                verb,
                help=f"make artefacts: {what}",
                description=f"Make artefacts ({what}) from a checkpoint, each checked against PyTorch.",
                examples=(
                    f"python -m export {verb}",
                    f"python -m export {verb} --scheme int8 --size 512 --out artifacts",
                    f"python -m export {verb} --checkpoint mine.safetensors --calibration photos/train",
                ),
            )
        )
    verify_command.add_arguments(
        verbs.add_parser(
            "verify",
            help="check artefacts against their manifests and PyTorch",
            description=verify_command.DESCRIPTION,
            examples=("python -m export verify artifacts/", "python -m export verify artifacts/wavefill-s-256-onnx-fp32 --json"),
        )
    )
    list_command.add_arguments(verbs.add_parser("list", help="print the support matrix", examples=("python -m export list",)))
    parsed = parser.parse_args(arguments)
    runs = {"verify": verify_command.run, "list": list_command.run}
    return runs.get(parsed.verb, make_command.run)(parsed)


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models", "quantize")
    from models.system.errors import run_main

    sys.exit(run_main(main))
