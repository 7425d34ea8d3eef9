"""``python -m models inpaint``: fill the hole of a photo of any size."""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from models.commands.mask_options import add_mask_arguments, mask_options
from models.fill.holes import region_of_interest
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.windows import Run, inpaint
from models.photo.formats import MAX_PIXELS, WRITE_FORMATS
from models.photo.images import Pixels
from models.photo.mask import read_mask
from models.photo.place import check_output
from models.photo.read import open_photo_file
from models.photo.write import check_size, prepare_write, write_photo_file
from models.spec import LARGEST_SIZE
from models.system.errors import note
from models.system.number_arguments import whole

EXAMPLES = """examples:
  python -m models inpaint photo.jpg mask.png filled.png
  python -m models inpaint photo.jpg mask.png filled.png --checkpoint runs/first/checkpoint.safetensors --size 512
  python -m models inpaint photo.jpg drawn.jpg filled.png --invert --grow 8 --fit-mask

"""

WHAT_IS_KEPT = """\
PNG, WebP and TIFF results keep every pixel outside the hole as it was, bit for bit, 16-bit pixels in PNG and TIFF too. A JPEG of
a JPEG keeps the bits of every block that the hole does not touch; of other photos a JPEG is written at quality 95. EXIF, colour
profile, XMP, resolution and text are kept as far as the format holds them; what it does not hold is said in a note.
"""

DEFAULT_SIZE = 256

MOST_BESIDE = 24_000_000
"""Pixels of the largest photo whose writing is prepared while the network works. What a thread frees stays its own, which would
be too much of a larger photo."""

DETAIL: dict[str, tuple[str, Parameters | None]] = {
    "auto": ("tone and detail of the hole come from the photo around it (default)", DEFAULTS),
    "off": ("what the network makes, scaled up", None),
}


@dataclass(frozen=True)
class Network:
    """What fills the hole.

    Attributes:
        size: height and width that it takes.
        load: makes it. Called after the photo and the mask have been read: neither bad input nor a large photo has to wait for
            PyTorch or a runtime, or to share memory with it.
    """

    size: int
    load: Callable[[], Run]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES + WHAT_IS_KEPT
    add_photo_arguments(parser)
    add_checkpoint_argument(parser)
    add_mask_arguments(parser)


def add_photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Photo, mask, result, and the network's size."""
    parser.add_argument("photo", type=Path, metavar="PHOTO", help=f"image of any size up to {MAX_PIXELS // 1_000_000} megapixels")
    parser.add_argument(
        "mask", type=Path, metavar="MASK", help="image of the same size: white is filled, black is kept; see below"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help=f"file to write: {', '.join(WRITE_FORMATS)}")
    add_network_arguments(parser)


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The network's size, and where detail comes from."""
    parser.add_argument(
        "--size",
        type=whole(1, LARGEST_SIZE),
        default=None,
        metavar="N",
        help=f"the network's image size (default: {DEFAULT_SIZE})",
    )
    parser.add_argument(
        "--detail", choices=DETAIL, default="auto", help="; ".join(f"{name}: {what}" for name, (what, _) in DETAIL.items())
    )


def add_checkpoint_argument(parser: argparse._ActionsContainer) -> None:
    """``--checkpoint FILE``."""
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones)")


def main(args: argparse.Namespace) -> int:
    """Fill the hole with a checkpoint, write the result and print its path.

    Raises:
        ValueError: bad arguments or files, see the message.
        OSError: the result cannot be written.
    """
    network = checkpoint_network(args.checkpoint, args.size)
    return fill_file(args, lambda: network)


def fill_file(args: argparse.Namespace, choose: Callable[[], Network]) -> int:
    """Fill the hole of ``args.photo`` under ``args.mask``, write ``args.out`` and print its path.

    Args:
        args: of :func:`add_photo_arguments` and ``mask_options.add_mask_arguments``.
        choose: says which network; asked when the photo and the mask have been read.

    Raises:
        ValueError: bad arguments or files, see the message.
        OSError: the result cannot be written.
    """
    options = mask_options(args)
    check_output(args.out, args.photo, args.mask)
    photo = open_photo_file(args.photo, editing=True)
    check_size(args.out, photo.shape, WRITE_FORMATS[args.out.suffix.lower()])
    mask = read_mask(args.mask, photo.shape, options)
    for line in (*photo.notes, *mask.notes):
        note(line)
    if not mask.values.any():
        note(f"{args.mask}: the mask is empty; the photo is written unchanged")
    else:
        network = choose()
        # Only the surroundings of the hole are worked on: a photo of 200 megapixels fits into memory once, not several times.
        region = region_of_interest(mask.values, network.size)
        part = mask.values[region[0] : region[2], region[1] : region[3]].copy()
        del mask
        photo.take(region)
        # A bar only on a terminal, and only where there are several holes to wait for.
        bar = partial(tqdm, desc="inpaint", unit="hole", disable=None, delay=1, leave=False)
        assert photo.patch is not None
        if photo.shape[0] * photo.shape[1] > MOST_BESIDE:
            prepare_write(args.out, photo, part > 0)
            prepared: AbstractContextManager[None] = nullcontext()
        else:
            prepared = _beside(lambda: prepare_write(args.out, photo, part > 0))
        with prepared:
            fill = inpaint(photo.patch.pixels(), part, network.load(), network.size, bar, DETAIL[args.detail][1])
        hole = part > 0
        del part
        photo.patch.fill(fill, hole)
        del fill
    for line in write_photo_file(args.out, photo):
        note(line)
    print(args.out)
    return 0


@contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    """Do some work in a thread meanwhile; what it raises is raised at the end."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        yield
        done.result()


def checkpoint_network(checkpoint: Path | None, size: int | None) -> Network:
    """A checkpoint (default: the shipped one) in eager PyTorch, of ``DEFAULT_SIZE`` where no size is asked for.

    Raises:
        ValueError: when it is loaded: no checkpoint, or the size does not suit it.
    """
    side = DEFAULT_SIZE if size is None else size

    def load() -> Run:
        # Imported here: it takes a second and 200 MB, which bad input must not wait for and a large photo must not share.
        from models.checkpoint import SHIPPED, load_checkpoint
        from models.runner import torch_run

        with one_thread():
            run = torch_run(load_checkpoint(checkpoint or SHIPPED), side)

        def run_on_one_thread(*, image: Pixels, mask: Pixels) -> Pixels:
            with one_thread():
                return run(image=image, mask=mask)

        return run_on_one_thread

    return Network(side, load)


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
