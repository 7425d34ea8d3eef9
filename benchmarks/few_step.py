"""Few-step generators: Wavelet Diffusion against Denoising Diffusion GAN at equal image size, and the tone of their fills.

Time and size come from the presets of ``python -m models teacher train`` (or from trained files), the two interleaved. With
trained files and photos, the tone shift at the hole is measured too: the mean step of each colour from kept pixels to the hole
pixels beside them, before and after Poisson blending, and the photo's own.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.host import describe_host, host_lines
from models.data.photos import find_photos
from models.photo.images import Pixels
from models.system.errors import OK, Parser
from models.system.number_arguments import whole

if TYPE_CHECKING:
    from models.teacher.few_step_file import FewStep

SUMMARY = "Wavelet Diffusion against DDGAN: time, size, and the tone of their fills"
EXAMPLES = ("python -m benchmarks few_step", "python -m benchmarks few_step --threads 1 --rounds 20 --json")
KINDS = ("ddgan", "wavediff")


def add_arguments(parser: Parser) -> None:
    """Options of ``few_step``."""
    parser.add_argument("--size", type=whole(1), default=64, metavar="N", help="image size without files (default: 64)")
    parser.add_argument("--batch", type=whole(1), default=16, metavar="N", help="images at once (default: 16)")
    parser.add_argument("--threads", type=whole(1), default=2, metavar="N", help="CPU threads (default: 2)")
    parser.add_argument("--rounds", type=whole(3), default=9, metavar="N", help="timed fills of each (default: 9)")
    parser.add_argument("--ddgan", type=Path, metavar="FILE", help="trained generator.safetensors")
    parser.add_argument("--wavediff", type=Path, metavar="FILE", help="trained generator.safetensors")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos whose holes are filled, for the tone")
    parser.add_argument("--count", type=whole(1), default=64, metavar="N", help="photos to fill (default: 64)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    if (arguments.ddgan is None) != (arguments.wavediff is None) or (arguments.photos and not arguments.ddgan):
        raise ValueError("--ddgan and --wavediff go together, and --photos needs both")
    host = describe_host()
    torch.set_num_threads(arguments.threads)
    from models.teacher.restore import complete
    from models.teacher.settings import SamplerSettings

    found = {kind: _generator(arguments, kind) for kind in KINDS}
    if found["ddgan"].size != found["wavediff"].size:
        raise ValueError(f"images of {found['ddgan'].size} and {found['wavediff'].size} pixels; equal sizes are needed")
    size, batch = found["ddgan"].size, arguments.batch
    grey, holes = np.full((batch, size, size, 3), 128, dtype=np.uint8), np.zeros((batch, size, size), dtype=bool)
    holes[:, size // 4 : size // 2, size // 4 : size // 2] = True

    def fill(kind: str, photos: Pixels, where: NDArray[np.bool_], repeat: int, *, blend: bool = False) -> Pixels:
        one = found[kind]
        settings = SamplerSettings(kind, None, {"travel_repeat": repeat})
        return complete(one.denoiser, one.schedule, settings, photos, where, range(len(photos)), blend=blend)

    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in tqdm(range(arguments.rounds + 1), desc="few_step", unit="round", file=sys.stderr, dynamic_ncols=True):
        for kind in KINDS:
            began = time.perf_counter()
            fill(kind, grey, holes, 1)
            if number:  # the first settles caches
                seconds[kind].append((time.perf_counter() - began) / batch)
    result: dict[str, object] = {"host": host, "threads": arguments.threads, "size": size, "batch": batch}
    parameters = {kind: sum(p.numel() for p in found[kind].denoiser.network.parameters()) for kind in KINDS}
    times = {kind: statistics.median(seconds[kind]) for kind in KINDS}
    result |= {"parameters": parameters, "seconds_per_image": times}
    result["time_ratio"], result["size_ratio"] = (one["ddgan"] / one["wavediff"] for one in (times, parameters))
    if arguments.photos:
        result["tone"] = _tone(arguments, size, fill)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return OK
    for kind in KINDS:
        steps, millions = found[kind].schedule.steps, parameters[kind] / 1e6
        print(f"{kind}: {millions:.2f} M parameters, {1e3 * times[kind]:.1f} ms for an image of {size} ({steps} steps)")
    print(f"wavediff is {result['time_ratio']:.2f} times as fast and has 1/{result['size_ratio']:.2f} of the parameters")
    tones = result.get("tone", {})
    assert isinstance(tones, dict)
    for label, value in tones.items():
        print(f"step of tone at the hole's edge, {label}: {value:.1f} of 255")
    print(f"{arguments.rounds} interleaved rounds, {arguments.threads} threads, batch {batch}")
    print(host_lines(host))
    return OK


def edge_step(image: Pixels, hole: NDArray[np.bool_]) -> float:
    """Mean over colours of |mean over the hole's edge of (hole pixel - kept neighbour)|, in levels of 255.

    Texture and edges of the photo cancel in the inner mean; a fill that is lighter or darker all around does not.

    Args:
        image: (H, W, 3) uint8.
        hole: (H, W) bool.
    """
    values, differences = image.astype(np.float64), []
    for axis in (0, 1):
        step = np.diff(values, axis=axis)
        inside = np.diff(hole.astype(np.int8), axis=axis)
        differences += [step[inside == 1], -step[inside == -1]]
    return float(np.abs(np.concatenate(differences).mean(0)).mean())


def _generator(arguments: argparse.Namespace, kind: str) -> "FewStep":
    from models.teacher.few_step_file import FewStep, FewStepDenoiser, load_few_step
    from models.teacher.training.config import PRESETS
    from models.teacher.training.kinds import KINDS as TRAINED
    from models.teacher.training.kinds import build

    file = getattr(arguments, kind)
    if file is not None:
        found = load_few_step(file)
        if found.kind != kind:
            raise ValueError(f"--{kind}: {file} is a generator for {found.kind}")
        return found
    config = PRESETS[kind].with_settings([f"size={arguments.size}"])
    network = build(config, torch.device("cpu"))["generator"].eval().requires_grad_(False)
    schedule = TRAINED[kind].schedule(config.noise_steps)
    return FewStep(FewStepDenoiser(network, schedule, config.latent), schedule, config.size, "random weights", kind)


def _tone(arguments: argparse.Namespace, size: int, fill: Callable[..., Pixels]) -> dict[str, float]:
    """Medians over photos."""
    from models.teacher.generate import Source, sample_seed

    source = Source(arguments.photos, find_photos(arguments.photos), size, size * 9 // 8)
    drawn = [source.draw(sample_seed(0, number)) for number in range(arguments.count)]
    photos, holes = np.stack([one[0] for one in drawn]), np.stack([one[1] for one in drawn])

    def median(images: Pixels) -> float:
        return statistics.median(edge_step(*one) for one in zip(images, holes, strict=True))

    tones = {"the photo": median(photos)}
    for kind in KINDS:
        for label, blend in (("", False), (" blended", True)):
            tones[kind + label] = median(fill(kind, photos, holes, 4, blend=blend))
    return tones
