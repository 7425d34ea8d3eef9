"""ARM without a phone: artefacts on emulated ARM processors, held to what this host computes, and counted in instructions.

One row for each processor, library and artefact: how far its picture is from this host's picture of the same file, and how many
million instructions an inference takes on one thread. A count has no noise, so a busy host can take it; it is not a time, which
depends on what a processor does with an instruction. Ends with 1 where a bar is missed.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.arm import android
from benchmarks.arm.bars import MAX_LEVELS, Row, misses
from benchmarks.arm.cores import CORES, Core
from benchmarks.arm.emulator import require, wheel_version
from benchmarks.arm.python import Model, run_models
from benchmarks.host import describe_host, host_lines
from benchmarks.peers.standins.table import STANDINS, write
from export.artifact.files import check_files, find_artefacts
from export.artifact.manifest import Manifest, read_manifest
from export.backends import BACKENDS
from export.parity import Probe, measure, probes
from models.system.errors import CHECK_FAILED, OK, Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "artefacts on emulated ARM processors: the same pictures? and instructions for one"
EXAMPLES = ("python -m benchmarks arm", "python -m benchmarks arm --core cortex-a76 --standin migan --json")
WHEELS = {"onnx": "onnxruntime", "litert": "ai-edge-litert"}
"""Packages of the runtimes whose aarch64 wheels are run, by backend."""
STANDIN_SIZE = 256


def add_arguments(parser: Parser) -> None:
    """Options of ``arm``."""
    parser.add_argument(
        "--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="artefacts to run (default: artifacts)"
    )
    parser.add_argument(
        "--core", action="append", choices=CORES, help=f"processor, may be repeated (default: all: {', '.join(CORES)})"
    )
    parser.add_argument("--probes", type=whole(1, 6), default=1, metavar="N", help="pictures for each (1 to 6, default: 1)")
    parser.add_argument(
        "--standin", choices=STANDINS, help=f"also count a network of this published shape at {STANDIN_SIZE} in ONNX fp32"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Emulate what is there and print the table."""
    require()
    artefacts = _artefacts(arguments.artifacts)
    cores = [CORES[name] for name in arguments.core or CORES]
    without_android = android.unavailable_here()
    if without_android:
        note(f"the library for Android is not run: {without_android}")
    inferences = arguments.probes * len(cores) * (len(artefacts) + (0 if without_android else _count_onnx(artefacts)))
    inferences += len(cores) if arguments.standin else 0
    with tqdm(total=inferences, unit="inference", desc="arm", file=sys.stderr, dynamic_ncols=True) as bar:

        def tick(*_: object) -> None:
            bar.update()

        rows = []
        for core in cores:
            rows += wheels_on(core, artefacts, arguments.probes, tick)
            if not without_android:
                rows += android_on(core, artefacts, arguments.probes, tick)
            if arguments.standin:
                rows.append(standin_on(core, arguments.standin, tick))
    failed = misses(rows)
    if arguments.json:
        shown = {
            "host": describe_host(),
            "rows": [dataclasses.asdict(row) for row in rows],
            "missed": failed,
        }
        print(json.dumps(shown, indent=2))
    else:
        heads = ["processor", "library", "model", "M instructions", "differ", "levels", "hole dB"]
        print(table(heads, [row.cells() for row in rows], right=[False, False, False, True, True, True, True]))
        print(f"one thread; compared with this host on {arguments.probes} of 6 probes\n{host_lines(describe_host())}")
        for line in failed:
            print(f"missed: {line}")
    return CHECK_FAILED if failed else OK


Artefact = tuple[Path, Manifest]


def wheels_on(core: Core, artefacts: Sequence[Artefact], count: int, tick: Callable[..., object]) -> list[Row]:
    """Artefacts in the aarch64 wheels of their runtimes; those of one size in one process, because its start takes seconds."""
    rows = []
    for size in sorted({manifest.size for _, manifest in artefacts}):
        probe_set = probes(size)[:count]
        inputs = {"image": np.stack([p.noisy[None] for p in probe_set]), "mask": np.stack([p.mask[None] for p in probe_set])}
        of_size = [(folder, manifest) for folder, manifest in artefacts if manifest.size == size]
        models = [Model(folder.name, manifest.backend, folder / manifest.model_file) for folder, manifest in of_size]
        results, counts = run_models(core, models, inputs, counted=True, on_inference=tick)
        for folder, manifest in of_size:
            library = f"{WHEELS[manifest.backend]} {wheel_version(WHEELS[manifest.backend])}"
            got = results[folder.name][:, 0]
            rows.append(compared(core, library, (folder, manifest), probe_set, got, counts[folder.name]))
    return rows


def android_on(core: Core, artefacts: Sequence[Artefact], count: int, tick: Callable[..., object]) -> list[Row]:
    """ONNX artefacts in the library for Android."""
    rows = []
    for folder, manifest in artefacts:
        if manifest.backend != "onnx":
            continue
        probe_set = probes(manifest.size)[:count]
        images, masks = np.stack([p.noisy for p in probe_set]), np.stack([p.mask for p in probe_set])
        model = folder / manifest.model_file
        got, counts, version = android.run_android(core, model, images, masks, counted=True, on_inference=tick)
        rows.append(compared(core, f"onnxruntime-android {version}", (folder, manifest), probe_set, got, counts))
    return rows


def standin_on(core: Core, name: str, tick: Callable[..., object]) -> Row:
    """A network of a published shape, in ONNX Runtime's aarch64 wheel."""
    with tempfile.TemporaryDirectory(prefix="wavefill-arm-") as scratch:
        file = write(name, STANDIN_SIZE, Path(scratch))
        _, inputs, _ = STANDINS[name].build(STANDIN_SIZE, 0)
        shapes = {port.name: (1, 1, port.channels, port.height, port.width) for port in inputs}
        rng = np.random.default_rng(0)
        arrays = {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        _, counts = run_models(core, [Model(file.stem, "onnx", file)], arrays, counted=True, on_inference=tick)
    return Row(core.name, f"onnxruntime {wheel_version('onnxruntime')}", file.stem, "fp32", counts[file.stem][-1], None)


def compared(
    core: Core, library: str, artefact: Artefact, probe_set: list[Probe], got: NDArray[np.uint8], counts: list[int]
) -> Row:
    """One row: an artefact's results on a core beside those of the same file on this host.

    Args:
        core: where it ran.
        library: what ran it.
        artefact: its folder and manifest.
        probe_set: what it ran on.
        got: (N, S, S, 3), its results.
        counts: instructions of each inference.
    """
    folder, manifest = artefact
    runner = BACKENDS[manifest.backend].load(folder / manifest.model_file, 1)
    wanted = [runner(probe.noisy[None], probe.mask[None])[0].astype(np.int16) for probe in probe_set]
    parity = measure([one.astype(np.int16) for one in got], wanted, probe_set, io="uint8", reference="this host")
    return Row(core.name, library, folder.name, manifest.scheme, int(np.median(counts)), parity)


def _artefacts(place: Path) -> list[Artefact]:
    found = []
    for folder in find_artefacts(place):
        if failures := check_files(folder):
            raise ValueError(f"{folder}: damaged: {'; '.join(failures)}")
        manifest = read_manifest(folder)
        if manifest.backend in WHEELS and manifest.io == "uint8" and manifest.scheme in MAX_LEVELS:
            found.append((folder, manifest))
    if not found:
        raise ValueError(f"{place}: no ONNX or LiteRT artefact with uint8 ports in it, which is what runs on an emulated ARM")
    return found


def _count_onnx(artefacts: Sequence[Artefact]) -> int:
    return sum(manifest.backend == "onnx" for _, manifest in artefacts)
