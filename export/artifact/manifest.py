"""Manifest: what an artefact says of itself, in one strict JSON file.

Nothing in it depends on when or where it was written: no dates, no absolute paths, no host names. Equal inputs give equal
bytes. Parity figures are measured: they are rounded to the digits that hosts agree on, and another processor may still move the
last one.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from models.system.foreign import MAX_JSON_BYTES, parse_json, read_bytes, reading

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FileEntry:
    """One file of the model: its path inside the artefact's folder (with ``/``), length and SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PortEntry:
    """One input or output, as the model file declares it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs in order."""

    inputs: tuple[PortEntry, ...]
    outputs: tuple[PortEntry, ...]


@dataclass(frozen=True)
class Parity:
    """How far the artefact is from its PyTorch reference on the probe set (export/parity.py).

    Attributes:
        reference: what it was compared with, in words.
        probes: number of image and mask pairs.
        max_level_difference: largest difference of two uint8 values in the hole.
        differing_share: share of the values in the hole that differ at all, 0 to 1.
        hole_psnr_db: PSNR over the values in all holes; None where every value is equal.
        worst_hole_psnr_db: the same for the worst probe.
        kept_max_difference: largest difference from the input photo where the mask says keep; None for a bare core, which
            does not composite.
    """

    reference: str
    probes: int
    max_level_difference: int
    differing_share: float
    hole_psnr_db: float | None
    worst_hole_psnr_db: float | None
    kept_max_difference: int | None


@dataclass(frozen=True)
class Manifest:
    """Everything that an artefact declares.

    Attributes:
        backend: key in ``BACKENDS``.
        scheme: key in ``SCHEMES``.
        weight_bits: bits that a weight uses.
        spec: name of the model spec.
        size: height and width in pixels.
        io: ``uint8`` for the public signature, ``float`` for the bare core.
        macs: multiply-accumulates of all convolutions of one run.
        model_file: the file or package to load.
        files: every file but ``manifest.json`` and ``SHA256SUMS``, sorted by name.
        size_bytes: length of the model file or package.
        parity: the measured figures; None where the checks were skipped.
        checks: ``on``, or ``skipped`` where ``--no-check`` was given.
        minimum_target: oldest runtime or system that runs it.
        checkpoint_sha256: hash of the checkpoint file.
        calibration_sha256: hash of the calibration table; None for a scheme without one.
        recipe_sha256: hash of all inputs: checkpoint, calibration, options, tool versions and our own sources.
        signature: inputs and outputs.
        metadata: the ``wavefill.*`` entries that the model file itself carries.
        tools: versions of the packages that took part.
        schema_version: of this file.
    """

    backend: str
    scheme: str
    weight_bits: int
    spec: str
    size: int
    io: Literal["uint8", "float"]
    macs: int
    model_file: str
    files: tuple[FileEntry, ...]
    size_bytes: int
    parity: Parity | None
    checks: Literal["on", "skipped"]
    minimum_target: str
    checkpoint_sha256: str
    calibration_sha256: str | None
    recipe_sha256: str
    signature: Signature
    metadata: Mapping[str, str]
    tools: Mapping[str, str]
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def model_sha256(self) -> str:
        """Hash of the model file; of a package, which is a folder, that of all its inputs."""
        return next((one.sha256 for one in self.files if one.name == self.model_file), self.recipe_sha256)

    def to_json(self) -> str:
        """Canonical text: sorted keys, two spaces, one newline at the end."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Manifest":
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, another schema version, missing or unknown keys, values of the wrong type, or text that is
                not in the canonical form (so that no change goes unseen).
        """
        tree = parse_json(text)
        if not isinstance(tree, dict):
            raise ValueError(f"a JSON object is expected, not {_kind(tree)}")
        if tree.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"schema_version {tree.get('schema_version')!r}, this program reads {SCHEMA_VERSION}")
        manifest = _build(Manifest, tree, "manifest")
        assert isinstance(manifest, Manifest)
        if (manifest.checks == "on") != (manifest.parity is not None):
            raise ValueError(f"checks {manifest.checks!r} contradicts parity {'figures' if manifest.parity else 'null'}")
        if manifest.to_json() != text:
            raise ValueError("not in canonical form (edited by hand?)")
        return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artefact's folder.

    Raises:
        ValueError: no such folder, no manifest in it, or a bad one.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such artefact folder")
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder}: not an artefact (it has no {MANIFEST})")
    with reading(path):
        try:
            return Manifest.from_json(read_bytes(path, MAX_JSON_BYTES).decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not JSON ({error})") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def belongs(name: str, model_file: str) -> bool:
    """Whether a file of an artefact is the model file or lies in the model package."""
    return name == model_file or name.startswith(f"{model_file}/")


def _build(expected: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - walks over arbitrary JSON
    """Turn JSON into the annotated type; bool is no int here, and int is no float."""
    origin, arguments = get_origin(expected), get_args(expected)
    if dataclasses.is_dataclass(expected):
        return _build_dataclass(expected, value, where)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where}: {value!r} is none of {', '.join(map(repr, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: a list is expected, not {_kind(value)}")
        return tuple(_build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise ValueError(f"{where}: an object of texts is expected")
        return dict(value)
    if origin is not None:  # the only other generic here is "X | None"
        if value is None and type(None) in arguments:
            return None
        return _build(next(argument for argument in arguments if argument is not type(None)), value, where)
    if type(value) is not expected:
        raise ValueError(f"{where}: {expected.__name__} is expected, not {_kind(value)}")
    return value


def _build_dataclass(expected: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError(f"{where}: an object is expected, not {_kind(value)}")
    hints = get_type_hints(expected)
    missing, unknown = sorted(hints.keys() - value.keys()), sorted(value.keys() - hints.keys())
    if missing or unknown:
        raise ValueError(f"{where}: missing keys: {', '.join(missing) or 'none'}; unknown keys: {', '.join(unknown) or 'none'}")
    return expected(**{key: _build(hint, value[key], f"{where}.{key}") for key, hint in hints.items()})


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
