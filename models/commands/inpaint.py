"""``python -m models inpaint``: fill the hole of a photo of any size."""

import argparse
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from models.commands.mask_options import add_mask_arguments, mask_options
from models.fill.holes import region_of_interest
from models.photo.formats import MAX_PIXELS, WRITE_FORMATS
from models.photo.mask import read_mask
from models.photo.place import check_output
from models.photo.read import open_picture
from models.photo.write import check_size, prepare_write, write_picture
from models.spec import LARGEST_SIZE
from models.system.errors import note
from models.system.foreign import read_json

# PyTorch is imported where a network is needed, after the photo and the mask have been read: neither bad input nor a large photo
# has to wait for it or to share memory with it.
if TYPE_CHECKING:
    from models.fill.windows import Run

EXAMPLES = """examples:
  python -m models inpaint photo.jpg mask.png filled.png
  python -m models inpaint photo.jpg mask.png filled.jpg --artifact artifacts/wavefill-s-256-onnx-w8a8
  python -m models inpaint photo.jpg mask.png filled.png --checkpoint runs/first/checkpoint.safetensors --size 512
  python -m models inpaint photo.jpg drawn.jpg filled.png --invert --grow 8 --fit-mask

PNG, WebP and TIFF results keep every pixel outside the hole as it was, bit for bit, 16-bit pixels in PNG and TIFF too. A JPEG of
a JPEG keeps the bits of every block that the hole does not touch; of other photos a JPEG is written at quality 95. EXIF, colour
profile, XMP, resolution and text are kept as far as the format holds them; what it does not hold is said in a note.
"""

DEFAULT_SIZE = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "photo", type=Path, metavar="PHOTO", help=f"picture of any size up to {MAX_PIXELS // 1_000_000} megapixels"
    )
    parser.add_argument(
        "mask", type=Path, metavar="MASK", help="picture of the same size: white is filled, black is kept; see below"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help=f"file to write: {', '.join(WRITE_FORMATS)}")
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones)")
    network.add_argument(
        "--artifact", type=Path, metavar="PATH", help="run this exported artefact instead: its folder or the model file in it"
    )
    parser.add_argument(
        "--size", type=int, default=None, metavar="N", help=f"the network's picture size (default: {DEFAULT_SIZE})"
    )
    add_mask_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Fill the hole, write the result and print its path.

    Raises:
        ValueError: bad arguments or files, see the message.
        OSError: the result cannot be written.
    """
    if args.artifact and args.size is not None:
        raise ValueError("--size: an artefact has a size of its own; leave the option out")
    if args.size is not None and not 1 <= args.size <= LARGEST_SIZE:
        raise ValueError(f"--size: {args.size} given, 1 to {LARGEST_SIZE} are allowed")
    options = mask_options(args)
    check_output(args.out, args.photo, args.mask)
    photo = open_picture(args.photo, editing=True)
    check_size(args.out, photo.shape, WRITE_FORMATS[args.out.suffix.lower()])
    mask = read_mask(args.mask, photo.shape, options)
    for line in (*photo.notes, *mask.notes):
        note(line)
    if not mask.values.any():
        note(f"{args.mask}: the mask is empty; the photo is written unchanged")
    else:
        # An artefact says its size itself; a checkpoint takes the one that is asked for.
        run, size = artifact_run(args.artifact) if args.artifact else (None, DEFAULT_SIZE if args.size is None else args.size)
        # Only the surroundings of the hole are worked on: a photo of 200 megapixels fits into memory once, not several times.
        region = region_of_interest(mask.values, size)
        part = mask.values[region[0] : region[2], region[1] : region[3]].copy()
        del mask
        photo.take(region)
        prepare_write(args.out, photo, part > 0)
        # A bar only on a terminal, and only where there are several holes to wait for.
        bar = partial(tqdm, desc="inpaint", unit="hole", disable=None, delay=1, leave=False)
        assert photo.patch is not None
        with one_thread():
            from models.fill.windows import inpaint

            if run is None:
                run, size = checkpoint_run(args.checkpoint, size)
            fill = inpaint(photo.patch.pixels(), part, run, size, bar)
        photo.patch.fill(fill, part > 0)
        del fill
    for line in write_picture(args.out, photo):
        note(line)
    print(args.out)
    return 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread, and on as many as before afterwards.

    The network takes less than 0.1 s on one. Threads that wait for each other dozens of times in a call hardly gain anything,
    and where other programs are running a call took 2.3 s on the two threads of two cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def checkpoint_run(checkpoint: Path | None, size: int | None) -> "tuple[Run, int]":
    """A checkpoint (default: the shipped one) in eager PyTorch, and its picture size, ``DEFAULT_SIZE`` where none is asked for.

    Raises:
        ValueError: no checkpoint, or the size does not suit it.
    """
    from models.checkpoint import SHIPPED, load_checkpoint
    from models.fill.windows import torch_run

    size = DEFAULT_SIZE if size is None else size
    return torch_run(load_checkpoint(checkpoint or SHIPPED), size), size


def artifact_folder(path: Path) -> Path:
    """The folder of an artefact that is named by its folder or by the model in it (``model.onnx``, ``model.mlpackage``).

    Raises:
        ValueError: a file, or a package of Core ML, that is not the model of an artefact.
    """
    if not path.is_file() and not (path.is_dir() and path.suffix == ".mlpackage"):
        return path  # a folder, or nothing at all: export says what it thinks of it
    folder = path.parent
    try:
        files = read_json(folder / "manifest.json")["files"]
        models = {entry["name"].split("/")[0] for entry in files}  # a package is a folder of files
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        models = set()
    if path.name not in models:
        raise ValueError(f"--artifact: {path} is not the model in an artefact; name a folder as `python -m export` writes it")
    return folder


def artifact_run(path: Path) -> "tuple[Run, int]":
    """An exported artefact, named as :func:`artifact_folder` takes it, in its own runtime, and its picture size.

    Raises:
        ValueError: no artefact, or a damaged one.
        ToolchainMissing: its runtime is not here.
    """
    # models never depends on export (the arrow is models -> quantize -> export); only this command line, asked for an
    # artefact by name, looks it up at run time, and every other verb works without that package and its toolkits.
    folder = artifact_folder(path)
    run = importlib.import_module("export").load(folder)
    return run, int(read_json(folder / "manifest.json")["size"])
