"""Recipe: one hash over everything that an artefact's bytes depend on, so that an up-to-date one is recognised."""

import functools
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export.artifact.manifest import SCHEMA_VERSION
from export.program import Program

ROOT = Path(__file__).parents[2]

TOOLS: dict[str, tuple[str, ...]] = {
    "onnx": ("torch", "onnx", "onnx-ir", "onnxscript", "onnxruntime", "numpy"),
    "coreml": ("torch", "coremltools", "protobuf", "numpy"),
    "litert": ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "flatbuffers", "numpy"),
}
"""Packages whose versions a manifest names. torchao joins for quantised schemes."""

SOURCES = (
    "export/**/*.py",
    "quantize/**/*.py",
    "models/checkpoint.py",
    "models/conventions.py",
    "models/data/masks.py",
    "models/generator.py",
    "models/inpainter.py",
    "models/spec.py",
    "models/wavelet.py",
)
"""Our own files that take part in an export."""


def tool_versions(backend: str, program: Program) -> dict[str, str]:
    """Versions of the packages that take part, without local suffixes (``+cpu``); "missing" where one is not installed."""
    names = (*TOOLS.get(backend, ("torch", "numpy")), *(("torchao",) if program.scheme.quantised else ()))
    return {name: _version(name) for name in sorted(names)}


def recipe_sha256(backend: str, program: Program, calibration_sha256: str | None, extras: tuple[str, ...]) -> str:
    """Hash of all inputs of one artefact.

    Args:
        backend: key in ``BACKENDS``.
        program: what is exported.
        calibration_sha256: hash of its calibration table, if any.
        extras: further files asked for (``ort``).
    """
    inputs = {
        "schema": SCHEMA_VERSION,
        "backend": backend,
        "scheme": program.scheme.name,
        "spec": program.generator.spec.to_json(),
        "size": program.size,
        "io": program.io,
        "checkpoint": program.checkpoint_sha256,
        "calibration": calibration_sha256,
        "extras": sorted(extras),
        "tools": tool_versions(backend, program),
        "sources": sources_sha256(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def sources() -> list[Path]:
    """The files named in ``SOURCES``, sorted."""
    return sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)})


@functools.cache  # of the sources as this process imported them, not as they may be edited meanwhile
def sources_sha256() -> str:
    """Hash of our own files named in ``SOURCES``, with their relative paths."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "missing"
