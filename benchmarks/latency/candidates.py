"""Who takes part: artefacts, the network in PyTorch, other people's networks, classical methods, and single convolutions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.host import installed_version
from benchmarks.latency import convolution
from benchmarks.latency.subjects import METHODS
from benchmarks.peers.adapters import ADAPTERS
from benchmarks.peers.standins.table import NOTICE, STANDINS, properties, write
from benchmarks.records.artifact import artifact, exported
from export.artifact.files import check_files
from export.artifact.manifest import Manifest, read_manifest
from export.coreml.toolkit import can_predict
from export.runtimes import RUNTIMES
from models.checkpoint import SHIPPED, sha256

ARTEFACT, REFERENCE, STANDIN, PEER, CLASSICAL, CONVOLUTION = (
    "artefact",
    "reference",
    "stand-in",
    "peer",
    "classical",
    "convolution",
)
EAGER, COMPILED = "eager PyTorch", "torch.compile"

Skipped = dict[str, str]
"""Name -> why it is not measured."""


@dataclass(frozen=True)
class Candidate:
    """One thing to measure.

    Attributes:
        name: shown, and unique in a run.
        family: one of the words above.
        spec: what its worker is told, but for the threads.
        runtime: distribution whose version counts, and execution provider.
        artifact: part ``artifact`` of its record, without operators.
        macs: multiply-accumulates of one run; None where nobody counted them.
        note: what a reader must know of it.
        reference: name of the candidate that its answers are compared with.
    """

    name: str
    family: str
    spec: Mapping[str, Any]
    runtime: tuple[str, str]
    artifact: Mapping[str, Any]
    macs: int | None = None
    note: str | None = None
    reference: str | None = None

    @property
    def version(self) -> str:
        """Of its runtime; ``not installed`` where it is not."""
        return installed_version(self.runtime[0]) or "not installed"


@dataclass
class Field:
    """Everybody who takes part, and who cannot."""

    candidates: list[Candidate] = field(default_factory=list)
    skipped: Skipped = field(default_factory=dict)


FILLED = ("fp32", "w8a8")
"""Schemes of which the whole fill is measured too; what is done around the network is the same for all."""

RUNTIME_OF = {
    "onnx": ("onnxruntime", "CPUExecutionProvider"),
    "litert": ("ai-edge-litert", "XNNPACK"),
    "coreml": ("coremltools", "Core ML"),
}


def add_artefacts(into: Field, folders: Iterable[Path], checkpoint: Path | None, *, compiled: bool) -> None:
    """Artefacts, and for every size and kind of ports among them the network in eager PyTorch.

    Args:
        into: where they are added.
        folders: of the artefacts.
        checkpoint: what they were made from; None for the shipped one.
        compiled: also the network after ``torch.compile``.

    Raises:
        ValueError: a damaged artefact, or one of another checkpoint.
    """
    path = SHIPPED if checkpoint is None else checkpoint
    digest = sha256(path)
    references: dict[str, Candidate] = {}
    artefacts = []
    for folder in folders:
        failures = check_files(folder)
        if failures:
            raise ValueError(f"{folder}: damaged: {'; '.join(failures)}")
        manifest = read_manifest(folder)
        name = folder.resolve().name
        reason = why_not(manifest)
        if reason:
            into.skipped[name] = reason
            continue
        if manifest.checkpoint_sha256 != digest:
            raise ValueError(f"{folder}: made from another checkpoint than {path}; give it with --checkpoint FILE")
        suffix = f"{manifest.size}{'' if manifest.io == 'uint8' else ' (bare core)'}"
        for kind, label in (("eager", EAGER), ("compiled", COMPILED))[: 1 + compiled]:
            references.setdefault(f"{label} {suffix}", _reference(kind, f"{label} {suffix}", manifest, path, digest))
        artefacts.append(_artefact(folder, name, manifest, f"{EAGER} {suffix}"))
        if manifest.backend == "onnx" and manifest.io == "uint8" and manifest.scheme in FILLED:
            artefacts.append(_whole_fill(artefacts[-1]))
    into.candidates += [*references.values(), *artefacts]


def why_not(manifest: Manifest) -> str | None:
    """Why an artefact's time on this host would say nothing; None where it can be measured."""
    if manifest.backend == "coreml" and not can_predict():
        return "Core ML runs on macOS only; the evaluator that checks packages here says nothing about a phone's time"
    return RUNTIMES[manifest.backend].unavailable()


def _reference(kind: str, name: str, manifest: Manifest, checkpoint: Path, digest: str) -> Candidate:
    return Candidate(
        name,
        REFERENCE,
        {"kind": kind, "checkpoint": str(checkpoint.absolute()), "size": manifest.size, "io": manifest.io},
        ("torch", "CPU"),
        artifact(name, "fp32", manifest.size, None, None, digest),
        manifest.macs,
    )


def _artefact(folder: Path, name: str, manifest: Manifest, reference: str) -> Candidate:
    model = {"folder": str(folder.absolute()), "backend": manifest.backend, "model": manifest.model_file}
    return Candidate(
        name,
        ARTEFACT,
        {"kind": "artefact", **model, "size": manifest.size, "io": manifest.io},
        RUNTIME_OF[manifest.backend],
        exported(name, manifest),
        manifest.macs,
        reference=reference,
    )


def _whole_fill(artefact: Candidate) -> Candidate:
    """The same artefact with everything that ``inpaint`` does around it."""
    name = f"{artefact.name} + detail"
    return replace(
        artefact,
        name=name,
        spec={**artefact.spec, "kind": "fill"},
        artifact={**artefact.artifact, "name": name},
        macs=None,
        note="+ detail: the whole fill of a 256x256 photo, the network and what is copied from around the hole",
        reference=None,
    )


def add_standins(into: Field, folder: Path, size: int) -> None:
    """Networks of published shapes with random weights."""
    for name, row in STANDINS.items():
        path = folder / f"{name}-standin-{size}.onnx"
        if not path.is_file() or not properties(path):
            path = write(name, size, folder)
        into.candidates.append(
            _network(f"{name} (stand-in)", STANDIN, path, row.adapter, size, int(properties(path)["macs"]), NOTICE)
        )


def add_peers(into: Field, given: Sequence[str], size: int) -> None:
    """Networks that a user names as ``ADAPTER=FILE``; a stand-in stays one under whatever name.

    Raises:
        ValueError: no such adapter, no such file.
    """
    for one in given:
        adapter, _, text = one.partition("=")
        if adapter not in ADAPTERS or not text:
            raise ValueError(f"--peer {one}: NAME=FILE with one of the names {', '.join(ADAPTERS)} is needed")
        path = Path(text)
        if not path.is_file():
            raise ValueError(f"--peer {one}: no such file")
        about = properties(path) if path.suffix == ".onnx" else {}
        family, macs, note = (STANDIN, int(about["macs"]), NOTICE) if about else (PEER, None, ADAPTERS[adapter].words)
        into.candidates.append(_network(f"{adapter} ({path.name})", family, path, adapter, size, macs, note))


def _network(name: str, family: str, path: Path, adapter: str, size: int, macs: int | None, note: str) -> Candidate:
    runtime = RUNTIME_OF["litert" if path.suffix == ".tflite" else "onnx"]
    return Candidate(
        name,
        family,
        {"kind": "peer", "model": str(path.absolute()), "adapter": adapter, "size": size},
        runtime,
        artifact(name, None, size, path.stat().st_size, sha256(path), None),
        macs,
        note,
    )


PACKAGE_OF = {"telea": "opencv-python-headless", "navier-stokes": "opencv-python-headless", "patchmatch": "patchmatch-cython"}


def add_classical(into: Field, size: int, methods: Iterable[str] = tuple(METHODS)) -> None:
    """OpenCV's two methods, and PatchMatch where it is installed; of these, those that are asked for."""
    for method in methods:
        package = PACKAGE_OF[method]
        name = f"OpenCV {method}" if package.startswith("opencv") else "PatchMatch"
        candidate = Candidate(
            name, CLASSICAL, {"kind": "classical", "method": method, "size": size}, (package, "CPU"), artifact(name, None, size)
        )
        if candidate.version == "not installed":
            into.skipped[name] = f"{package} is not installed"
        else:
            into.candidates.append(candidate)


def add_convolutions(into: Field, folder: Path) -> None:
    """Single convolutions of good shapes: what ONNX Runtime can reach on this host."""
    for numbers in convolution.NUMBERS:
        for channels, side, kernel in convolution.SHAPES:
            path = convolution.write(folder, numbers, channels, side, kernel)
            name = f"convolution {numbers} {channels}x{side}x{side} {kernel}x{kernel}"
            about = artifact(name, numbers, side, path.stat().st_size, sha256(path))
            macs = convolution.macs(channels, side, kernel)
            spec = {"kind": "convolution", "model": str(path.absolute()), "size": side}
            into.candidates.append(Candidate(name, CONVOLUTION, spec, RUNTIME_OF["onnx"], about, macs))
