"""``python -m models teacher inpaint``: fill the hole of a photo with a diffusion teacher."""

import argparse
from pathlib import Path
from typing import Never, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models.commands.inpaint import DEFAULT_SIZE, checkpoint_network
from models.commands.mask_options import add_mask_arguments, mask_options
from models.conventions import MASK_THRESHOLD
from models.fill.holes import hole_groups
from models.fill.parameters import DEFAULTS
from models.fill.windows import inpaint
from models.photo.images import WRITE_FORMATS, Pixels, check_output, read_photo, write_photo
from models.photo.mask import read_mask
from models.system.errors import note
from models.system.number_arguments import whole
from models.teacher.denoiser import Denoiser
from models.teacher.large_photo import LAYOUTS, fill_large
from models.teacher.load import load_teacher, network_calls
from models.teacher.restore import complete, teacher_run
from models.teacher.samplers import SAMPLERS
from models.teacher.settings import DEFAULT_STEPS, SamplerSettings, parse_settings
from models.teacher.upscale import upscaling_run

EXAMPLES = """examples:
  python -m models teacher inpaint photo.jpg mask.png filled.png --sampler repaint --denoiser ddpm-celebahq-256
  python -m models teacher inpaint photo.jpg mask.png filled.png --sampler ddnm_plus --steps 100 --denoiser DIR --blend

  python -m models teacher inpaint photo.jpg mask.png filled.png --sampler ddnm_plus --denoiser DIR --layout hierarchical
  python -m models teacher inpaint photo.jpg mask.png filled.png --sampler repaint --denoiser DIR --upscale mine.safetensors

What a layout does with photos larger than the denoiser, and what each sampler is for: docs/teacher.md.
"""


DENOISER_HELP = "diffusers folder (UNet2DModel and scheduler); for ddgan and wavediff a generator.safetensors"
UPSCALE_HELP = (
    f"checkpoint of a student: its network brings the completion, made at the denoiser's size, to {DEFAULT_SIZE} pixels, and "
    "detail comes from the photo"
)
STEPS_HELP = f"steps of the respaced schedule (default: {DEFAULT_STEPS}; ddgan and wavediff have their own)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="image of any size up to 100 megapixels")
    parser.add_argument("mask", type=Path, metavar="MASK", help="image of the same size: white is filled, black kept; see below")
    parser.add_argument("out", type=Path, metavar="OUT", help=f"file to write: {', '.join(WRITE_FORMATS)}")
    names = ", ".join(name for name, row in SAMPLERS.items() if row.observes)
    parser.add_argument("--sampler", required=True, metavar="NAME", help=names)
    parser.add_argument("--denoiser", type=Path, required=True, metavar="PATH", help=DENOISER_HELP)
    parser.add_argument("--size", type=whole(1), metavar="N", help="refuse a denoiser of another image size")
    parser.add_argument("--steps", type=int, metavar="N", help=STEPS_HELP)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a knob of the sampler; repeatable")
    parser.add_argument(
        "--layout", choices=list(LAYOUTS), default="windows", help="; ".join(f"{name}: {what}" for name, what in LAYOUTS.items())
    )
    parser.add_argument("--upscale", type=Path, metavar="FILE", help=UPSCALE_HELP)
    parser.add_argument("--blend", action="store_true", help="Poisson blending afterwards: removes a shift of tone")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, metavar="N", help="of the noise (default: 0)")
    parser.add_argument("--device", default="cpu", metavar="DEVICE", help="cpu or cuda (default: cpu)")
    add_mask_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Fill the hole, write the result and print its path.

    Raises:
        ValueError: bad arguments or files, see the message.
        OSError: the result cannot be written.
    """
    settings = parse_settings(args.sampler, args.steps, args.set, observes=True)
    check_device(args.device)
    if args.layout != "windows" and settings.row.few_step:
        raise ValueError(f"--layout {args.layout}: {args.sampler} fills windows only; it takes no measurement but kept pixels")
    if args.upscale and args.layout != "windows":
        raise ValueError(f"--upscale goes with --layout windows, not with {args.layout}, which fills at the photo's own scale")
    options = mask_options(args)
    check_output(args.out, args.photo, args.mask)
    photo = read_photo(args.photo)
    mask = read_mask(args.mask, photo.pixels.shape[:2], options)
    for line in (*photo.notes, *mask.notes):
        note(line)
    if not mask.values.any():
        note(f"{args.mask}: the mask is empty; the photo is written unchanged")
        result = photo.pixels
    else:
        result = fill(args, settings, photo.pixels, mask.values)
    write_photo(args.out, result, photo.icc_profile)
    print(args.out)
    return 0


def fill(args: argparse.Namespace, settings: SamplerSettings, photo: Pixels, mask: Pixels) -> Pixels:
    """Load the teacher and fill the hole, behind a bar of network calls.

    Args:
        args: the command line.
        settings: the sampler.
        photo: (H, W, 3) uint8.
        mask: (H, W) uint8.

    Raises:
        ValueError: no denoiser, or one that the settings do not suit.
    """
    teacher = load_teacher(args.denoiser, settings, args.device, args.size)
    if args.layout != "windows":
        with tqdm(desc=args.sampler, unit="call", dynamic_ncols=True) as bar:
            return fill_large(
                cast(Denoiser, teacher.denoiser),  # main() refuses the samplers that take another kind
                teacher.schedule,
                settings,
                photo,
                mask >= MASK_THRESHOLD,
                teacher.size,
                args.layout,
                args.seed,
                blend=args.blend,
                device=args.device,
                callback=lambda _: tick(bar),
            )
    # Read before the bar begins: a file that is no checkpoint is one line.
    student = checkpoint_network(args.upscale, None).load() if args.upscale else None
    size = DEFAULT_SIZE if student else teacher.size
    total = network_calls(settings, teacher.schedule) * len(hole_groups(mask >= MASK_THRESHOLD, max(1, size // 2)))

    def completed(photos: Pixels, holes: NDArray[np.bool_]) -> Pixels:
        return complete(
            teacher.denoiser,
            teacher.schedule,
            settings,
            photos,
            holes,
            [args.seed],
            blend=args.blend,
            device=args.device,
            callback=lambda _: tick(bar),
        )

    run = upscaling_run(student, completed, size, teacher.size) if student else teacher_run(completed)
    with tqdm(total=total, desc=args.sampler, unit="call", dynamic_ncols=True) as bar:
        # Without a student the teacher's own image: what is copied from the photo would be in every sampler's alike.
        return inpaint(photo, mask, run, size, parameters=DEFAULTS if student else None)


def tick(bar: "tqdm[Never]") -> None:
    """One network call is done."""
    bar.update()


def check_device(device: str) -> None:
    """Refuse a device that is not here.

    Raises:
        ValueError: unknown, or CUDA where there is none.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"--device: {device!r} given, cpu and cuda are allowed")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device: cuda asked for, but there is none here; use cpu")
