"""``python -m export inpaint``: fill the hole of a photo of any size, with an artefact or a checkpoint."""

import argparse
from pathlib import Path

from export.artifact.loading import load_artefact, model_folder
from export.artifact.manifest import read_manifest
from models.commands.inpaint import (
    WHAT_IS_KEPT,
    Network,
    add_checkpoint_argument,
    add_photo_arguments,
    checkpoint_network,
    fill_file,
)
from models.commands.mask_options import add_mask_arguments
from models.system.errors import as_started

EXAMPLES = """examples:
  python -m export inpaint photo.jpg mask.png filled.jpg --artifact artifacts/wavefill-s-256-onnx-w8a8
  python -m export inpaint photo.jpg mask.png filled.png --checkpoint runs/first/checkpoint.safetensors --size 512
  python -m export inpaint photo.jpg drawn.jpg filled.png --invert --grow 8 --fit-mask

"""

THREADS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``inpaint``: those of ``python -m models inpaint``, and ``--artifact``."""
    parser.prog = as_started("python -m export inpaint")
    parser.epilog = EXAMPLES + WHAT_IS_KEPT
    add_photo_arguments(parser)
    network = parser.add_mutually_exclusive_group()
    add_checkpoint_argument(network)
    network.add_argument(
        "--artifact", type=Path, metavar="PATH", help="run this exported artefact: its folder or the model file in it"
    )
    add_mask_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill the hole, write the result and print its path.

    Raises:
        ValueError: bad arguments or files, see the message.
        ToolchainMissing: the artefact's runtime is not here.
        OSError: the result cannot be written.
    """
    if arguments.artifact is None:
        network = checkpoint_network(arguments.checkpoint, arguments.size)
        return fill_file(arguments, lambda: network)
    if arguments.size is not None:
        raise ValueError("--size: an artefact has a size of its own; leave the option out")
    return fill_file(arguments, lambda: artifact_network(arguments.artifact))


def artifact_network(path: Path) -> Network:
    """An artefact, named by its folder or the model in it, in its own runtime.

    Raises:
        ValueError: no artefact; when it is loaded: a damaged one.
        ToolchainMissing: when it is loaded: its runtime is not here.
    """
    folder = model_folder(path)
    return Network(read_manifest(folder).size, lambda: load_artefact(folder, THREADS))
