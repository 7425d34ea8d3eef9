"""Verify: is an artefact still what its manifest says? Hashes, signature, metadata, bytes, MACs, and parity measured again.

This finds accidents: a changed byte, a mixed-up file, a runtime that computes something else here. It does not find an
attacker, who would write new hashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from export.artifact import declared
from export.artifact.files import check_files
from export.artifact.manifest import Manifest, Parity, read_manifest
from export.backend import Backend, Coverage
from export.backends import BACKENDS
from export.errors import ToolchainMissing
from export.matrix import References, expected_metadata
from export.parity import Levels, differs_from_record, disagreement, misses, worst_between
from export.program import Program
from export.sources import NotAtHand, Source, find_calibration, read_source
from models.system.errors import describe
from quantize.schemes import SCHEMES


@dataclass(frozen=True)
class Verdict:
    """What was found out about one artefact.

    Attributes:
        folder: the artefact.
        failures: what is wrong, one line each; empty when all is well.
        manifest: its manifest, if that could be read.
        parity: the figures as measured now; None where the run did not come to that.
        coverage: what of a w8a8 file is integer, by kind, counted in the file.
        damaged: whether it could not be read, so that nothing was measured: a file was changed, cut off, or is missing.
        foreign: whether it was made from a checkpoint or calibration that is not at hand, so that nothing was measured.
    """

    folder: Path
    failures: tuple[str, ...]
    manifest: Manifest | None = None
    parity: Parity | None = None
    coverage: Mapping[str, Coverage] | None = None
    foreign: bool = False
    damaged: bool = False


@dataclass(frozen=True)
class Pair:
    """Two artefacts of one program on different backends.

    Attributes:
        name: scheme, size and the two backends.
        worst_hole_psnr_db: between their results, on the probe where it is worst; None where they are equal.
        failure: one line if they are too far apart.
    """

    name: str
    worst_hole_psnr_db: float | None
    failure: str | None


@dataclass
class Verifier:
    """Verifies artefacts one after the other and remembers results, so that backends can be compared with each other.

    Args:
        checkpoint: file that the artefacts were made from; None for the shipped one.
        calibration: its calibration file; None to look beside the checkpoint and beside the artefacts.
    """

    checkpoint: Path | None = None
    calibration: Path | None = None
    _references: References = field(default_factory=References)
    _source: Source | None = None
    _results: dict[tuple[object, ...], dict[str, list[Levels]]] = field(default_factory=dict)

    def verify(self, folder: Path) -> Verdict:
        """All checks on one artefact; later ones are left out where an earlier one failed.

        Whatever is wrong with the artefact is in the verdict, so that its neighbours are still looked at.

        Raises:
            ValueError: the checkpoint or calibration given to measure again is bad.
            ToolchainMissing: the runtime is not.
        """
        try:
            failures = check_files(folder)
        except OSError as error:
            failures = [f"cannot be read: {describe(error)}"]
        if failures:
            return Verdict(folder, tuple(failures), damaged=True)
        manifest = read_manifest(folder)
        try:
            program = self._program(manifest, folder.parent)
        except NotAtHand as error:
            return Verdict(folder, (str(error),), manifest, foreign=True)
        backend = BACKENDS[manifest.backend]
        reason = backend.unavailable("run")
        if reason:
            raise ToolchainMissing(f"{folder}: cannot be run here: {reason}")
        try:
            return self._measure(folder, manifest, program, backend)
        except (ValueError, OSError) as error:  # its readers and its runtime: see models.system.foreign
            said = describe(error) if isinstance(error, OSError) else str(error)
            return Verdict(folder, (said.removeprefix(f"{folder}/"),), manifest, damaged=True)

    def _measure(self, folder: Path, manifest: Manifest, program: Program, backend: Backend) -> Verdict:
        """What the model file declares, and parity.

        Raises:
            ValueError: it cannot be read, or its runtime cannot run it.
        """
        model = folder / manifest.model_file
        inspection = backend.inspect(model)
        failures = declared.faults(
            inspection,
            manifest.size,
            manifest.io,
            expected_metadata(program, inspection),
            program.generator.spec,
            program.float_layers,
        )
        if manifest.spec != program.generator.spec.name:
            failures.append(f"spec {manifest.spec} in the manifest, the checkpoint holds {program.generator.spec.name}")
        if declared.signature(inspection) != manifest.signature:
            failures.append("signature of the model file is not the manifest's")
        if dict(inspection.metadata) != dict(manifest.metadata):
            failures.append("metadata of the model file is not the manifest's")
        if inspection.macs != manifest.macs:
            failures.append(f"{inspection.macs} MACs in the model file, {manifest.macs} in the manifest")
        if failures:
            return Verdict(folder, tuple(failures), manifest)
        parity, got = self._references.parity(backend, model, program)
        failures = misses(parity, manifest.scheme)
        if manifest.parity is not None:
            failures += differs_from_record(parity, manifest.parity)
        key = (manifest.checkpoint_sha256, manifest.calibration_sha256, manifest.scheme, manifest.size, manifest.io)
        self._results.setdefault(key, {})[manifest.backend] = got
        return Verdict(folder, tuple(failures), manifest, parity, inspection.coverage)

    def compare_backends(self) -> list[Pair]:
        """Artefacts of one program on different backends against each other."""
        pairs = []
        for (_, _, scheme, size, _io), by_backend in self._results.items():
            for (a, results_a), (b, results_b) in combinations(by_backend.items(), 2):
                worst = worst_between(results_a, results_b, self._references.probes(int(str(size))))
                pairs.append(Pair(f"{scheme} {size}: {a} and {b}", worst, disagreement(worst, str(scheme))))
        return pairs

    def _program(self, manifest: Manifest, beside: Path) -> Program:
        if self._source is None:
            self._source = read_source(self.checkpoint, None)
        source = self._source
        if source.checkpoint_sha256 != manifest.checkpoint_sha256:
            raise NotAtHand(
                f"made from checkpoint {manifest.checkpoint_sha256[:12]}..., but {source.path} is "
                f"{source.checkpoint_sha256[:12]}...; give the right file with --checkpoint FILE"
            )
        scheme = SCHEMES[manifest.scheme]
        if scheme.calibrated and source.calibration_sha256(scheme) != manifest.calibration_sha256:
            table = find_calibration(
                source, self.calibration, sorted(beside.glob("*.calibration.json")), wanted=manifest.calibration_sha256
            )
            source = self._source = replace(source, calibration=table)
        return source.program(scheme, manifest.size, manifest.io)


def all_well(verdicts: Iterable[Verdict], pairs: Iterable[Pair]) -> bool:
    """Whether nothing failed."""
    return not any(pair.failure for pair in pairs) and not any(verdict.failures for verdict in verdicts)
