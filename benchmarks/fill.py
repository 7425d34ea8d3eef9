"""Fill: what detail copied from the photo gains over scaling the network's fill up, on photos larger than the network.

Each photo gets one blob hole of a given size, away from its border; or, with --outpaint, a strip at one of its sides is cut
off and the rest is widened again by a quarter. Native 256-pixel crops that cover what is filled are compared with the photos;
nothing is scaled.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np
from PIL import Image
from tqdm import tqdm

from export.artifact.loading import load_artefact, model_folder
from export.artifact.manifest import read_manifest
from models.commands.evaluate import checkpoint_networks
from models.commands.inpaint import DETAIL
from models.data.masks import MASKS
from models.data.photos import find_photos
from models.evaluation.metrics.energy import detail_energy
from models.evaluation.metrics.pixels import hole_psnr
from models.evaluation.metrics.transfer import border_step, repetition
from models.features.perceptual import ImageDistance, PerceptualNetwork
from models.fill.arrays import Bools
from models.fill.outpaint import SIDES, Margins, outpaint
from models.fill.parameters import WIDENING
from models.fill.window import bounding_box
from models.fill.windows import Run, inpaint
from models.photo.images import Pixels, check_place, read_photo
from models.photo.place import write_atomically
from models.system.errors import Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "what detail from the photo gains over scaling the network's fill up, on large photos"
EXAMPLES = (
    "python -m benchmarks fill --data large/ --hole 320 --perceptual squeezenet1_1.safetensors",
    "python -m benchmarks fill --data large/ --outpaint --perceptual squeezenet1_1.safetensors",
    "python -m benchmarks fill --data large --hole 120 --perceptual n.safetensors --artifact artifacts/wavefill-s-256-onnx-w8a8",
)
CROP = 256
WIDENED = 4
"""``--outpaint`` adds this part of what is left of the photo's length."""
LAGS = (8, 16, 32)
_OUTPAINTED = (WIDENED + 1) * 2 * max(LAGS)  # in a narrower strip repetition cannot be measured
_DRAWN = 128
"""Blobs are drawn at this size and scaled to the hole's."""


@dataclass(frozen=True)
class Figures:
    """One fill of one photo.

    Attributes:
        distance: perceptual distance of the native crops to the photo's, mean.
        psnr_db: of the hole.
        detail: ratio of the finest details' energy in the hole to the photo's.
        step: ratio of the step across the border to the photo's.
        repetition: autocorrelation at ``LAGS`` minus the photo's.
        ms: wall time.
    """

    distance: float
    psnr_db: float
    detail: float
    step: float
    repetition: tuple[float, ...]
    ms: float


def add_arguments(parser: Parser) -> None:
    """Options of ``fill``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of large photos")
    # In a smaller hole repetition cannot be measured.
    parser.add_argument(
        "--hole", type=whole(2 * max(LAGS)), default=320, metavar="N", help="side of the holes in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--outpaint",
        action="store_true",
        help="no holes: a strip at each photo's left, right, top or bottom in turn is outpainted",
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of the holes (default: %(default)s)")
    parser.add_argument("--perceptual", type=Path, required=True, metavar="FILE", help="network of a perceptual distance")
    add_network_options(parser)
    add_output_options(parser)


def add_output_options(parser: Parser) -> None:
    """``--images`` and ``--json``."""
    parser.add_argument("--images", type=Path, metavar="DIR", help="write every fill here, as PNG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every photo")


def add_network_options(parser: Parser) -> None:
    """``--checkpoint`` or ``--artifact``."""
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights (default: the shipped ones)")
    network.add_argument("--artifact", type=Path, metavar="DIR", help="an exported artefact")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table.

    Raises:
        ValueError: bad arguments or files, or no photo is large enough.
    """
    if arguments.json:
        check_place(arguments.json)
    paths = find_photos(arguments.data)
    distance = ImageDistance(PerceptualNetwork.read(arguments.perceptual))
    network, size = chosen_network(arguments)
    if arguments.images:
        arguments.images.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Figures]] = {}
    for index, path in enumerate(tqdm(paths, desc="fill", unit="photo", disable=None)):
        photo = read_photo(path).pixels
        needed = _OUTPAINTED if arguments.outpaint else max(2 * arguments.hole, CROP)
        if min(photo.shape[:2]) < needed:
            note(f"{path}: {photo.shape[1]} x {photo.shape[0]} pixels, {needed} in both directions are needed; left out")
            continue
        side = SIDES[(arguments.seed + index) % len(SIDES)]
        hole = strip(photo.shape, side) if arguments.outpaint else blob_hole(photo.shape, arguments.hole, arguments.seed + index)
        rows[path.name] = {}
        for name, (_, parameters) in DETAIL.items():
            start = time.perf_counter()
            if arguments.outpaint:
                cut, wide = _cut_off(photo.shape, side), parameters and WIDENING
                kept = np.ascontiguousarray(photo[_kept(photo.shape, cut)])
                result = outpaint(kept, cut, network, size, parameters=wide)
            else:
                mask = hole.astype(np.uint8) * np.uint8(255)
                result = inpaint(photo, mask, network, size, parameters=parameters)
            ms = 1000 * (time.perf_counter() - start)
            rows[path.name][name] = measured(result, photo, hole, distance, ms)
            if arguments.images:
                Image.fromarray(result).save(arguments.images / f"{path.stem}-{name}.png")
    if not rows:
        raise ValueError(f"{arguments.data}: no photo is large enough")
    print(_report(rows, "widened by a quarter" if arguments.outpaint else f"holes of {arguments.hole} pixels"))
    if arguments.json:
        content = {name: {arm: asdict(figures) for arm, figures in row.items()} for name, row in rows.items()}
        write_atomically(arguments.json, f"{json.dumps(content, indent=1)}\n".encode())
    return 0


def chosen_network(arguments: argparse.Namespace) -> tuple[Run, int]:
    """The network that the options ask for, and its size."""
    if arguments.artifact:
        folder = model_folder(arguments.artifact)
        return load_artefact(folder, 1), read_manifest(folder).size
    networks = checkpoint_networks(arguments.checkpoint, None)
    return next(iter(networks.runs.values())), networks.size


def blob_hole(shape: tuple[int, ...], side: int, seed: int) -> Bools:
    """A blob that covers at least 45 % of its square, within a sixteenth of the photo's sides from its middle."""
    rng = np.random.default_rng(seed)
    while True:
        drawn = MASKS["blob"](_DRAWN, rng)
        blob = drawn[bounding_box(drawn).slices] if drawn.any() else drawn
        if blob.mean() > 0.45 and len(blob) > _DRAWN // 4:
            break
    square = Image.fromarray(blob.astype(np.uint8) * 255).resize((side, side), Image.Resampling.BICUBIC)
    hole = np.zeros(shape[:2], bool)
    top, left = ((length - side) // 2 + int(rng.integers(-(length // 16), length // 16 + 1)) for length in shape[:2])
    top, left = (min(max(0, at), length - side) for at, length in zip((top, left), shape[:2], strict=True))
    hole[top : top + side, left : left + side] = np.asarray(square) >= 128
    return hole


def strip(shape: tuple[int, ...], side: str) -> Bools:
    """What is cut off at one of ``SIDES``, so that the rest is widened to the photo's size by a ``WIDENED``-th of its length."""
    hole = np.ones(shape[:2], bool)
    hole[_kept(shape, _cut_off(shape, side))] = False
    return hole


def _cut_off(shape: tuple[int, ...], side: str) -> Margins:
    return Margins(**{side: shape[0 if side in ("top", "bottom") else 1] // (WIDENED + 1)})


def _kept(shape: tuple[int, ...], cut: Margins) -> tuple[slice, slice]:
    return slice(cut.top, shape[0] - cut.bottom), slice(cut.left, shape[1] - cut.right)


def measured(result: Pixels, photo: Pixels, hole: Bools, distance: ImageDistance, ms: float) -> Figures:
    """The figures of one fill of one photo, which has ``CROP`` pixels or more in both directions."""
    box = bounding_box(hole)
    starts = [
        _crops(low, high, length)
        for low, high, length in zip((box.top, box.left), (box.bottom, box.right), hole.shape, strict=True)
    ]
    crops = [np.s_[top : top + CROP, left : left + CROP] for top in starts[0] for left in starts[1]]
    return Figures(
        distance=fmean(distance(result[crop], photo[crop]) for crop in crops),
        psnr_db=hole_psnr(result, photo, hole),
        detail=detail_energy(result, hole) / max(detail_energy(photo, hole), 1e-9),
        step=border_step(result, hole) / max(border_step(photo, hole), 1e-9),
        repetition=tuple(repetition(result, hole, lag) - repetition(photo, hole, lag) for lag in LAGS),
        ms=ms,
    )


def _crops(low: int, high: int, length: int) -> list[int]:
    """First pixels of the crops that cover a span, side by side and centred on it, moved inside the photo."""
    count = -(-(high - low) // CROP)
    first = (low + high - count * CROP) // 2
    return sorted({min(max(0, first + CROP * i), length - CROP) for i in range(count)})


def _report(rows: dict[str, dict[str, Figures]], what: str) -> str:
    off = [row["off"] for row in rows.values()]
    lines = []
    for name in DETAIL:
        figures = [row[name] for row in rows.values()]
        better = sum(one.distance < other.distance for one, other in zip(figures, off, strict=True))
        lines.append(
            [
                f"--detail {name}",
                f"{fmean(f.distance for f in figures):.4f}",
                f"{fmean(f.distance for f in figures) / fmean(f.distance for f in off):.3f}",
                f"{better} of {len(figures)}" if name != "off" else "",
                f"{fmean(f.psnr_db for f in figures):.2f}",
                f"{median(f.detail for f in figures):.2f}",
                f"{fmean(f.step for f in figures):.2f}",
                " ".join(f"{fmean(f.repetition[i] for f in figures):+.2f}" for i in range(len(LAGS))),
                f"{median(f.ms for f in figures):.0f}",
            ]
        )
    heads = ["fill", "distance", "ratio", "better", "hole PSNR dB", "detail", "step", f"repetition {LAGS}", "ms"]
    return f"{table(heads, lines)}\n{len(rows)} photos, {what}, native crops of {CROP}"
