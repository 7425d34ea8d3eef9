"""``python -m export``: make, verify and list artefacts."""

import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run one verb; see ``python -m export --help``."""
    # Imported here, not above: they take seconds, and Ctrl-C meanwhile must end as quietly as later.
    from export import cli_list, cli_make, cli_verify
    from export.backends import artefact_backends
    from models.cli_errors import Parser

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
        cli_make.add_arguments(
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
    cli_verify.add_arguments(
        verbs.add_parser(
            "verify",
            help="check artefacts against their manifests and PyTorch",
            description=cli_verify.DESCRIPTION,
            examples=("python -m export verify artifacts/", "python -m export verify artifacts/wavefill-s-256-onnx-fp32 --json"),
        )
    )
    cli_list.add_arguments(verbs.add_parser("list", help="print the support matrix", examples=("python -m export list",)))
    parsed = parser.parse_args(arguments)
    runs = {"verify": cli_verify.run, "list": cli_list.run}
    return runs.get(parsed.verb, cli_make.run)(parsed)


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "own_names.py"))["check"]("models", "quantize")
    from models.cli_errors import run_main

    sys.exit(run_main(main))
