"""Quality: artefacts, a checkpoint and classical baselines on the same photos and holes.

What is measured, and with which options, is that of ``python -m models evaluate``; here every artefact is one more network.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from export.artifact.loading import load_artefact, model_folder
from export.artifact.manifest import read_manifest
from models.commands.evaluate import Networks, add_measuring_arguments, checkpoint_networks, measure_networks
from models.evaluation.baselines import BASELINES
from models.fill.windows import Run
from models.system.errors import Parser

SUMMARY = "how good the fills of artefacts are, beside a checkpoint and classical baselines"

EXAMPLES = (
    "python -m benchmarks quality --data photos/val --masks photos/masks --artifact artifacts/wavefill-s-256-onnx-w8a8",
    "python -m benchmarks quality --data photos/val --count 20 --checkpoint mine.safetensors --sheet evaluation.png",
)

RESERVED = {"network", *BASELINES, "photo", "hole"}
"""Names of other rows of the table and other columns of the sheet: an artefact of such a name would take their place."""

THREADS = 2


def add_arguments(parser: Parser) -> None:
    """Options of ``quality``."""
    add_measuring_arguments(parser)
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones, unless --artifact is given)"
    )
    parser.add_argument(
        "--artifact", type=Path, action="append", default=[], metavar="DIR", help="an exported artefact to measure; repeatable"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write what was asked for."""
    return measure_networks(arguments, lambda: _networks(arguments))


def _networks(arguments: argparse.Namespace) -> Networks:
    """Every network by its name in the table: the checkpoint first, then artefacts in the order given."""
    size: int | None = arguments.size
    artefacts: dict[str, Run] = {}
    for folder in map(model_folder, arguments.artifact):
        name = folder.resolve().name
        if name in artefacts:
            raise ValueError(f"--artifact: {name} is given twice")
        if name in RESERVED:
            raise ValueError(f"--artifact: a folder cannot be called {name} here, another row has that name; rename it")
        artefacts[name], own = load_artefact(folder, THREADS), read_manifest(folder).size
        if size not in (None, own):
            raise ValueError(f"{folder}: made for {own}x{own} pixels, the other networks or --size say {size}")
        size = own
    if arguments.checkpoint or size is None or not artefacts:
        networks = checkpoint_networks(arguments.checkpoint, size)
    else:
        networks = Networks({}, size, {"checkpoint_sha256": None})
    setting = {**networks.setting, "artifacts": list(artefacts)}
    return replace(networks, runs={**networks.runs, **artefacts}, setting=setting)
