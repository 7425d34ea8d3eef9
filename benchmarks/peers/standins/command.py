"""Stand-ins: write networks of the published shapes of other inpainters, with random weights, as ONNX files.

They cost what the published networks cost and fill holes with noise. ``latency`` measures them beside the artefacts; a file of
the published network itself is measured with ``latency --peer``.
"""

import argparse
from pathlib import Path

from benchmarks.peers.standins.table import STANDINS, properties, write
from models.spec import LARGEST_SIZE
from models.system.errors import OK, Parser
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "write ONNX files of the published shapes of MI-GAN and LaMa, random weights, to compare costs"
EXAMPLES = ("python -m benchmarks standins", "python -m benchmarks standins migan --out peers --size 512")


def add_arguments(parser: Parser) -> None:
    """Options of ``standins``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(STANDINS)} (default: all)")
    parser.add_argument("--size", type=whole(64, LARGEST_SIZE), default=256, metavar="N", help="picture size (default: 256)")
    parser.add_argument("--out", type=Path, default=Path("standins"), metavar="DIR", help="where to (default: standins)")


def run(arguments: argparse.Namespace) -> int:
    """Write the files and print what each is.

    Raises:
        ValueError: an unknown name, a size that a shape does not take.
    """
    for name in arguments.names:
        if name not in STANDINS:
            raise ValueError(f"{name}: no such stand-in; there are {', '.join(STANDINS)}")
    rows = []
    for name in arguments.names or STANDINS:
        path = write(name, arguments.size, arguments.out)
        found = properties(path)
        rows.append(
            [
                str(path),
                f"{path.stat().st_size / 1e6:.1f}",
                f"{int(found['parameters']) / 1e6:.2f}",
                f"{int(found['macs']) / 1e9:.2f}",
                STANDINS[name].published,
            ]
        )
    print(table(["file", "MB", "M parameters", "GMACs", "published"], rows))
    return OK
