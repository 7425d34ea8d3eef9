"""Latency: every artefact, eager PyTorch, torch.compile and other inpainters, interleaved in one run, on this host's processor.

Each candidate has a process of its own; in every round each is run once, in a fresh random order, so that whatever slows the host
down slows all of them alike. Beside the times stand memory, operations in a second, their share of what the runtime's best
convolution reaches in the same run, the costliest operators, and how far the result is from eager PyTorch. Records go to a
folder; Ctrl-C keeps what was measured, and the same command goes on from there.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.host import host_lines
from benchmarks.latency.candidates import (
    CONVOLUTION,
    REFERENCE,
    Candidate,
    Field,
    add_artefacts,
    add_classical,
    add_convolutions,
    add_peers,
    add_standins,
)
from benchmarks.latency.process import Worker
from benchmarks.latency.record import records
from benchmarks.latency.rounds import Journal, Measured, measure
from benchmarks.records.files import write_records
from benchmarks.records.origin import now, this_host, this_run
from benchmarks.report.rows import Record, by_threads, eager_of, processor_ms
from export.artifact.files import find_artefacts
from export.errors import ToolchainMissing
from export.parity import probes, psnr_db
from models.system.errors import INTERRUPTED, OK, Parser, note
from models.system.number_arguments import positive, whole
from models.system.text_table import table

SUMMARY = "times, memory and share of the peak of every artefact, beside PyTorch and other inpainters, interleaved"
EXAMPLES = (
    "python -m benchmarks latency",
    "python -m benchmarks latency --threads 1 --only artefacts",
    "python -m benchmarks latency --peer migan=migan.onnx --peer lama=lama.onnx --limit 120",
)
SIZE = 256
"""Of stand-ins and classical methods, where artefacts do not say another."""

GROUPS = ("artefacts", "compiled", "standins", "classical", "convolutions")
ALL = 0
"""``--threads all``."""


def thread_counts(text: str) -> list[int]:
    """An argparse type: ``1,2,all``."""
    found = []
    for word in text.split(","):
        if word != "all" and (not word.isdigit() or int(word) < 1):
            raise argparse.ArgumentTypeError(f"{word!r} given, numbers from 1 on and 'all' are allowed, with commas between them")
        found.append(ALL if word == "all" else int(word))
    return found


def add_arguments(parser: Parser) -> None:
    """Options of ``latency``."""
    parser.add_argument(
        "--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="artefacts to measure (default: artifacts)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="what they were made from, for PyTorch (default: the shipped one)"
    )
    parser.add_argument(
        "--threads", type=thread_counts, default=[1, 2, ALL], metavar="LIST", help="CPU threads, e.g. 1,4 (default: 1,2,all)"
    )
    parser.add_argument("--rounds", type=whole(3), default=50, metavar="N", help="interleaved rounds (default: 50)")
    parser.add_argument(
        "--seconds", type=positive, default=5.0, metavar="S", help="a slow candidate is run so long, or ten times (default: 5)"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=300.0,
        metavar="S",
        help="give up a candidate that is silent for so long (default: 300)",
    )
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=FILE", help="another inpainter, .onnx or .tflite; repeatable"
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=GROUPS, help="leave out the other groups (not --peer); repeatable"
    )
    parser.add_argument("--standins", type=Path, default=Path("standins"), metavar="DIR", help="where stand-ins are, or are put")
    parser.add_argument("--out", type=Path, default=Path("records"), metavar="DIR", help="where records go (default: records)")
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run in that folder")
    parser.add_argument("--json", action="store_true", help="print the records instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Measure what is there, write records, print tables.

    Raises:
        ValueError: no artefacts, a damaged one, a bad peer.
        ToolchainMissing: nothing can be measured here.
    """
    host = this_host()
    if host["busy"]:
        what = "other work is running: of these figures only processor times on one thread say something"
        note(f"load {host['load_1min']} on {host['cores']} cores: {what}")
    field = _field(arguments)
    for name, reason in field.skipped.items():
        note(f"{name} is not measured: {reason}")
    if not field.candidates:
        raise ToolchainMissing(f"nothing to measure here: {'; '.join(f'{k}: {v}' for k, v in field.skipped.items())}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    counts = sorted({host["cores"] if count == ALL else count for count in arguments.threads})
    journals = [_journal(arguments, field.candidates, host, threads) for threads in counts]
    found: list[dict[str, Any]] = []
    told: set[str] = set()
    code = OK
    try:
        for threads, journal in zip(counts, journals, strict=True):
            try:
                _measure(arguments, field.candidates, threads, journal)
            finally:
                for name, one in journal.measured.items():
                    if one.failed and name not in told:
                        told.add(name)
                        note(f"{name}: {one.failed}")
                about = this_run(journal.started)
                taken = [one for one in field.candidates if one.name in journal.measured]
                made = records(taken, journal.measured, threads=threads, host=host, run=about)
                if made:
                    stem = journal.started.replace(":", "")
                    path = arguments.out / f"latency-{stem}-{threads}.json"
                    write_records(path, made)
                    print(f"{len(made)} records -> {path}", file=sys.stderr)
                found += made
        for journal in journals:
            journal.path.unlink(missing_ok=True)
    except KeyboardInterrupt:
        note(f"stopped by Ctrl-C; what was measured is in {arguments.out}, the same command goes on from there")
        code = INTERRUPTED
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n\n".join(_table(rows, threads) for threads, rows in by_threads(found).items()))
        print(host_lines(host))
    return code


def _field(arguments: argparse.Namespace) -> Field:
    wanted = arguments.only or GROUPS
    field = Field()
    size = SIZE
    if "artefacts" in wanted:
        add_artefacts(field, find_artefacts(arguments.artifacts), arguments.checkpoint, compiled="compiled" in wanted)
        sizes = {int(one.artifact["size"]) for one in field.candidates}
        size = SIZE if SIZE in sizes else min(sizes, default=SIZE)
    add_peers(field, arguments.peer, size)
    if "standins" in wanted:
        add_standins(field, arguments.standins, SIZE)
    if "classical" in wanted:
        add_classical(field, size)
    if "convolutions" in wanted:
        add_convolutions(field, arguments.standins)
    return field


def _journal(arguments: argparse.Namespace, candidates: Sequence[Candidate], host: dict[str, Any], threads: int) -> Journal:
    path = arguments.out / f"latency-{threads}.journal"
    if arguments.fresh:
        path.unlink(missing_ok=True)
    about = {
        "candidates": [[one.name, one.artifact["sha256"], one.version] for one in candidates],
        "host": [host["cpu"], host["cores"], host["python"]],
        "threads": threads,
    }
    return Journal(path, about, now())


def _measure(arguments: argparse.Namespace, candidates: Sequence[Candidate], threads: int, journal: Journal) -> None:
    by_name = {one.name: one for one in candidates}

    def progress(items: Iterable[Any], what: str) -> Iterable[Any]:
        return tqdm(items, desc=f"{threads} thread{'s' if threads > 1 else ''}, {what}", file=sys.stderr, dynamic_ncols=True)

    with tempfile.TemporaryDirectory() as folder:

        def on_end(name: str, worker: Worker, one: Measured) -> None:
            one.profile = worker.ask("profile")
            own = worker.ask("answers", path=str(Path(folder) / f"{_file(name)}.npy"))
            reference = Path(folder) / f"{_file(by_name[name].reference or '')}.npy"
            if own and reference.is_file():
                one.fidelity = _fidelity(np.load(own["path"]), np.load(reference), by=by_name[name])

        # References first, where there is an order: the others are compared with what they answered.
        ordered = sorted(candidates, key=lambda one: one.family != REFERENCE)
        specs = [(one.name, dict(one.spec)) for one in ordered]
        measure(
            specs,
            threads,
            journal,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            limit_s=arguments.limit,
            progress=progress,
            on_end=on_end,
        )


def _file(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def _fidelity(got: np.ndarray, wanted: np.ndarray, by: Candidate) -> dict[str, Any]:
    """Part ``fidelity``: results (probes, S, S, 3) int16 against those of eager PyTorch."""
    probe_set = probes(int(by.artifact["size"]))
    holes = np.stack([probe.hole for probe in probe_set])
    images = np.stack([probe.image for probe in probe_set]).astype(np.int16)
    difference = np.abs(got - wanted)[holes]
    kept = None if by.spec["io"] != "uint8" else int(np.abs(got - images)[~holes].max())
    return {
        "hole_psnr_db": psnr_db(difference),
        "max_level_difference": int(difference.max()),
        "kept_max_difference": kept,
    }


HEADS = (
    "MB",
    "median",
    "processor",
    "min",
    "p90",
    "p99",
    "last/first",
    "load",
    "first",
    "peak MB",
    "GFLOP/s",
    "share",
    "times eager",
)


def _table(rows: Sequence[Record], threads: int) -> str:
    eager = eager_of(rows)
    cells = [[one["artifact"]["name"], *_cells(one, eager.get(one["artifact"]["size"]))] for one in rows]
    head = f"{threads} thread{'s' if threads > 1 else ''}, milliseconds unless said otherwise"
    return f"{head}\n{table(['', *HEADS], cells, [False] + len(HEADS) * [True])}"


def _cells(one: Record, eager: float | None) -> list[str]:
    times, work = one["times_ms"], one["work"]
    length = one["artifact"]["bytes"]
    return [
        f"{length / 1e6:.2f}" if length else "",
        f"{times['p50']:.2f}",
        f"{processor_ms(one):.2f}",
        *(f"{times[key]:.2f}" for key in ("min", "p90", "p99")),
        f"{times['last_tenth'] / times['first_tenth']:.2f}",
        f"{times['load']:.0f}",
        f"{times['first']:.1f}",
        f"{max(one['memory_mb']['load_peak'], one['memory_mb']['steady_peak']):.0f}",
        f"{work['gflops']:.0f}" if work["gflops"] else "",
        f"{100 * work['share']:.0f} %" if work["share"] else "",
        f"{eager / times['p50']:.2f}" if eager and one["candidate"]["family"] != CONVOLUTION else "",
    ]
