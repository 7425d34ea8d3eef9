"""The measurement as a file: what each tensor, weight and layer costs, and what it was measured with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.checkpoint import write_atomically
from models.system.foreign import read_json, reader
from quantize.sensitivity.errors import Errors, float_psnr_db, photo_psnr_db
from quantize.sensitivity.measure import ALL, ALONE, BUT, NONE, Job, layers_of

FORMAT = "wavefill-sensitivity-1"


@dataclass(frozen=True)
class Cost:
    """What one tensor, weight or layer costs. All in dB of hole PSNR.

    Attributes:
        alone_drop_db: loss to the true photo when only it is rounded.
        alone_to_float_db: PSNR to the float fill then; None where no value changes.
        but_gain_db: gain to the true photo when everything but it is rounded, over when all is.
        but_to_float_gain_db: gain of the PSNR to the float fill likewise; None where nothing differs any more.
    """

    alone_drop_db: float
    alone_to_float_db: float | None
    but_gain_db: float
    but_to_float_gain_db: float | None


@dataclass(frozen=True)
class Sensitivity:
    """One measurement.

    Attributes:
        spec: name of the architecture.
        checkpoint_sha256: hash of the checkpoint file.
        calibration_sha256: hash of the table.
        key: hash of checkpoint, table and photos.
        float_psnr_db: hole PSNR of the float fill to the true photo, mean over the photos.
        quantised_psnr_db: the same of the quantised program.
        quantised_to_float_db: PSNR of the quantised program's fill to the float fill.
        tensors: by name of a tensor or weight (``head``, ``head.weight``), in execution order.
        layers: by module path: what the layer makes and its weight together.
        provenance: photos with their hashes, masks, seed; JSON values.
    """

    spec: str
    checkpoint_sha256: str
    calibration_sha256: str
    key: str
    float_psnr_db: float
    quantised_psnr_db: float
    quantised_to_float_db: float | None
    tensors: Mapping[str, Cost]
    layers: Mapping[str, Cost]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(job: Job, names: Sequence[str], rows: Mapping[str, Sequence[Errors]], provenance: Mapping[str, Any]) -> "Sensitivity":
        """The costs that measured errors amount to.

        Args:
            job: what was measured.
            names: ``FakeQuantisedCore.names``.
            rows: result of ``measure``.
            provenance: kept in the file.
        """
        exact, everything = photo_psnr_db(rows[NONE]), photo_psnr_db(rows[ALL])
        to_float = float_psnr_db(rows[ALL])

        def cost(name: str) -> Cost:
            alone, but = rows[f"{ALONE} {name}"], rows[f"{BUT} {name}"]
            without = float_psnr_db(but)
            gain = None if without is None or to_float is None else without - to_float
            return Cost(exact - photo_psnr_db(alone), float_psnr_db(alone), photo_psnr_db(but) - everything, gain)

        layers = {
            name: cost(f"layer {name}" if len(parts) > 1 else name)  # of an addition, its tensor is all there is
            for name, parts in layers_of(names).items()
        }
        return Sensitivity(
            job.table.spec,
            job.table.checkpoint_sha256,
            job.table.sha256(),
            job.key(),
            exact,
            everything,
            to_float,
            {name: cost(name) for name in names},
            layers,
            dict(provenance),
        )

    def require(self, path: Path, checkpoint_sha256: str, calibration_sha256: str) -> None:
        """Refuse a measurement of something else.

        Args:
            path: where it was read from, for the message.
            checkpoint_sha256: hash that the checkpoint has now.
            calibration_sha256: hash that the table has now.

        Raises:
            ValueError: either has changed since; both hashes are named.
        """
        pairs = (
            ("checkpoint", self.checkpoint_sha256, checkpoint_sha256),
            ("table", self.calibration_sha256, calibration_sha256),
        )
        for what, then, now in pairs:
            if then != now:
                raise ValueError(
                    f"{path}: measured on {what} {then[:12]}..., which is {now[:12]}... now; "
                    "measure again (python -m quantize sensitivity) with --force or another --out"
                )

    def save(self, path: Path) -> None:
        """Write the file, a line for each tensor and layer.

        Raises:
            OSError: it cannot be written; a previous file is left as it was.
        """
        lines = [f' "format": "{FORMAT}"', *(f' "{name}": {_json(getattr(self, name))}' for name in _SCALARS)]
        lines.append(f' "provenance": {_json(dict(self.provenance))}')
        for name in ("tensors", "layers"):
            rows = (f'  "{key}": {_json(_short(cost))}' for key, cost in getattr(self, name).items())
            lines.append(f' "{name}": {{\n' + ",\n".join(rows) + "\n }")
        write_atomically(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())

    @staticmethod
    @reader
    def load(path: Path) -> "Sensitivity":
        """Read a file that :meth:`save` wrote.

        Raises:
            ValueError: missing, or not such a file.
        """
        content = read_json(path)
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise ValueError(f"{path}: not a sensitivity of this version (format {found!r}, not {FORMAT!r})")
        try:
            fields = {name: content[name] for name in (*_SCALARS, "provenance")}
            for name in ("tensors", "layers"):
                fields[name] = {key: Cost(**row) for key, row in content[name].items()}
            return Sensitivity(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: not a valid sensitivity: {type(error).__name__} {error}") from error


_SCALARS = (
    "spec",
    "checkpoint_sha256",
    "calibration_sha256",
    "key",
    "float_psnr_db",
    "quantised_psnr_db",
    "quantised_to_float_db",
)


def _short(cost: Cost) -> dict[str, float | None]:
    # Digits beyond the fourth are the host's: another processor sums in another order.
    return {key: None if value is None else round(value, 4) for key, value in vars(cost).items()}


def _json(value: object) -> str:
    return json.dumps(round(value, 4) if isinstance(value, float) else value, sort_keys=True)
