"""Thin: what filling wires and text at the photo's own scale gains over one window that is scaled down.

A long thin hole would have a window as large as its longer side twice over. Its parts get windows of their own instead
(``models/fill/holes.py``); both are measured here on the same photos, against the photo under the hole.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from benchmarks.fill import add_network_options, add_output_options, chosen_network
from models.commands.inpaint import DETAIL
from models.data.photos import find_photos
from models.evaluation.metrics.pixels import hole_psnr
from models.evaluation.report import mean_interval
from models.fill.holes import context_window
from models.fill.parameters import Parameters
from models.fill.window import bounding_box, fill_window
from models.fill.windows import Run, inpaint
from models.photo.images import Pixels, check_place, read_photo
from models.photo.place import write_atomically
from models.system.errors import Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "what filling wires and text at the photo's own scale gains over one window"
EXAMPLES = (
    "python -m benchmarks thin --data large/",
    "python -m benchmarks thin --data large/ --width 12 --images fills --artifact artifacts/wavefill-s-256-onnx-w8a8",
)
PLAIN = "one window, detail off"
"""What the others are compared with."""

Bools = NDArray[np.bool_]


def wires(shape: tuple[int, int], width: int, rng: np.random.Generator) -> Bools:
    """Three lines from side to side, each hanging a little, as wires before a sky do."""
    height, breadth = shape
    image = Image.new("1", (breadth, height))
    xs = np.linspace(0, breadth, 33)
    for _ in range(3):
        start, end, sag = (float(rng.uniform(low, high)) for low, high in ((0.1, 0.9), (0.1, 0.9), (0, 0.1)))
        ys = height * (start + (end - start) * xs / breadth + sag * np.sin(np.pi * xs / breadth))
        ImageDraw.Draw(image).line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=1, width=width, joint="curve")
    return np.array(image, bool)


def text(shape: tuple[int, int], width: int, rng: np.random.Generator) -> Bools:
    """Two lines of a caption whose letters' strokes are about as wide as asked for."""
    height, breadth = shape
    image = Image.new("1", (breadth, height))
    font = ImageFont.load_default(size=10 * width)
    for _ in range(2):
        letters = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz  ABCDEFGHKLMNRST0123456789"), 60).tolist())
        at = 0.02 * breadth, float(rng.uniform(0, max(1, height - 12 * width)))
        ImageDraw.Draw(image).text(at, letters, fill=1, font=font)
    return np.array(image, bool)


HOLES: dict[str, Callable[[tuple[int, int], int, np.random.Generator], Bools]] = {"wires": wires, "text": text}


def add_arguments(parser: Parser) -> None:
    """Options of ``thin``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of photos larger than the network")
    parser.add_argument(
        "--width", type=whole(1, 64), default=4, metavar="N", help="of the lines in pixels (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of the holes (default: %(default)s)")
    parser.add_argument("--limit", type=whole(1), metavar="N", help="use only the first N photos")
    add_network_options(parser)
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table.

    Raises:
        ValueError: bad arguments or files, or no photo is larger than the network.
    """
    if arguments.json:
        check_place(arguments.json)
    network, size = chosen_network(arguments)
    if arguments.images:
        arguments.images.mkdir(parents=True, exist_ok=True)
    figures: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in HOLES}
    for index, path in enumerate(tqdm(find_photos(arguments.data)[: arguments.limit], desc="thin", unit="photo", disable=None)):
        photo = read_photo(path).pixels
        if max(photo.shape[:2]) <= size:
            note(f"{path}: {photo.shape[1]} x {photo.shape[0]} pixels are not more than the network's {size}; left out")
            continue
        for kind, draw in HOLES.items():
            hole = draw((photo.shape[0], photo.shape[1]), arguments.width, np.random.default_rng(arguments.seed + index))
            mask = hole.astype(np.uint8) * np.uint8(255)
            fills = {}
            for detail, (_, parameters) in DETAIL.items():
                fills[f"one window, detail {detail}"] = _in_one_window(photo, hole, network, size, parameters)
                fills[f"own scale, detail {detail}"] = inpaint(photo, mask, network, size, parameters=parameters)
            figures[kind][path.name] = {name: hole_psnr(fill, photo, hole) for name, fill in fills.items()}
            if arguments.images:
                for name, fill in fills.items():
                    Image.fromarray(fill).save(
                        arguments.images / f"{path.stem}-{kind}-{name.replace(', ', '-').replace(' ', '_')}.png"
                    )
    if not any(figures.values()):
        raise ValueError(f"{arguments.data}: no photo is larger than the network's {size} pixels")
    print(_report(figures, arguments.width))
    if arguments.json:
        write_atomically(arguments.json, f"{json.dumps(figures, indent=1)}\n".encode())
    return 0


def _in_one_window(photo: Pixels, hole: Bools, network: Run, size: int, parameters: Parameters | None) -> Pixels:
    """The fill as it would be if all of the hole were one group."""
    group = bounding_box(hole)
    window = context_window(group, photo.shape[:2], size)
    result = photo.copy()

    def ask(image: Pixels, unknown: Bools) -> Pixels:
        return network(image=image, mask=unknown.astype(np.uint8) * np.uint8(255))

    filled = fill_window(photo[window.slices], hole[window.slices], ask, size, parameters, group.within(window))
    np.copyto(result[group.slices], filled, where=hole[group.slices][:, :, None])
    return result


def _report(figures: dict[str, dict[str, dict[str, float]]], width: int) -> str:
    lines = []
    for kind, rows in figures.items():
        plain = np.array([row[PLAIN] for row in rows.values()])
        for name in next(iter(rows.values())):
            own = np.array([row[name] for row in rows.values()])
            gain = own - plain
            low, high = mean_interval(gain)
            compared = [] if name == PLAIN else [f"{gain.mean():+.2f} [{low:+.2f}, {high:+.2f}]", f"{gain.min():+.2f}"]
            lines.append([kind, name, f"{own.mean():.2f}", *compared, *[""] * (2 - len(compared))])
    return f"{table(['holes', 'fill', 'hole PSNR dB', 'gain dB [95 %]', 'least'], lines)}\nlines of {width} pixels"
