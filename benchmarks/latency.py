"""Latency: every artefact and eager PyTorch, interleaved in one run, on this host's CPU.

Rounds go through all models in turn, in a fresh random order, so that whatever slows the host down slows all of them alike;
medians and ratios are taken over the rounds. pytest-benchmark's statistics do the counting; its own runner times one
function after the other, which on a shared host compares the weather. Between two runs there is a pause: the worker threads
of a runtime keep spinning for some milliseconds after its work is done, on the cores that the next model needs.
"""

import argparse
import dataclasses
import json
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.host import describe_host, host_lines
from export.artifact.files import check_files, find_artefacts
from export.artifact.manifest import Manifest, read_manifest
from export.backend import Array
from export.backends import BACKENDS
from export.coreml.toolkit import can_predict
from export.errors import ToolchainMissing
from export.parity import core_inputs, probes
from export.reference import TorchBackend
from export.report import megabytes
from export.sources import Source, read_source
from models.system.errors import OK, Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table
from quantize.schemes import SCHEMES

SUMMARY = "median milliseconds of every artefact and of eager PyTorch, interleaved"
EXAMPLES = ("python -m benchmarks latency", "python -m benchmarks latency --threads 1 --rounds 20 --json")
EAGER = "eager PyTorch"
SEED = 1


@dataclass(frozen=True)
class Timed:
    """One model to time.

    Attributes:
        name: artefact or ``eager PyTorch``.
        size_bytes: of the model file.
        group: models of one group do the same work and are compared with the same eager PyTorch.
        run: does one inference.
    """

    name: str
    size_bytes: int | None
    group: tuple[int, str]
    run: Callable[[], object]


@dataclass(frozen=True)
class Row:
    """What was measured for one model.

    Attributes:
        name: artefact or ``eager PyTorch``.
        size_bytes: of the model file.
        rounds: number of timed inferences.
        median_ms: median latency.
        iqr_ms: interquartile range.
        best_ms: shortest latency. Other work only ever adds time: this is what can be compared on a shared host.
        speedup: median of eager PyTorch in the same group divided by this median.
    """

    name: str
    size_bytes: int | None
    rounds: int
    median_ms: float
    iqr_ms: float
    best_ms: float
    speedup: float


def add_arguments(parser: Parser) -> None:
    """Options of ``latency``."""
    parser.add_argument(
        "--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="artefacts to time (default: artifacts)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="what they were made from, for eager PyTorch (default: the shipped one)"
    )
    parser.add_argument("--threads", type=whole(1), default=2, metavar="N", help="CPU threads of each runtime (default: 2)")
    parser.add_argument("--rounds", type=whole(3), default=30, metavar="N", help="timed inferences of each model (default: 30)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Time what is there and print the table."""
    folders = find_artefacts(arguments.artifacts)
    host = describe_host()  # before the run, whose own threads would count as load
    if busy(host):
        note(f"load {host['load_1min']} on {host['cores']} cores: other work is running, do not quote these figures or ratios")
    models, skipped = load_models(folders, arguments.checkpoint, arguments.threads)
    for name, reason in skipped.items():
        note(f"{name} is not timed: {reason}")
    with tqdm(total=arguments.rounds, unit="round", desc="latency", file=sys.stderr, dynamic_ncols=True) as bar:
        rows = measure(models, arguments.rounds, on_round=bar.update)
    if arguments.json:
        result = {
            "host": host,
            "host_was_busy": busy(host),
            "threads": arguments.threads,
            "rows": [dataclasses.asdict(row) for row in rows],
            "not_timed": skipped,
        }
        print(json.dumps(result, indent=2))
        return OK
    print(table(["model", "MB", "median ms", "IQR ms", "best ms", "times eager's speed"], [_cells(row) for row in rows]))
    print(f"{arguments.rounds} interleaved rounds, {arguments.threads} threads, batch 1\n{host_lines(host)}")
    return OK


def load_models(folders: Iterable[Path], checkpoint: Path | None, threads: int) -> tuple[list[Timed], dict[str, str]]:
    """Load artefacts, and eager PyTorch once for every size among them.

    Args:
        folders: artefacts.
        checkpoint: what they were made from; None for the shipped one.
        threads: CPU threads of each runtime.

    Returns:
        The models, eager PyTorch first, and the artefacts that cannot be timed here with the reason.

    Raises:
        ValueError: a damaged artefact, or one of another checkpoint.
    """
    source = read_source(checkpoint, None)
    eager: dict[tuple[int, str], Timed] = {}
    timed, skipped = [], {}
    for folder in folders:
        failures = check_files(folder)
        if failures:
            raise ValueError(f"{folder}: damaged: {'; '.join(failures)}")
        manifest = read_manifest(folder)
        reason = why_not(manifest)
        if reason:
            skipped[folder.name] = reason
            continue
        if manifest.checkpoint_sha256 != source.checkpoint_sha256:
            raise ValueError(f"{folder}: made from another checkpoint than {source.path}; give it with --checkpoint FILE")
        eager.setdefault((manifest.size, manifest.io), _eager(source, manifest, threads))
        runner = BACKENDS[manifest.backend].load(folder / manifest.model_file, threads)
        timed.append(Timed(folder.name, manifest.size_bytes, (manifest.size, manifest.io), _bound(runner, manifest)))
    if not timed:
        raise ToolchainMissing(f"nothing to time here: {'; '.join(f'{name}: {reason}' for name, reason in skipped.items())}")
    return [*eager.values(), *timed], skipped


def busy(host: dict[str, object]) -> bool:
    """Whether so much else runs that threads wait for cores: eager PyTorch on two threads then takes 60 times as long."""
    return float(str(host["load_1min"])) > 0.5 * int(str(host["cores"]))


def why_not(manifest: Manifest) -> str | None:
    """Why an artefact's time on this host would say nothing; None where it can be timed."""
    if manifest.backend == "coreml" and not can_predict():
        return "Core ML runs on macOS only; the evaluator that checks packages here says nothing about a phone's time"
    return BACKENDS[manifest.backend].unavailable("run")


def measure(
    models: list[Timed], rounds: int, *, on_round: Callable[[], object] = lambda: None, pause_s: float = 0.02
) -> list[Row]:
    """Time models in turn.

    Args:
        models: one of them named ``eager PyTorch`` in every group.
        rounds: timed inferences of each.
        on_round: called after every round, for a progress bar.
        pause_s: rest before each inference, in seconds.

    Returns:
        One row for each model, in the order given.

    Raises:
        ToolchainMissing: pytest-benchmark is not installed.
    """
    try:
        from pytest_benchmark.stats import Stats
    except ModuleNotFoundError as error:
        raise ToolchainMissing("pytest-benchmark is not installed (pip install 'wavefill[benchmarks]')") from error
    stats = [Stats() for _ in models]
    rng = random.Random(SEED)
    for model in models:
        for _ in range(3):  # allocations, kernel choice and caches settle
            model.run()
    for _ in range(rounds):
        for index in rng.sample(range(len(models)), len(models)):
            time.sleep(pause_s)
            start = time.perf_counter()
            models[index].run()
            stats[index].update(time.perf_counter() - start)
        on_round()
    eager = {model.group: one.median for model, one in zip(models, stats, strict=True) if model.name.startswith(EAGER)}
    return [
        Row(model.name, model.size_bytes, rounds, 1e3 * one.median, 1e3 * one.iqr, 1e3 * one.min, eager[model.group] / one.median)
        for model, one in zip(models, stats, strict=True)
    ]


def _eager(source: Source, manifest: Manifest, threads: int) -> Timed:
    program = source.program(SCHEMES["fp32"], manifest.size, manifest.io)
    name = f"{EAGER} {manifest.size}" + (" (bare core)" if manifest.io == "float" else "")
    return Timed(name, None, (manifest.size, manifest.io), _bound(TorchBackend().runner(program, threads), manifest))


def _bound(runner: Callable[[Array, Array], Array], manifest: Manifest) -> Callable[[], object]:
    """One inference on a photo and mask of the probe set."""
    probe = probes(manifest.size)[0]
    image, mask = (probe.image[None], probe.mask[None]) if manifest.io == "uint8" else core_inputs(probe.image, probe.hole)
    return lambda: runner(image, mask)


def _cells(row: Row) -> list[str]:
    size = "-" if row.size_bytes is None else megabytes(row.size_bytes)
    return [row.name, size, f"{row.median_ms:.2f}", f"{row.iqr_ms:.2f}", f"{row.best_ms:.2f}", f"{row.speedup:.2f}"]
