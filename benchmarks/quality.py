"""Quality: artefacts, a checkpoint, other people's inpainters and classical baselines on the same photos and holes.

What is measured, and with which options, is that of ``python -m models evaluate``; here every artefact is one more network, and
every ``--peer`` one more method.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.latency.process import Gone
from benchmarks.peers.fills import PATCHMATCH, fill_all, named_peers
from export.artifact.loading import load_artefact, model_folder
from export.artifact.manifest import read_manifest
from models.commands.evaluate import Cases, Networks, Others, add_measuring_arguments, checkpoint_networks, measure_networks
from models.evaluation.baselines import BASELINES
from models.evaluation.protocol import Fill
from models.fill.windows import Run
from models.system.errors import Parser, ToolchainMissing, note
from models.system.number_arguments import positive

SUMMARY = "how good the fills of artefacts are, beside a checkpoint, other inpainters and classical baselines"

EXAMPLES = (
    "python -m benchmarks quality --data photos/val --masks photos/masks --artifact artifacts/wavefill-s-256-onnx-w8a8",
    "python -m benchmarks quality --data photos/val --count 20 --checkpoint mine.safetensors --sheet evaluation.png",
    "python -m benchmarks quality --data photos/val --masks photos/masks --peer migan=migan.onnx --json evaluation.json",
)

RESERVED = {"network", *BASELINES, "photo", "hole", "PatchMatch"}
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
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="another inpainter, .onnx or .tflite, or 'patchmatch', which is measured beside any other where it is installed; "
        "repeatable",
    )
    parser.add_argument(
        "--limit", type=positive, default=300.0, metavar="S", help="give up a peer that takes so long for a fill (default: 300)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write what was asked for."""
    with tempfile.TemporaryDirectory(prefix="wavefill-peers-") as scratch:

        def others(networks: Networks, cases: Cases, total: int) -> Others:
            return _peers(arguments, networks, cases, total, Path(scratch))

        return measure_networks(arguments, lambda: _networks(arguments), others)


def _peers(arguments: argparse.Namespace, networks: Networks, cases: Cases, total: int, scratch: Path) -> Others:
    """Fills of every peer; one that cannot fill all photos is said and left out."""
    if not arguments.peer:
        return Others()
    field = named_peers(arguments.peer, networks.size)
    fills: dict[str, Fill] = {}
    unavailable = dict(field.skipped)
    if PATCHMATCH in arguments.peer and unavailable:
        raise ToolchainMissing("--peer patchmatch: patchmatch-cython is not installed (pip install 'wavefill[peers]')")
    for index, peer in enumerate(field.candidates):
        try:
            folder = scratch / str(index)
            fills[peer.name] = fill_all(peer, cases(), folder, threads=THREADS, limit_s=arguments.limit, total=total)
        except Gone as error:
            unavailable[peer.name] = str(error)
    for name, reason in unavailable.items():
        note(f"{name} is not measured: {reason}")
    about = {
        one.name: {"sha256": one.artifact["sha256"], "runtime": f"{one.runtime[0]} {one.version}", "note": one.note}
        for one in field.candidates
        if one.name in fills
    }
    return Others(fills, {"peers": about}, unavailable)


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
