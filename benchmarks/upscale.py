"""Upscale: a teacher's small completion brought to full size by a student's network, beside the ways without one.

Every photo gets one blob hole. The teacher alone fills it in a window that is scaled to its size, in overlapping tiles at the
photo's own scale, and coarse to fine; with ``--upscale`` it decides the low band of the student's fill; the student alone is the
last row. Time, network calls, and what a photographer would look at: native crops.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.fill import CROP, LAGS, Figures, add_output_options, blob_hole, measured
from benchmarks.host import describe_host, host_lines
from models.commands.inpaint import DEFAULT_SIZE, checkpoint_network
from models.data.photos import find_photos
from models.features.perceptual import ImageDistance, PerceptualNetwork
from models.fill.arrays import Bools, Pixels
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.windows import Run, inpaint
from models.photo.images import check_place, read_photo
from models.photo.place import write_atomically
from models.system.errors import Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

if TYPE_CHECKING:
    from models.teacher.denoiser import Denoiser
    from models.teacher.load import LoadedTeacher
    from models.teacher.settings import SamplerSettings

SUMMARY = "a teacher's small completion brought to full size by the student's network, beside tile-wise diffusion"
EXAMPLES = (
    "python -m benchmarks upscale --data photos/val --denoiser runs/ddpm64/denoiser --perceptual squeezenet1_1.safetensors",
)

Fill = Callable[[Pixels, Bools], Pixels]
"""A photo of any size and its hole -> the filled photo."""


@dataclass(frozen=True)
class Row:
    """One fill of one photo.

    Attributes:
        figures: of the fill.
        calls: of the denoiser.
    """

    figures: Figures
    calls: int


def add_arguments(parser: Parser) -> None:
    """Options of ``upscale``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos, short side 256 or more")
    parser.add_argument("--denoiser", type=Path, required=True, metavar="DIR", help="diffusers folder of a small denoiser")
    parser.add_argument("--sampler", default="ddnm", metavar="NAME", help="as of `teacher inpaint` (default: %(default)s)")
    parser.add_argument("--steps", type=whole(1), default=50, metavar="N", help="of the sampler (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a knob of the sampler; repeatable")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="of the student (default: the shipped one)")
    parser.add_argument("--perceptual", type=Path, required=True, metavar="FILE", help="network of a perceptual distance")
    parser.add_argument(
        "--hole", type=whole(2 * max(LAGS)), default=128, metavar="N", help="side of the holes in pixels (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of holes and noise (default: %(default)s)")
    parser.add_argument("--limit", type=whole(1), metavar="N", help="use only the first N photos")
    parser.add_argument("--threads", type=whole(1), default=1, metavar="N", help="CPU threads (default: %(default)s)")
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table.

    Raises:
        ValueError: bad arguments or files, or no photo is large enough.
    """
    # Imported where it is used: what trains few-step generators comes with it, which the table of benchmarks needs not wait for.
    from models.teacher.load import load_teacher
    from models.teacher.settings import parse_settings

    if arguments.json:
        check_place(arguments.json)
    settings = parse_settings(arguments.sampler, arguments.steps, arguments.set, observes=True)
    if settings.row.few_step:
        raise ValueError(f"--sampler {arguments.sampler}: fills windows only; one that takes any denoiser is needed")
    paths, host = find_photos(arguments.data)[: arguments.limit], describe_host()
    torch.set_num_threads(arguments.threads)
    distance = ImageDistance(PerceptualNetwork.read(arguments.perceptual))
    teacher = load_teacher(arguments.denoiser, settings)
    counted: list[object] = []
    ways = _ways(teacher, settings, checkpoint_network(arguments.checkpoint, None).load(), arguments.seed, counted.append)
    if arguments.images:
        arguments.images.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Row]] = {}
    for index, path in enumerate(tqdm(paths, desc="upscale", unit="photo", disable=None)):
        photo = read_photo(path).pixels
        if min(photo.shape[:2]) < max(CROP, arguments.hole + 2):
            note(f"{path}: {photo.shape[1]} x {photo.shape[0]} pixels are too few for a hole of {arguments.hole}; left out")
            continue
        hole = blob_hole(photo.shape, arguments.hole, arguments.seed + index)
        rows[path.name] = {}
        for name, fill in ways.items():
            counted.clear()
            start = time.perf_counter()
            result = fill(photo, hole)
            ms = 1000 * (time.perf_counter() - start)
            rows[path.name][name] = Row(measured(result, photo, hole, distance, ms), len(counted))
            if arguments.images:
                Image.fromarray(result).save(arguments.images / f"{path.stem}-{name.replace(' ', '_')}.png")
    if not rows:
        raise ValueError(f"{arguments.data}: no photo is large enough for a hole of {arguments.hole}")
    print(_report(rows, arguments.hole))
    print(host_lines(host))
    if arguments.json:
        content = {name: {way: asdict(row) for way, row in found.items()} for name, found in rows.items()}
        write_atomically(arguments.json, f"{json.dumps(content, indent=1)}\n".encode())
    return 0


def _ways(
    teacher: "LoadedTeacher", settings: "SamplerSettings", student: Run, seed: int, callback: Callable[[object], None]
) -> dict[str, Fill]:
    """The fills that are compared, by name; ``callback`` is told of every call of the denoiser."""
    from models.teacher.large_photo import fill_large
    from models.teacher.restore import complete, teacher_run
    from models.teacher.upscale import upscaling_run

    def completed(photos: Pixels, holes: Bools) -> Pixels:
        return complete(teacher.denoiser, teacher.schedule, settings, photos, holes, [seed], callback=callback)

    denoiser = cast("Denoiser", teacher.denoiser)  # run() refuses the samplers that take another kind

    def large(layout: str) -> Fill:
        return lambda photo, hole: fill_large(
            denoiser, teacher.schedule, settings, photo, hole, teacher.size, layout, seed, callback=callback
        )

    def by_network(run: Run, size: int, parameters: Parameters | None = DEFAULTS) -> Fill:
        return lambda photo, hole: inpaint(photo, hole.astype(np.uint8) * np.uint8(255), run, size, parameters=parameters)

    return {
        "window": by_network(teacher_run(completed), teacher.size, None),
        "tiles": large("tiles"),
        "hierarchical": large("hierarchical"),
        "upscale": by_network(upscaling_run(student, completed, DEFAULT_SIZE, teacher.size), DEFAULT_SIZE),
        "student alone": by_network(student, DEFAULT_SIZE),
    }


def _report(rows: dict[str, dict[str, Row]], hole: int) -> str:
    lines = []
    for name in next(iter(rows.values())):
        found = [row[name] for row in rows.values()]
        figures = [row.figures for row in found]
        lines.append(
            [
                name,
                f"{median(row.calls for row in found):.0f}",
                f"{median(f.ms for f in figures) / 1000:.2f}",
                f"{fmean(f.distance for f in figures):.4f}",
                f"{fmean(f.psnr_db for f in figures):.2f}",
                f"{median(f.detail for f in figures):.2f}",
                f"{fmean(f.step for f in figures):.2f}",
            ]
        )
    heads = ["fill", "calls", "s", "distance", "hole PSNR dB", "detail", "step"]
    return f"{table(heads, lines)}\n{len(rows)} photos, holes of {hole} pixels, native crops of {CROP}"
