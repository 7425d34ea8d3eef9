"""Start-up: seconds of whole commands, from the start of the process to its end.

A network of some milliseconds helps nobody whose command imports for seconds. Each command runs in a fresh process with compiled
bytecode, as an installed package has it, interleaved with the others.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.host import host_lines
from benchmarks.records.files import write_records
from benchmarks.records.origin import ROOT, this_host, this_run
from benchmarks.records.schema import SCHEMA
from export.artifact.loading import model_folder
from export.artifact.manifest import read_manifest
from models.system.errors import CHECK_FAILED, OK, Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "seconds of whole commands, from start to end, against their bars"
EXAMPLES = (
    "python -m benchmarks startup",
    "python -m benchmarks startup --artifact artifacts/wavefill-s-256-onnx-fp32 --repeats 15",
)
SIDES = (864, 1152)
"""Height and width of the photo: a megapixel."""

START = "import sys; sys.argv[0] = 'wavefill'; from benchmarks.command import run; sys.exit(run())"
"""What the console script does."""

COMMANDS: Mapping[str, tuple[tuple[str, ...], float]] = {
    # as a user types it                          arguments                                                      seconds allowed
    "wavefill --help": (("--help",), 0.3),
    "wavefill export --help": (("export", "--help"), 0.3),
    "wavefill inpaint, 1 MP, ONNX artefact": (("inpaint", "{photo}", "{mask}", "{out}", "--artifact", "{artifact}"), 1.2),
}


def add_arguments(parser: Parser) -> None:
    """Options of ``startup``."""
    parser.add_argument(
        "--artifact",
        type=Path,
        default=Path("artifacts/wavefill-s-256-onnx-w8a8"),
        metavar="DIR",
        help="what fills the photo (default: artifacts/wavefill-s-256-onnx-w8a8)",
    )
    parser.add_argument("--repeats", type=whole(3), default=9, metavar="N", help="runs of each command (default: 9)")
    parser.add_argument("--out", type=Path, default=Path("records"), metavar="DIR", help="where records go (default: records)")


def run(arguments: argparse.Namespace) -> int:
    """Time the commands, print a table, write records; 1 where a median is above its bar.

    Raises:
        ValueError: no such artefact, or a command that fails.
    """
    artifact = model_folder(arguments.artifact).absolute()
    read_manifest(artifact)
    host = this_host()
    if host["busy"]:
        note(f"load {host['load_1min']} on {host['cores']} cores: other work is running; processor time says more than seconds")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        words = {"artifact": str(artifact), **_pictures(folder)}
        lines = {name: [word.format(**words) for word in arguments_] for name, (arguments_, _) in COMMANDS.items()}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for name in COMMANDS:  # compiles the bytecode
            seconds(lines[name], folder)
        for _ in tqdm(range(arguments.repeats), desc="startup", unit="round", file=sys.stderr, dynamic_ncols=True):
            for name in COMMANDS:
                found[name].append(seconds(lines[name], folder))
    about = this_run()
    records, rows, missed = [], [], False
    for name, (_, bar) in COMMANDS.items():
        wall, cpu = (sorted(times) for times in zip(*found[name], strict=True))
        times = {
            "runs": len(wall),
            "min": wall[0],
            "p50": statistics.median(wall),
            "max": wall[-1],
            "cpu_p50": statistics.median(cpu),
        }
        command = {"line": name, "bar_s": bar}
        records.append({"schema": SCHEMA, "kind": "command", "command": command, "host": host, "times_s": times, "run": about})
        missed |= times["p50"] > bar
        cells = [f"{times[key]:.2f}" for key in ("p50", "min", "max", "cpu_p50")]
        rows.append([name, *cells, f"{bar:g}", "yes" if times["p50"] <= bar else "NO"])
    path = arguments.out / f"startup-{about['started'].replace(':', '')}.json"
    write_records(path, records)
    print(table(["seconds", "median", "min", "max", "processor", "bar", "met"], rows))
    print(host_lines(host))
    print(f"{len(records)} records -> {path}", file=sys.stderr)
    return CHECK_FAILED if missed else OK


def _pictures(folder: Path) -> dict[str, str]:
    """A photo of a megapixel with a hole of a twentieth, as files."""
    rng = np.random.default_rng(0)
    height, width = SIDES
    # Soft shapes and grain: compresses like a photograph, unlike noise or flat colour.
    small = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    photo = np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    mask = np.zeros(SIDES, np.uint8)
    mask[height // 3 : height // 3 + 200, width // 3 : width // 3 + 250] = 255
    places = {"photo": folder / "photo.jpg", "mask": folder / "mask.png", "out": folder / "filled.png"}
    Image.fromarray(photo).save(places["photo"], quality=92)
    Image.fromarray(mask).save(places["mask"])
    return {name: str(path) for name, path in places.items()}


def seconds(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Wall time and processor time of one command in a process of its own.

    Args:
        arguments: of ``wavefill``.
        folder: where it runs and keeps its bytecode.

    Raises:
        ValueError: it fails.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": str(ROOT)}
    # The defaults of a user's shell: as many threads as there are cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.pop(name, None)
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", START, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise ValueError(
                f"wavefill {' '.join(arguments)}: exit code {process.returncode}: {said.read().decode(errors='replace')}"
            )
    return wall, usage.ru_utime + usage.ru_stime
