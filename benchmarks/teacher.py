"""Teacher: seconds of one RePaint fill against one fill of the student, at 256x256 on this host's CPU.

The denoiser has the configuration of the published CelebA-HQ DDPM with random weights: timing only, its images are noise. One
network call is measured, interleaved with the student, and multiplied by the calls that RePaint's published setting makes, which
are counted by running the sampler with a denoiser that does nothing. On one thread what is compared is processor time, as in
``latency``: on an idle host it is the same, and other work on the host moves it less.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.host import host_lines, installed_version
from benchmarks.latency.candidates import RUNTIME_OF
from benchmarks.records.artifact import artifact, exported
from benchmarks.records.files import write_records
from benchmarks.records.origin import this_host, this_run
from benchmarks.records.schema import SCHEMA
from export.artifact.loading import load_artefact
from export.artifact.manifest import read_manifest
from models.checkpoint import SHIPPED, load_checkpoint, sha256
from models.fill.windows import Run
from models.runner import torch_run
from models.system.errors import OK, Parser
from models.system.number_arguments import whole

SUMMARY = "seconds of a RePaint fill against the student's, network calls counted"
EXAMPLES = ("python -m benchmarks teacher", "python -m benchmarks teacher --threads 1 --rounds 20 --json")
SIZE = 256
BAR = 1000
"""How many times as long as the student the teacher is to take, at least."""

STEPS, LENGTH, REPEAT = 250, 10, 10
"""Lugmayr et al., 2022, section 5.1 and appendix: T, jump length, resamplings."""

CELEBA_HQ = {
    "sample_size": SIZE,
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "down_block_types": (*4 * ("DownBlock2D",), "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *4 * ("UpBlock2D",)),
    "layers_per_block": 2,
    "attention_head_dim": None,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
}
"""``unet/config.json`` of google/ddpm-celebahq-256: 113.7 million parameters."""


def add_arguments(parser: Parser) -> None:
    """Options of ``teacher``."""
    parser.add_argument("--threads", type=whole(1), default=2, metavar="N", help="CPU threads (default: 2)")
    parser.add_argument("--rounds", type=whole(3), default=5, metavar="N", help="timed calls of each (default: 5)")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED, metavar="FILE", help="the student (default: the shipped one)")
    parser.add_argument("--artifact", type=Path, metavar="DIR", help="time this exported artefact as the student instead")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write a record into this folder")


def run(arguments: argparse.Namespace) -> int:
    """Time both and print the ratio."""
    host = this_host()
    torch.set_num_threads(arguments.threads)
    student = _student(arguments)
    network, parameters = _unet()
    counted = count_calls()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    mask[64:192, 64:192] = 255
    x, step = torch.randn(1, 3, SIZE, SIZE), torch.tensor([100])
    teacher_s: list[Spent] = []
    student_s: list[Spent] = []
    with torch.inference_mode():
        for _ in range(2):  # kernel choice and caches settle
            student(image=image, mask=mask)
        network(x, step)
        for _ in tqdm(range(arguments.rounds), desc="teacher", unit="round", file=sys.stderr, dynamic_ncols=True):
            teacher_s.append(_seconds(lambda: network(x, step)))
            student_s.extend(_seconds(lambda: student(image=image, mask=mask)) for _ in range(5))
    call, fill = (_median(spent, arguments.threads) for spent in (teacher_s, student_s))
    result = {
        "host": host,
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "seconds_of": "processor time" if arguments.threads == 1 else "the clock",
        "unet_parameters": parameters,
        "unet_weights": "random: timing only",
        "unet_call_s": call,
        "repaint_calls": counted,
        "repaint_s": call * counted,
        "student": str(arguments.artifact or "eager PyTorch"),
        "student_s": fill,
        "ratio": call * counted / fill,
    }
    if arguments.out:
        _write(arguments.out, arguments, result)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return OK
    print(f"UNet of the CelebA-HQ DDPM, {parameters / 1e6:.1f} M random weights, one call at {SIZE}x{SIZE}: {call:.2f} s")
    print(
        f"RePaint, {STEPS} steps, jump length {LENGTH}, {REPEAT} resamplings: {counted} calls, {call * counted / 60:.0f} minutes"
    )
    print(f"student ({result['student']}): {1e3 * fill:.1f} ms")
    print(f"ratio: {call * counted / fill:,.0f}")
    print(f"{arguments.rounds} interleaved rounds, threads: {arguments.threads}, batch 1, by {result['seconds_of']}")
    print(host_lines(host))
    return OK


def _write(folder: Path, arguments: argparse.Namespace, result: dict[str, Any]) -> None:
    """A record of the ratio."""
    run = this_run()
    parts = {key: result[key] for key in ("unet_call_s", "repaint_calls", "repaint_s", "student_s", "threads", "rounds")}
    student, (runtime, provider) = _about(arguments)
    record = {
        "schema": SCHEMA,
        "kind": "ratio",
        "ratio": {"name": "RePaint / student", "value": result["ratio"], "bar": BAR, "parts": parts},
        "artifact": student,
        "runtime": {
            "name": runtime,
            "version": installed_version(runtime) or "not installed",
            "provider": provider,
            "threads": arguments.threads,
        },
        "host": result["host"],
        "run": run,
    }
    write_records(folder / f"teacher-{run['started'].replace(':', '')}.json", [record])


def _about(arguments: argparse.Namespace) -> tuple[dict[str, Any], tuple[str, str]]:
    """Which student: part ``artifact`` of a record, and its runtime with the execution provider."""
    operators = {"total": None, "delegated": None}
    if arguments.artifact is None:
        about = artifact(f"eager PyTorch {SIZE}", "fp32", SIZE, checkpoint=sha256(arguments.checkpoint))
        return {**about, "operators": operators}, ("torch", "CPU")
    manifest = read_manifest(arguments.artifact)
    about = exported(arguments.artifact.resolve().name, manifest)
    return {**about, "operators": operators}, RUNTIME_OF[manifest.backend]


def count_calls() -> int:
    """Network calls of one RePaint fill in the published setting, counted in the sampler itself."""
    from models.teacher.observation import Keep, Observation
    from models.teacher.samplers import SAMPLERS
    from models.teacher.schedule import linear_schedule

    made = []

    def denoiser(x: torch.Tensor, sigma: float) -> torch.Tensor:
        made.append(sigma)
        return torch.zeros_like(x)

    known = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    observation = Observation(Keep(known), torch.zeros(1, 3, 2, 2))
    SAMPLERS["repaint"].sample(
        denoiser,
        torch.zeros(1, 3, 2, 2),
        linear_schedule(1000).respaced(STEPS),
        observation,
        rng=torch.Generator(),
        travel_length=LENGTH,
        travel_repeat=REPEAT,
    )
    return len(made)


def _unet() -> tuple[torch.nn.Module, int]:
    from models.teacher.diffusers_folder import import_diffusers

    torch.manual_seed(0)
    network = import_diffusers().UNet2DModel(**CELEBA_HQ).eval().requires_grad_(False)
    return network, sum(p.numel() for p in network.parameters())


def _student(arguments: argparse.Namespace) -> Run:
    if arguments.artifact is None:
        return torch_run(load_checkpoint(arguments.checkpoint), SIZE)
    size = read_manifest(arguments.artifact).size
    if size != SIZE:
        raise ValueError(f"{arguments.artifact}: made for {size}x{size}; {SIZE} is compared here")
    return load_artefact(arguments.artifact, arguments.threads)


Spent = tuple[float, float]
"""Seconds on the clock, and of processor time of all threads."""


def _seconds(work: Callable[[], object]) -> Spent:
    start, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - spent


def _median(spent: Sequence[Spent], threads: int) -> float:
    """Processor time on one thread; on several, where waiting threads spin, the clock's."""
    return statistics.median(processor if threads == 1 else wall for wall, processor in spent)
