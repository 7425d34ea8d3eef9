"""The matrix: which cells exist, and how one cell becomes an artefact that is checked before it gets its name."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export.artifact import declared, recipe
from export.artifact.folder import artifact_name, check_sums, hash_files, recover, staging, write_sums
from export.artifact.manifest import MANIFEST, FileEntry, Manifest, Parity, belongs, read_manifest
from export.backend import Backend, Inspection
from export.backends import BACKENDS
from export.errors import ToolchainMissing, Unsupported
from export.parity import NO_PHOTOS, Levels, Probe, measure, misses, probes, results
from export.program import Io, Program
from export.reference import TorchBackend
from export.sources import Source
from quantize.schemes import SCHEMES, Scheme

THREADS = 1
"""For the checks: one order of sums, and no threads that wait for each other on a busy host (PyTorch: 79 ms became 4.9 s)."""

WRITE_FAILURES = ("[MIL FileWriter]",)
"""How a toolkit's own code begins to say that it could not write a file, where it does not raise an ``OSError``: coremltools'
writer of weights, on a full disk."""


@dataclass(frozen=True)
class Cell:
    """One artefact to make."""

    backend: str
    scheme: Scheme
    size: int
    io: Io

    def name(self, source: Source) -> str:
        """Name of its folder."""
        return artifact_name(source.generator.spec.name, self.size, self.backend, self.scheme.name, self.io)


@dataclass(frozen=True)
class Options:
    """How to make them.

    Attributes:
        check: measure parity and refuse what misses its bar.
        force: make it even if an up-to-date one is there.
        ort: add ONNX Runtime's ``.ort`` file to ONNX artefacts.
    """

    check: bool = True
    force: bool = False
    ort: bool = False

    def extras(self, backend: str) -> tuple[str, ...]:
        """Further files in artefacts of a backend."""
        return ("ort",) if self.ort and backend == "onnx" else ()


@dataclass(frozen=True)
class Made:
    """What became of one cell.

    Attributes:
        folder: the artefact.
        status: ``written``, ``up to date`` (it was there), or ``failed``.
        manifest: its manifest; for ``failed`` the one that it would have had.
        failures: why it failed, one line each.
    """

    folder: Path
    status: Literal["written", "up to date", "failed"]
    manifest: Manifest
    failures: tuple[str, ...] = ()


@dataclass
class References:
    """Probe sets and the results of PyTorch on them, computed once and shared by the cells that have the same reference."""

    _probes: dict[int, list[Probe]] = field(default_factory=dict)
    _results: dict[tuple[object, ...], list[Levels]] = field(default_factory=dict)

    def probes(self, size: int) -> list[Probe]:
        """The probe set for a size."""
        if size not in self._probes:
            self._probes[size] = probes(size)
        return self._probes[size]

    def parity(self, backend: Backend, model: Path, program: Program) -> tuple[Parity, list[Levels]]:
        """Run a saved model over the probes; its figures against PyTorch, and the results themselves."""
        probe_set = self.probes(program.size)
        got = results(backend.load(model, THREADS), probe_set, program.io, noisy=True)
        return measure(got, self.wanted(program), probe_set, io=program.io, reference=reference_name(program)), got

    def wanted(self, program: Program) -> list[Levels]:
        """PyTorch's results for a program."""
        calibration = program.calibration.sha256() if program.calibration else None
        numbers = program.scheme.name if program.scheme.quantised else "float"
        key = (program.checkpoint_sha256, numbers, calibration, program.size, program.io)
        if key not in self._results:
            reference = TorchBackend().reference(program, THREADS)
            self._results[key] = results(reference, self.probes(program.size), program.io, noisy=False)
        return self._results[key]


def reference_name(program: Program) -> str:
    """What an artefact is compared with, in words for the manifest."""
    return "PyTorch, quantised program" if program.scheme.quantised else "PyTorch, float32, as trained"


def plan(backends: Iterable[str], schemes: Iterable[str], size: int, io: Io) -> list[Cell]:
    """The cells to make, backend by backend.

    Raises:
        Unsupported: naming the first combination that is not made, and why.
    """
    cells = [Cell(backend, SCHEMES[scheme], size, io) for backend in backends for scheme in schemes]
    for cell in cells:
        if reason := BACKENDS[cell.backend].unsupported(cell.scheme):
            raise Unsupported(f"{cell.backend}: {reason}")
    return cells


def require(cells: Iterable[Cell], options: Options) -> None:
    """Refuse before any work is done when a toolkit or runtime is missing.

    Raises:
        ToolchainMissing: naming every backend that cannot, and why.
    """
    reasons = []
    for name in dict.fromkeys(cell.backend for cell in cells):
        convert, run = (BACKENDS[name].unavailable(action) for action in ("convert", "run"))
        if convert:
            reasons.append(f"{name}: {convert}")
        elif run and options.check:
            reasons.append(f"{name}: cannot be checked here: {run} (--no-check makes it unchecked)")
    if options.check and importlib.util.find_spec("skimage") is None:
        reasons.append(f"{NO_PHOTOS}; --no-check does without")
    if reasons:
        raise ToolchainMissing("; ".join(reasons))


def up_to_date(folder: Path, expected_recipe: str, options: Options) -> Manifest | None:
    """The manifest of an artefact that was made from the same inputs and is still whole; None otherwise."""
    if options.force or not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(folder)
    except ValueError:  # damaged, or of an older version: made anew
        return None
    checked = manifest.checks == "on" or not options.check
    return manifest if checked and manifest.recipe_sha256 == expected_recipe and not check_sums(folder) else None


def make(cell: Cell, source: Source, out: Path, options: Options, references: References) -> Made:
    """Make one artefact, or find it up to date.

    Args:
        cell: what to make.
        source: checkpoint and calibration.
        out: folder of artefacts.
        options: see :class:`Options`.
        references: shared by the cells of one run.

    Returns:
        What became of it. A failed check leaves nothing behind, and a previous artefact as it was.

    Raises:
        OSError: the folder cannot be written or the disk is full; likewise.
        ValueError: a combination that is not made.
    """
    program = source.program(cell.scheme, cell.size, cell.io)
    folder = out / cell.name(source)
    calibration_sha256 = source.calibration_sha256(cell.scheme)
    recipe_hash = recipe.recipe_sha256(cell.backend, program, calibration_sha256, options.extras(cell.backend))
    recover(folder)
    current = up_to_date(folder, recipe_hash, options)
    if current is not None:
        return Made(folder, "up to date", current)
    backend = BACKENDS[cell.backend]
    try:
        with staging(folder) as temporary:
            _convert(backend, program, temporary)
            model = temporary / backend.model_file
            inspection = backend.inspect(model)
            failures = declared.faults(
                inspection,
                cell.size,
                cell.io,
                expected_metadata(program, inspection),
                program.generator.spec,
                program.float_layers,
            )
            if options.extras(cell.backend):
                _write_ort(backend, model, temporary)
            parity = None
            if options.check and not failures:
                parity, _ = references.parity(backend, model, program)
                failures = misses(parity, cell.scheme.name)
            manifest = _manifest(cell, program, temporary, inspection, parity, recipe_hash, calibration_sha256)
            if failures:
                raise _Failed(failures, manifest)
            (temporary / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
            write_sums(temporary)
    except _Failed as failed:
        return Made(folder, "failed", failed.manifest, tuple(failed.failures))
    return Made(folder, "written", manifest)


def make_all(
    cells: Iterable[Cell],
    source: Source,
    out: Path,
    options: Options,
    *,
    starting: Callable[[str], None],
    done: Callable[[], object],
) -> list[Made]:
    """:func:`make` for each cell; ``starting`` hears each name and ``done`` each end, for a progress bar."""
    references, made = References(), []
    for cell in cells:
        starting(f"{cell.backend} {cell.scheme.name}")
        made.append(make(cell, source, out, options, references))
        done()
    return made


def expected_metadata(program: Program, inspection: Inspection) -> dict[str, str]:
    """What the file's own metadata must hold; its layout is the converter's choice among ``LAYOUTS``."""
    return program.metadata(inspection.metadata.get("wavefill.layout", "missing"))


class _Failed(Exception):
    def __init__(self, failures: list[str], manifest: Manifest) -> None:
        super().__init__()
        self.failures, self.manifest = failures, manifest


def _convert(backend: Backend, program: Program, folder: Path) -> None:
    try:
        backend.convert(program, folder)
    except RuntimeError as error:
        if not str(error).startswith(WRITE_FAILURES):
            raise
        raise OSError(
            f"{folder.parent}: the {backend.name} toolkit cannot write its files, is the disk full? ({error})"
        ) from error


def _write_ort(backend: Backend, model: Path, folder: Path) -> None:
    from export.onnx.backend import OnnxBackend

    assert isinstance(backend, OnnxBackend)
    backend.write_ort(model, folder)


def _manifest(
    cell: Cell,
    program: Program,
    folder: Path,
    inspection: Inspection,
    parity: Parity | None,
    recipe_hash: str,
    calibration_sha256: str | None,
) -> Manifest:
    backend = BACKENDS[cell.backend]
    files = [FileEntry(name, length, digest) for name, (length, digest) in hash_files(folder).items()]
    return Manifest(
        backend=cell.backend,
        scheme=cell.scheme.name,
        weight_bits=cell.scheme.weight_bits,
        spec=program.generator.spec.name,
        size=cell.size,
        io=cell.io,
        macs=inspection.macs,
        model_file=backend.model_file,
        files=tuple(files),
        size_bytes=sum(entry.bytes for entry in files if belongs(entry.name, backend.model_file)),
        parity=parity,
        checks="skipped" if parity is None else "on",
        minimum_target=backend.later_targets.get(cell.scheme.name, backend.minimum_target),
        checkpoint_sha256=program.checkpoint_sha256,
        calibration_sha256=calibration_sha256,
        recipe_sha256=recipe_hash,
        signature=declared.signature(inspection),
        metadata=dict(inspection.metadata),
        tools=recipe.tool_versions(cell.backend, program),
    )
