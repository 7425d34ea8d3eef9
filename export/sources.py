"""What artefacts are made from: a checkpoint and, for calibrated schemes, its calibration; both found, read and matched here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from export.program import Io, Program
from models.checkpoint import SHIPPED, load_checkpoint, read_safetensors, sha256
from models.conventions import UNSTATED_LICENCE
from models.generator import Generator
from models.spec import LARGEST_SIZE
from quantize.schemes import Scheme
from quantize.table import QuantizationTable, calibration_path


class NotAtHand(ValueError):
    """The checkpoint or calibration that an artefact was made from was not given and is not where it is looked for."""


@dataclass(frozen=True)
class Source:
    """A checkpoint, read.

    Attributes:
        path: the file.
        generator: its network.
        checkpoint_sha256: hash of the file.
        calibration: table of scales, where a calibrated scheme is wanted.
        licence: terms of the weights, as the header states them.
    """

    path: Path
    generator: Generator
    checkpoint_sha256: str
    calibration: QuantizationTable | None = None
    licence: str = UNSTATED_LICENCE

    def program(self, scheme: Scheme, size: int, io: Io) -> Program:
        """One cell of the matrix; see ``export.program.Program``."""
        calibration = self.calibration if scheme.calibrated else None
        return Program(self.generator, size, scheme, io, self.checkpoint_sha256, calibration, self.licence)

    def calibration_sha256(self, scheme: Scheme) -> str | None:
        """Hash of the calibration that the scheme uses; None if it uses none."""
        return self.calibration.sha256() if scheme.calibrated and self.calibration else None


def read_source(checkpoint: Path | None, spec: str | None) -> Source:
    """Read a checkpoint without its calibration.

    Args:
        checkpoint: file; default the one that the repository carries.
        spec: what the user says it is; None to take its own word.

    Raises:
        ValueError: a bad checkpoint (see ``load_checkpoint``), or one of another spec.
    """
    path = SHIPPED if checkpoint is None else checkpoint
    generator = load_checkpoint(path)
    found = generator.spec.name
    if spec is not None and spec != found:
        if checkpoint is None:
            raise ValueError(
                f"spec {spec} has no trained weights here, only {found} has; "
                f"train it (python -m models train --set spec={spec}) and give its file with --checkpoint FILE"
            )
        raise ValueError(f"--spec {spec} contradicts {path}, which holds {found}")
    _, header = read_safetensors(path)
    return Source(path, generator, sha256(path), licence=header.get("licence", UNSTATED_LICENCE))


def check_size(size: int, source: Source) -> None:
    """Refuse sizes that the network does not take.

    Raises:
        ValueError: no multiple of the spec's, or out of range.
    """
    spec = source.generator.spec
    if size < spec.multiple or size > LARGEST_SIZE or size % spec.multiple:
        raise ValueError(
            f"size {size}: {spec.name} takes multiples of {spec.multiple} from {spec.multiple} to {LARGEST_SIZE} pixels"
        )


def find_calibration(
    source: Source, given: Path | None, beside: Iterable[Path] = (), *, wanted: str | None = None
) -> QuantizationTable:
    """The calibration table of a checkpoint: the file given, or the first that fits.

    Where one certain table is wanted, others beside it, of other checkpoints or damaged, do no harm.

    Args:
        source: the checkpoint.
        given: a calibration file (``*.json``); None to look beside the checkpoint.
        beside: further files to try.
        wanted: hash that the table must have; None for any table of this checkpoint.

    Raises:
        NotAtHand: no table has the hash that is wanted.
        ValueError: the file given, or without ``wanted`` the one found, is bad or of another checkpoint; or there is none.
    """
    own = calibration_path(source.path)
    seen = []
    for path in [given] if given is not None else [*([own] if own.is_file() else []), *beside]:
        try:
            table = _read_calibration(path, source)
        except (ValueError, OSError) as error:
            if given is not None or wanted is None:
                raise
            seen.append(str(error))
            continue
        if wanted is None or table.sha256() == wanted:
            return table
        seen.append(f"{path}: calibration {table.sha256()[:12]}...")
    if wanted is not None:
        raise NotAtHand(
            f"the calibration {wanted[:12]}... is not at hand; give its file with --calibration FILE "
            f"(looked at: {'; '.join(seen) or 'none, there is none beside the checkpoint or the artefacts'})"
        )
    raise ValueError(
        f"{source.path}: scheme w8a8 or w8a16 needs a calibration and this checkpoint has none beside it; "
        "give a folder of photos with --calibration DIR"
    )


def _read_calibration(path: Path, source: Source) -> QuantizationTable:
    table = QuantizationTable.load(path)
    if table.checkpoint_sha256 != source.checkpoint_sha256:
        raise ValueError(
            f"{path}: calibration of another checkpoint (sha256 {table.checkpoint_sha256[:12]}...; "
            f"{source.path} is {source.checkpoint_sha256[:12]}...)"
        )
    return table
