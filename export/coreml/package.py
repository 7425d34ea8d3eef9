"""Core ML packages on disk: written byte for byte the same every time, and read back as a MIL program."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.coreml.toolkit import coremltools
from models.system.foreign import MAX_MODEL_BYTES, read_bytes, read_json, reader

AUTHOR = "com.apple.CoreML"
MODEL = f"{AUTHOR}/model.mlmodel"
WEIGHTS = f"{AUTHOR}/weights"
WEIGHT_FILE = "weight.bin"


@dataclass(frozen=True)
class SavedProgram:
    """A package as read back from disk.

    Attributes:
        spec: the protobuf ``Model``: description, metadata, program.
        function: the ``main`` function as coremltools' own reader understands it (``coremltools.converters.mil.mil.Function``).
    """

    spec: Any
    function: Any


def write_package(spec: Any, weights: bytes, package: Path) -> None:  # noqa: ANN401 - a protobuf message has no useful type
    """Write an ``.mlpackage``. coremltools' own writer draws random UUIDs and adds a debug file; this one does neither.

    Args:
        spec: protobuf ``Model``.
        weights: content of the weight file that ``spec`` points into.
        package: folder to make; must not exist.

    Raises:
        OSError: it exists, or cannot be written.
    """
    model = spec.SerializeToString(deterministic=True)
    entries = {
        _identifier(MODEL, model): {
            "author": AUTHOR,
            "description": "CoreML Model Specification",
            "name": "model.mlmodel",
            "path": MODEL,
        },
        _identifier(WEIGHTS, weights): {
            "author": AUTHOR,
            "description": "CoreML Model Weights",
            "name": "weights",
            "path": WEIGHTS,
        },
    }
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": _identifier(MODEL, model)}
    data = package / "Data"
    (data / WEIGHTS).mkdir(parents=True)
    (data / MODEL).write_bytes(model)
    (data / WEIGHTS / WEIGHT_FILE).write_bytes(weights)
    (package / "Manifest.json").write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n", encoding="utf-8")


def _identifier(path: str, content: bytes) -> str:
    """A UUID (RFC 4122, version 5) that follows from the content, where coremltools draws a random one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path}#sha256={hashlib.sha256(content).hexdigest()}"))


@reader
def read_spec(package: Path) -> tuple[Any, Path]:
    """Follow a package's manifest to its model.

    Args:
        package: an ``.mlpackage`` folder.

    Returns:
        The protobuf ``Model`` and the folder of its weight file.

    Raises:
        ValueError: not a package, or a damaged one.
        ToolchainMissing: coremltools is not installed.
    """
    ct = coremltools()
    from google.protobuf.message import DecodeError

    try:
        manifest = read_json(package / "Manifest.json")
        relative = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        if relative != MODEL:  # what `write_package` writes; anything else could lead out of the package
            raise ValueError(f"its model is {str(relative)[:80]!r}, not {MODEL!r}")
        content = read_bytes(package / "Data" / relative, MAX_MODEL_BYTES)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{package}: not a Core ML package ({type(error).__name__}: {error})") from error
    spec = ct.proto.Model_pb2.Model()
    try:
        spec.ParseFromString(content)
    except DecodeError as error:
        raise ValueError(f"{package}: its model file is damaged ({error})") from error
    return spec, package / "Data" / WEIGHTS


@reader
def read_program(package: Path) -> SavedProgram:
    """Read a package back as a MIL program, with coremltools' reader; nothing is compiled.

    Args:
        package: an ``.mlpackage`` folder.

    Raises:
        ValueError: not a package, a damaged one, or not an ML program.
        ToolchainMissing: coremltools is not installed.
    """
    spec, weights = read_spec(package)
    from coremltools.converters.mil.frontend.milproto import load

    if spec.WhichOneof("Type") != "mlProgram":
        raise ValueError(f"{package}: holds a {spec.WhichOneof('Type')}, an mlProgram is needed")
    if not (weights / WEIGHT_FILE).is_file():
        raise ValueError(f"{package}: its weight file {WEIGHTS}/{WEIGHT_FILE} is missing")
    try:
        program = load.load(spec, spec.specificationVersion, str(weights))
    except Exception as error:  # see models.system.foreign
        # What the reader raises where names, types or offsets into the weight file do not fit together.
        raise ValueError(f"{package}: its program is damaged ({type(error).__name__}: {error})") from error
    if "main" not in program.functions:
        raise ValueError(f"{package}: its program has no function main")
    return SavedProgram(spec, program.functions["main"])
