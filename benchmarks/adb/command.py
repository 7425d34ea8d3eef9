"""A connected phone: pushes artefacts and a program that runs them, measures, keeps records with governors and thermal status.

The phone needs USB debugging and nothing else. The program and ONNX Runtime's library for arm64 are made here
(``benchmarks/adb/build.py``); another program that keeps to ``benchmarks/adb/runner.py`` is given with ``--runner``, a library
that it loads with ``--library``.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.adb.build import ABI, built_for_phones
from benchmarks.adb.device import Device, Lost, connected
from benchmarks.adb.runner import SECONDS, WARM_UPS, Told, command, parse
from benchmarks.latency.statistics import describe
from benchmarks.records.artifact import exported
from benchmarks.records.files import write_records
from benchmarks.records.origin import this_run
from benchmarks.records.schema import SCHEMA, check
from export.artifact.files import find_artefacts
from export.artifact.loading import load_artefact
from export.artifact.manifest import Manifest, read_manifest
from export.errors import ToolchainMissing
from export.onnx.backend import OnnxBackend
from export.parity import Probe, probes, psnr_db
from export.tolerances import TOLERANCES
from models.system.errors import CHECK_FAILED, OK, Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "a phone on a cable: times, memory, thermal status, and whether it computes the golden result"
EXAMPLES = (
    "python -m benchmarks adb",
    "python -m benchmarks adb --threads 1 --threads 4 --serial 1A2B3C",
    "python -m benchmarks adb --runner wavefill-runner --library libonnxruntime.so",
)
PLACE = "/data/local/tmp/wavefill"
"""Where a shell may write and run programs on any phone."""


def add_arguments(parser: Parser) -> None:
    """Options of ``adb``."""
    parser.add_argument(
        "--runner", type=Path, metavar="FILE", help="program for the phone's processor (default: made here, for arm64)"
    )
    parser.add_argument(
        "--library", type=Path, action="append", default=[], metavar="FILE", help="what --runner loads; repeatable"
    )
    parser.add_argument(
        "--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="ONNX artefacts to measure (default: artifacts)"
    )
    parser.add_argument(
        "--threads", type=whole(1), action="append", default=[], metavar="N", help="repeatable (default: 1, 2 and 4)"
    )
    parser.add_argument("--serial", metavar="ID", help="which phone, as adb devices lists it")
    parser.add_argument("--out", type=Path, default=Path("records"), metavar="DIR", help="where records go (default: records)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write a record after each artefact and number of threads, print a table; 1 where a result was not the golden one.

    Raises:
        ToolchainMissing: no adb, no phone, no artefact that the program can run, or the program cannot be made here.
        ValueError: a missing file, a damaged artefact.
    """
    if arguments.library and arguments.runner is None:
        raise ValueError("--library is what --runner loads; without --runner both are made here")
    for file in (*filter(None, [arguments.runner]), *arguments.library):
        if not file.is_file():
            raise ValueError(f"{file}: no such file")
    device = connected(arguments.serial)
    artefacts = [(folder, read_manifest(folder)) for folder in find_artefacts(arguments.artifacts)]
    artefacts = [(folder, manifest) for folder, manifest in artefacts if (manifest.backend, manifest.io) == ("onnx", "uint8")]
    if not artefacts:
        raise ToolchainMissing(f"{arguments.artifacts}: no ONNX artefact that takes pixels; make one with python -m export onnx")
    program, libraries = _program(arguments)
    about = this_run()
    path = arguments.out / f"adb-{about['started'].replace(':', '')}.json"
    records: list[dict[str, Any]] = []
    failed = False
    try:
        host = device.about()
        if arguments.runner is None and host["abi"] != ABI:
            raise ToolchainMissing(
                f"the program made here is for {ABI}, {host['model']} is {host['abi']}: give one with --runner"
            )
        device.shell(f"rm -rf {PLACE} && mkdir -p {PLACE}")
        for file in (program, *libraries):
            device.push(file, f"{PLACE}/{file.name}")
        device.shell(f"chmod 755 {PLACE}/{program.name}")
        threads = arguments.threads or [1, 2, 4]
        cells = [(*artefact, count) for artefact in artefacts for count in threads]
        for folder, manifest, count in tqdm(cells, desc="adb", unit="run", file=sys.stderr, dynamic_ncols=True):
            try:
                records.append(_measured(device, host, program.name, folder, manifest, count, about))
            except ValueError as error:
                note(f"{folder.name}, {count} threads: {error}")
                failed = True
                continue
            write_records(path, records)
    except Lost as error:
        kept = f"; {len(records)} records are in {path}" if records else ""
        raise ToolchainMissing(f"{error}{kept}") from error
    finally:
        with contextlib.suppress(Lost):
            device.shell(f"rm -rf {PLACE}")
    print(
        table(
            ["", "threads", "load ms", "first", "median", "p90", "last / first", "thermal", "golden result"],
            [_cells(one) for one in records],
        )
    )
    print(f"{host['model']}, {host['soc']}, {host['system']}\n{path}")
    return CHECK_FAILED if failed or not all(one["golden"]["same"] for one in records) else OK


def _program(arguments: argparse.Namespace) -> tuple[Path, list[Path]]:
    """The program and what it loads: those that were given, or made here."""
    if arguments.runner is not None:
        return arguments.runner, arguments.library
    program, library = built_for_phones()
    return program, [library]


def _measured(
    device: Device, host: dict[str, object], runner: str, folder: Path, manifest: Manifest, threads: int, about: dict[str, Any]
) -> dict[str, Any]:
    """One record.

    Raises:
        ValueError: a damaged artefact, or a runner that does not keep to its protocol.
        Lost: the phone is gone, or the runner failed.
    """
    probe = probes(manifest.size)[0]
    golden = load_artefact(folder, 1)(image=probe.image, mask=probe.mask[:, :, 0])  # refuses what its hashes do not say
    model, names = folder / manifest.model_file, ("model.onnx", "input.bin", "result.bin")
    with tempfile.TemporaryDirectory() as scratch:
        source, result = Path(scratch) / "input.bin", Path(scratch) / "result.bin"
        source.write_bytes(probe.image.tobytes() + probe.mask.tobytes())
        device.push(model, f"{PLACE}/{names[0]}")
        device.push(source, f"{PLACE}/{names[1]}")
        before = device.thermal()
        line = command(runner, *names, manifest.size, threads)
        told = parse(device.shell(f"cd {PLACE} && {line}", limit_s=60 + 20 * SECONDS))
        after = device.thermal()
        device.pull(f"{PLACE}/{names[2]}", result)
        content = result.read_bytes()
    if len(content) != golden.size:
        raise ValueError(f"the runner wrote {len(content)} bytes, {golden.size} are a result")
    got = np.frombuffer(content, np.uint8).reshape(golden.shape)
    return check(
        {
            "schema": SCHEMA,
            "kind": "android",
            "artifact": {
                **exported(folder.resolve().name, manifest),
                "operators": {"total": sum(OnnxBackend().inspect(model).operators.values()), "delegated": 0},
            },
            "runtime": {**dict(zip(("name", "version", "provider"), told.runtime, strict=True)), "threads": threads},
            "host": {**host, "thermal_before": before, "thermal_after": after, "throttled": None if after is None else after > 0},
            "times_ms": _times(told),
            "memory_mb": {"load_peak": told.peaks_mb.get("load"), "steady_peak": told.peaks_mb.get("steady")},
            "golden": compared(got, golden, probe, manifest.scheme),
            "run": about,
        }
    )


def _times(told: Told) -> dict[str, float]:
    return {"load": told.load_ms, "first": told.first_ms, "warm_ups": WARM_UPS, **describe(told.runs_ms)}


def compared(got: np.ndarray, golden: np.ndarray, probe: Probe, scheme: str) -> dict[str, Any]:
    """Part ``golden``: a result (S, S, 3) uint8 against that of the same file here, by the bars between runtimes.

    A kept pixel that changed is as wrong as can be.
    """
    bar, hole = TOLERANCES[scheme], probe.hole
    if (got != golden)[~hole].any():
        return {"max_level_difference": 255, "differing_share": 1.0, "hole_psnr_db": 0.0, "same": False}
    difference = np.abs(got.astype(np.int16) - golden.astype(np.int16))[hole]
    most, share, psnr = int(difference.max()), float((difference > 0).mean()), psnr_db(difference)
    same = (
        (bar.max_level_difference is None or most <= bar.max_level_difference)
        and (bar.differing_share is None or share <= bar.differing_share)
        and (bar.hole_psnr_db is None or psnr is None or psnr >= bar.hole_psnr_db)
    )
    return {"max_level_difference": most, "differing_share": share, "hole_psnr_db": psnr, "same": same}


def _cells(one: dict[str, Any]) -> Sequence[str]:
    times, host = one["times_ms"], one["host"]
    return [
        one["artifact"]["name"],
        f"{one['runtime']['threads']}",
        *(f"{times[key]:.2f}" for key in ("load", "first", "p50", "p90")),
        f"{times['last_tenth'] / times['first_tenth']:.2f}",
        f"{host['thermal_before']} -> {host['thermal_after']}",
        "the same" if one["golden"]["same"] else "NOT the same",
    ]
