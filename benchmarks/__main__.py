"""``python -m benchmarks``: measure artefacts and training on this host."""

import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run one benchmark; see ``python -m benchmarks --help``."""
    # Imported here, not above: they take seconds, and Ctrl-C meanwhile must end as quietly as later.
    from benchmarks.table import BENCHMARKS
    from models.system.errors import Parser

    parser = Parser(
        prog="python -m benchmarks",
        description="Measure a folder of artefacts, or training, on this host's processor.",
        examples=("python -m benchmarks latency", "python -m benchmarks latency --artifacts artifacts --threads 1 --json"),
    )
    names = parser.add_subparsers(dest="benchmark", required=True)
    for name, benchmark in BENCHMARKS.items():
        benchmark.add_arguments(
            names.add_parser(
                name,
                help=benchmark.SUMMARY,
                description=benchmark.__doc__,
                examples=benchmark.EXAMPLES,
            )
        )
    parsed = parser.parse_args(arguments)
    return int(BENCHMARKS[parsed.benchmark].run(parsed))


if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "own_names.py"))["check"]("models", "quantize", "export")
    from models.system.errors import run_main

    sys.exit(run_main(main))
