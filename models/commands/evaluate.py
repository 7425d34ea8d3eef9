"""``python -m models evaluate``: a network and classical baselines on the same photos and holes."""

import argparse
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from models.checkpoint import SHIPPED, load_checkpoint, sha256, write_atomically
from models.commands.inpaint import DEFAULT_SIZE, DETAIL
from models.data.mask_file import MaskFile
from models.data.photos import find_photos
from models.evaluation.baselines import BASELINES
from models.evaluation.networks import network_hashes, read_instruments
from models.evaluation.protocol import Case, Fill, evaluate, read_cases, run_fill
from models.evaluation.report import report
from models.evaluation.sheet import masked, sheet
from models.evaluation.table import table
from models.fill.parameters import Parameters
from models.fill.windows import Run, inpaint
from models.photo.images import Pixels, check_output, check_place, write_photo
from models.runner import torch_run
from models.spec import LARGEST_SIZE
from models.system.number_arguments import whole

EXAMPLES = """examples:
  python -m models evaluate --data photos/val --masks photos/masks
  python -m models evaluate --data photos/val --count 20 --json evaluation.json --sheet evaluation.png
  python -m models evaluate --data photos/val --masks masks.npz --perceptual squeezenet1_1.safetensors \\
      --features mobilenet=mobilenet_v1_embedding.tflite --classifier mobilenet_v2=mobilenet_v2.tflite
"""

MEASURES = """\
Photos are centre-cropped; photo i gets mask i mod n of the n masks (white: hole). PSNR and SSIM: more is better. Detail and
checkerboard are energies of the fill over the photo's: 1 is like the photo. Lattice 4 and 8: share of the texture that repeats
with that period, over the photo's share. Distances: less is better. Intervals are 95 % bootstrap intervals over the images.
Networks that measure are files of yours, NET is [NAME=]FILE[:SCALE]: .onnx, .tflite or SqueezeNet's .safetensors; SCALE says how
a network with float inputs wants its pixels (levels, unit, symmetric, imagenet, caffe).
"""

SHEET_ROWS = 8


@dataclass(frozen=True)
class Networks:
    """What is measured.

    Attributes:
        runs: every network by its name in the table.
        size: the image size that they share.
        setting: what they are, for the report's JSON.
    """

    runs: Mapping[str, Run]
    size: int
    setting: Mapping[str, object]


@dataclass(frozen=True)
class Others:
    """What is measured beside networks and baselines.

    Attributes:
        fills: methods by their name in the table.
        setting: what they are, for the report's JSON.
        unavailable: those that could not be had, and why.
    """

    fills: Mapping[str, Fill] = dataclasses.field(default_factory=dict)
    setting: Mapping[str, object] = dataclasses.field(default_factory=dict)
    unavailable: Mapping[str, str] = dataclasses.field(default_factory=dict)


Cases = Callable[[], Iterator[Case]]
"""Photos and holes from the first on, as often as it is asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EXAMPLES + "\n" + MEASURES
    add_measuring_arguments(parser)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones)")


def add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, masks, and what is measured and written; not which network."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos")
    parser.add_argument(
        "--masks", type=Path, metavar="DIR|FILE", help="folder of masks, or a file of `models masks` (default: drawn by --seed)"
    )
    parser.add_argument(
        "--size", type=whole(1, LARGEST_SIZE), metavar="N", help="crops of N x N pixels (default: the network's, or 256)"
    )
    parser.add_argument("--count", type=whole(1), metavar="N", help="only the first N photos")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of our own masks (default: %(default)s)")
    parser.add_argument(
        "--detail",
        choices=DETAIL,
        default="off",
        help="auto: every network also as photos are filled, with tone and detail from around the hole (default: %(default)s)",
    )
    parser.add_argument(
        "--perceptual",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="network of a perceptual distance, safetensors; repeatable",
    )
    parser.add_argument("--features", action="append", default=[], metavar="NET", help="feature network; repeatable")
    parser.add_argument("--classifier", action="append", default=[], metavar="NET", help="classifier; repeatable")
    parser.add_argument("--inception", metavar="NET", help="the Inception network that FID, sFID and KID are defined on")
    parser.add_argument("--inception-classes", metavar="NET", help="the same network's class probabilities, for Inception Score")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, also per image")
    parser.add_argument("--fills", type=Path, metavar="DIR", help="write every method's fills, and the photos, as PNG files")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=f"write {SHEET_ROWS} of the images side by side")


def main(args: argparse.Namespace) -> int:
    """Measure a checkpoint, print a table, write what was asked for.

    Raises:
        ValueError: bad arguments or files, see the message.
        ToolchainMissing: OpenCV or scikit-image is not installed.
        OSError: a file cannot be written.
    """
    return measure_networks(args, lambda: checkpoint_networks(args.checkpoint, args.size))


def measure_networks(
    args: argparse.Namespace, choose: Callable[[], Networks], others: Callable[[Networks, Cases, int], Others] | None = None
) -> int:
    """Measure networks, print a table, write what was asked for.

    Args:
        args: of :func:`add_measuring_arguments`.
        choose: says which networks; asked when photos, masks and measuring networks have been found.
        others: says which methods beside them; it is told the networks, the cases and how many these are.

    Raises:
        ValueError: bad arguments or files, see the message.
        ToolchainMissing: OpenCV or scikit-image is not installed.
        OSError: a file cannot be written.
    """
    if args.sheet:
        check_output(args.sheet)
    if args.json:
        check_place(args.json)
    if args.fills and args.fills.is_dir() and any(args.fills.iterdir()):
        raise ValueError(f"--fills {args.fills}: is not empty; choose another folder")
    photos = find_photos(args.data)[: args.count]
    masks = _masks(args.masks)
    instruments, inception, unavailable = read_instruments(args)
    networks = choose()
    if (parameters := DETAIL[args.detail][1]) is not None:
        networks = with_detail(networks, parameters)
    size = networks.size

    def cases() -> Iterator[Case]:
        return read_cases(photos, masks, size, args.seed)

    beside = others(networks, cases, len(photos)) if others else Others()
    methods = {**{name: run_fill(run) for name, run in networks.runs.items()}, **beside.fills, **BASELINES}
    # Evenly spread rows for the sheet.
    kept = {len(photos) * row // SHEET_ROWS for row in range(SHEET_ROWS)} if args.sheet else set()
    rows: list[dict[str, Pixels]] = []
    seen = itertools.count()

    def keep(case: Case, fills: Mapping[str, Pixels]) -> None:
        number = next(seen)
        if args.fills:
            for name, image in {"photo": case.photo, **fills}.items():
                (args.fills / name).mkdir(parents=True, exist_ok=True)
                write_photo(args.fills / name / f"{number:04d}.png", image)
        if number in kept:
            rows.append({"photo": case.photo, "hole": masked(case.photo, case.hole), **fills})

    # tqdm draws on stderr, with a rate and the time left, and only on a terminal.
    bar = tqdm(cases(), total=len(photos), desc="evaluate", unit="photo", disable=None)
    with bar:
        measured = evaluate(bar, methods, keep, instruments)
    setting = {**_setting(args, networks), **beside.setting}
    result = report(measured, setting, {**unavailable, **beside.unavailable}, inception)
    if args.json:
        write_atomically(args.json, (json.dumps(dataclasses.asdict(result), indent=2, sort_keys=True) + "\n").encode())
    if args.sheet:
        write_photo(args.sheet, sheet(rows))
    print(table(result))
    return 0


def with_detail(networks: Networks, parameters: Parameters) -> Networks:
    """Every network twice: alone, and as photos are filled, with tone and detail from the photo."""

    def in_full(run: Run) -> Run:
        return lambda *, image, mask: inpaint(image, mask, run, networks.size, parameters=parameters)

    runs = {key: value for name, run in networks.runs.items() for key, value in ((name, run), (f"{name} + detail", in_full(run)))}
    return dataclasses.replace(networks, runs=runs)


def _masks(path: Path | None) -> list[Path] | MaskFile:
    if path is None:
        return []
    return MaskFile.read(path) if path.suffix == ".npz" else find_photos(path)


def checkpoint_networks(checkpoint: Path | None, size: int | None) -> Networks:
    """A checkpoint (default: the shipped one) in eager PyTorch.

    Raises:
        ValueError: no checkpoint, or the size does not suit it.
    """
    path, side = checkpoint or SHIPPED, DEFAULT_SIZE if size is None else size
    run = torch_run(load_checkpoint(path), side)
    return Networks({"network": run}, side, {"checkpoint_sha256": sha256(path), "artifacts": []})


def _setting(args: argparse.Namespace, networks: Networks) -> dict[str, object]:
    """How the evaluation was run, for its JSON."""
    return {
        "data": str(args.data),
        "masks": str(args.masks) if args.masks else f"seed {args.seed}",
        "size": networks.size,
        **networks.setting,
        "networks_sha256": network_hashes(args),
    }
