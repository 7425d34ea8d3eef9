"""``python -m export outpaint``: widen a photo, with an artefact or a checkpoint."""

import argparse
import re
from fractions import Fraction
from functools import partial
from pathlib import Path

from tqdm import tqdm

from export.commands.inpaint import artifact_network
from models.commands.inpaint import DETAIL, add_checkpoint_argument, add_network_arguments, checkpoint_network
from models.fill.outpaint import SIDES, margins, outpaint
from models.fill.parameters import WIDENING
from models.photo.formats import MAX_PIXELS, WRITE_FORMATS
from models.photo.images import check_output, read_photo, write_photo
from models.photo.write import check_size
from models.system.errors import as_started, note

EXAMPLES = """examples:
  python -m export outpaint photo.jpg wide.jpg --left 25% --right 25%
  python -m export outpaint photo.jpg wide.png --aspect 16:9 --artifact artifacts/wavefill-s-256-onnx-w8a8
  python -m export outpaint photo.jpg wide.png --right 0 --aspect 16:9

With --aspect what is missing is added equally at the sides that have no amount of their own. The photo stays as it is, bit for
bit, in PNG, WebP and TIFF. Its colour profile is kept, other metadata is not.
"""

MOST = 4
"""A side may grow by at most so many times the photo's length: beyond it nothing of the photo is seen any more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``outpaint``."""
    parser.prog = as_started("python -m export outpaint")
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=f"image of up to {MAX_PIXELS // 1_000_000} megapixels")
    parser.add_argument("out", type=Path, metavar="OUT", help=f"file to write: {', '.join(WRITE_FORMATS)}")
    for side in SIDES:
        parser.add_argument(f"--{side}", metavar="AMOUNT", help=f"what to add {side}: pixels, or a share like 25%%")
    parser.add_argument("--aspect", metavar="W:H", help="width to height of the result")
    add_network_arguments(parser)
    network = parser.add_mutually_exclusive_group()
    add_checkpoint_argument(network)
    network.add_argument(
        "--artifact", type=Path, metavar="PATH", help="run this exported artefact: its folder or the model file in it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Widen the photo, write the result and print its path.

    Raises:
        ValueError: bad arguments or files, see the message.
        ToolchainMissing: the artefact's runtime is not here.
        OSError: the result cannot be written.
    """
    amounts = {side: _amount(side, text) for side in SIDES if (text := getattr(arguments, side)) is not None}
    aspect = None if arguments.aspect is None else _aspect(arguments.aspect)
    if arguments.artifact is not None and arguments.size is not None:
        raise ValueError("--size: an artefact has a size of its own; leave the option out")
    check_output(arguments.out, arguments.photo)
    photo = read_photo(arguments.photo)
    wanted = margins(photo.pixels.shape, amounts, aspect)
    height, width = photo.pixels.shape[:2]
    shape = height + wanted.top + wanted.bottom, width + wanted.left + wanted.right
    if shape[0] > (MOST + 1) * height or shape[1] > (MOST + 1) * width or shape[0] * shape[1] > MAX_PIXELS:
        raise ValueError(
            f"the result would have {shape[1]} x {shape[0]} pixels; "
            f"at most {MOST} times the photo's length are added, and {MAX_PIXELS} are allowed in all"
        )
    check_size(arguments.out, shape, WRITE_FORMATS[arguments.out.suffix.lower()])
    for line in photo.notes:
        note(line)
    if arguments.artifact is None:
        network = checkpoint_network(arguments.checkpoint, arguments.size)
    else:
        network = artifact_network(arguments.artifact)
    bar = partial(tqdm, desc="outpaint", unit="step", disable=None, delay=1, leave=False)
    result = outpaint(photo.pixels, wanted, network.load(), network.size, bar, DETAIL[arguments.detail][1] and WIDENING)
    write_photo(arguments.out, result, photo.icc_profile)
    print(arguments.out)
    return 0


def _amount(side: str, text: str) -> Fraction | int:
    """Pixels, or a share of the photo's length.

    Raises:
        ValueError: neither.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(%?)", text)
    if found is None or (not found[2] and "." in found[1]):
        raise ValueError(f"--{side} is {text!r}; pixels like 120, or a share like 25%, are needed")
    return Fraction(found[1]) / 100 if found[2] else int(found[1])


def _aspect(text: str) -> Fraction:
    """Width over height.

    Raises:
        ValueError: not two positive numbers.
    """
    found = re.fullmatch(r"(\d{1,5}):(\d{1,5})", text)
    if found is None or 0 in (int(found[1]), int(found[2])):
        raise ValueError(f"--aspect is {text!r}; two whole numbers like 16:9 are needed")
    return Fraction(int(found[1]), int(found[2]))
