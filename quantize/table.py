"""QuantizationTable: one calibration as a table of numbers, and its application to the core of any size.

The table is made once (`quantize.calibrate`), saved beside the checkpoint, and is the single source of every int8 artefact: ONNX,
Core ML and LiteRT are lowerings of ``apply``'s result, folded or not. Importing this module needs no toolkit.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models.checkpoint import write_atomically
from models.generator import Generator
from models.system.foreign import read_json, reader
from quantize.affine import ACTIVATION_MAX, ACTIVATION_MIN, weight_integers
from quantize.algorithms.changes import LARGEST_EXPONENT, Changes
from quantize.schemes import SCHEMES

FORMAT = "wavefill-calibration-1"
SAVED_SCHEME = "w8a8"
FIELDS = ("format", "scheme", "spec", "checkpoint_sha256", "activations", "weights", "sha256", "provenance")
_SMALLEST, _LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Activation:
    """Number format of one tensor: x = scale (q - zero_point), q in [-128, 127], or of 16 bits in a w8a16 table."""

    scale: float
    zero_point: int

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value that it can hold in 8 bits."""
        return self.scale * (ACTIVATION_MIN - self.zero_point), self.scale * (ACTIVATION_MAX - self.zero_point)


@dataclass(frozen=True)
class Weight:
    """Number format of one weight: w = scales[o] q, |q| <= ``Scheme.weight_max``, and the SHA-256 of the integers (int8)."""

    scales: tuple[float, ...]
    integers_sha256: str


@dataclass(frozen=True)
class QuantizationTable:
    """The quantised core of one checkpoint, independent of image size.

    Attributes:
        spec: name of the architecture.
        checkpoint_sha256: hash of the checkpoint file that it belongs to.
        activations: by tensor name, the path of the module that makes it (``down.0.1.conv2``).
        weights: by parameter name (``down.0.1.conv2.weight``).
        provenance: how it was made: observer, photos with their hashes, masks, seed; JSON values.
        scheme: the row of ``SCHEMES``; a saved table is of w8a8, others are derived from it (``quantize.wide``).
        changes: what is done to the network's parameters first (``quantize.algorithms``).
        float_layers: paths of the layers that compute in float (``quantize.kept``), sorted.
    """

    spec: str
    checkpoint_sha256: str
    activations: Mapping[str, Activation]
    weights: Mapping[str, Weight]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scheme: str = SAVED_SCHEME
    changes: Changes = field(default_factory=Changes)
    float_layers: tuple[str, ...] = ()

    def apply(self, core: nn.Module, size: int, *, fold_weights: bool = True) -> nn.Module:
        """Quantise a folded generator with these numbers; nothing is observed, so equal inputs give equal programs.

        Args:
            core: ``models.generator.fold(generator, size, size)`` of the checkpoint that the table was made for.
            size: height and width in pixels.
            fold_weights: True stores weights as int8 followed by a dequantisation (ONNX, Core ML); False keeps float
                weights followed by quantise and dequantise (LiteRT). Both compute the same.

        Returns:
            A graph module (normalised (1, 3, size, size), hole (1, 1, size, size)) -> fill (1, 3, size, size), float32
            outside, that can be exported again.

        Raises:
            ValueError: another architecture, or weights whose integers are not the table's.
        """
        from quantize.lowering import lower  # torchao is needed from here on, not for reading a table

        core = self.changed(core)
        scheme = SCHEMES[self.scheme]
        return lower(core, size, self.activations, self.weights, fold_weights=fold_weights, kept=self.float_layers, scheme=scheme)

    def changed(self, core: nn.Module) -> nn.Module:
        """The float network whose roundings the table describes: the checkpoint's, with :attr:`changes` made.

        Args:
            core: as for :meth:`apply`.

        Raises:
            ValueError: as there.
        """
        if self.changes != Changes():
            assert isinstance(core, Generator)
            core = self.changes.applied(core)
        self.check_weights(dict(core.named_parameters()))
        return core

    def check_weights(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Refuse a network that the table was not made for.

        Args:
            parameters: of a folded generator, its changes made.

        Raises:
            ValueError: another architecture, or weights whose integers are not the table's.
        """
        got = {name for name, value in parameters.items() if value.ndim == 4}
        if got != self.weights.keys():
            raise ValueError(f"calibration of {self.spec} does not fit this network: {_difference(self.weights.keys(), got)}")
        largest = SCHEMES[self.scheme].weight_max
        for name, row in self.weights.items():
            weight, scales = parameters[name].detach().float().cpu().numpy(), np.array(row.scales, np.float32)
            if len(weight) != len(scales) or integers_sha256(weight_integers(weight, scales, largest)) != row.integers_sha256:
                raise ValueError(
                    f"the calibration belongs to another checkpoint (sha256 {self.checkpoint_sha256[:12]}...): "
                    f"{name} gives other integers"
                )

    def table(self) -> dict[str, Any]:
        """The numbers without their provenance, as JSON values."""
        changes = {
            "exponents": {name: list(powers) for name, powers in self.changes.exponents.items()},
            "biases": {name: [float(str(np.float32(b))) for b in row] for name, row in self.changes.biases.items()},
            "float_layers": list(self.float_layers),
        }
        return {
            # Left out where there are none: the hash of a table does not depend on what this program can do besides.
            **{key: value for key, value in changes.items() if value},
            "format": FORMAT,
            "scheme": self.scheme,
            "spec": self.spec,
            "checkpoint_sha256": self.checkpoint_sha256,
            "activations": {
                name: {"scale": _short(row.scale), "zero_point": row.zero_point} for name, row in self.activations.items()
            },
            "weights": {
                name: {"integers_sha256": row.integers_sha256, "scales": [_short(s) for s in row.scales]}
                for name, row in self.weights.items()
            },
        }

    def sha256(self) -> str:
        """Hash of :meth:`table` as compact JSON with sorted keys: equal for equal numbers, however they were found."""
        return hashlib.sha256(json.dumps(self.table(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the table, its hash and its provenance as JSON with sorted keys, one line for each tensor.

        Raises:
            OSError: the disk is full or the folder cannot be written; a previous file is left as it was.
        """
        content = {**self.table(), "sha256": self.sha256(), "provenance": dict(self.provenance)}
        write_atomically(path, (_dump(content) + "\n").encode())

    @staticmethod
    @reader
    def load(path: Path) -> "QuantizationTable":
        """Read a table that :meth:`save` wrote.

        Raises:
            ValueError: missing, not such a file, another version, a value out of range, or numbers that do not have the
                hash which the file states.
        """
        content = read_json(path)
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise ValueError(f"{path}: not a calibration of this version (format {found!r}, not {FORMAT!r})")
        try:
            program = _from_json(content)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path}: not a valid calibration: {type(error).__name__} {error}") from error
        if content.get("sha256") != program.sha256():
            raise ValueError(f"{path}: its numbers do not have the hash that it states; the file was changed")
        return program


def calibration_path(checkpoint: Path) -> Path:
    """Where the calibration of a checkpoint lies: beside it, ``<stem>.calibration.json``."""
    return checkpoint.with_name(f"{checkpoint.stem}.calibration.json")


def integers_sha256(integers: np.ndarray) -> str:
    """SHA-256 of int8 values in C order."""
    return hashlib.sha256(np.ascontiguousarray(integers, dtype=np.int8).tobytes()).hexdigest()


def _from_json(content: Mapping[str, Any]) -> QuantizationTable:
    unknown = content.keys() - {*FIELDS, "exponents", "biases", "float_layers"}
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    activations = {
        name: Activation(_scale(row["scale"]), _zero_point(row["zero_point"])) for name, row in content["activations"].items()
    }
    weights = {
        name: Weight(tuple(_scale(s) for s in row["scales"]), _text(row["integers_sha256"]))
        for name, row in content["weights"].items()
    }
    changes = Changes(
        {name: tuple(map(_exponent, row)) for name, row in content.get("exponents", {}).items()},
        {name: tuple(map(_correction, row)) for name, row in content.get("biases", {}).items()},
    )
    spec, checkpoint = _text(content["spec"]), _text(content["checkpoint_sha256"])
    scheme, provenance = _text(content["scheme"]), dict(content["provenance"])
    if scheme != SAVED_SCHEME:
        raise ValueError(f"scheme {scheme!r}: tables are of {SAVED_SCHEME}")
    kept = tuple(sorted(map(_text, content.get("float_layers", ()))))
    return QuantizationTable(spec, checkpoint, activations, weights, provenance, scheme, changes, kept)


def _scale(value: Any) -> float:  # noqa: ANN401 - whatever JSON held
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not _SMALLEST <= value <= _LARGEST:
        raise ValueError(f"scale {str(value)[:40]}: a positive number is needed that float32 can hold")
    return float(np.float32(value))


def _zero_point(value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int) or not ACTIVATION_MIN <= value <= ACTIVATION_MAX:
        raise ValueError(f"zero point {value!r}: an integer in [{ACTIVATION_MIN}, {ACTIVATION_MAX}] is needed")
    return value


def _exponent(value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_EXPONENT:
        raise ValueError(f"exponent {value!r}: an integer in [-{LARGEST_EXPONENT}, {LARGEST_EXPONENT}] is needed")
    return value


def _correction(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise ValueError(f"bias correction {str(value)[:40]}: a number is needed that float32 can hold")
    return float(np.float32(value))


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError(f"{value!r}: text is needed")
    return value


def _short(value: float) -> float:
    """The number with the fewest digits that rounds to the same float32."""
    return float(str(np.float32(value)))


def _dump(value: Any, depth: int = 0) -> str:  # noqa: ANN401
    """JSON with sorted keys; objects are broken into lines down to the third level, so that a change shows as a line."""
    if isinstance(value, dict) and value and depth < 2:
        inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(key)}: {_dump(value[key], depth + 1)}" for key in sorted(value))
        return f"{{\n{inner}\n{' ' * depth}}}"
    return json.dumps(value, sort_keys=True)


def _difference(expected: Any, got: Any) -> str:  # noqa: ANN401
    missing, extra = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    return f"{len(missing)} weights missing ({', '.join(missing[:2])}), {len(extra)} extra ({', '.join(extra[:2])})"
