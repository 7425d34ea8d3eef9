"""Which artefacts are there, and are their files what their manifests say? Needs no runtime and no PyTorch."""

from pathlib import Path

from export.artifact.folder import SUMS, check_sums, hash_files
from export.artifact.manifest import MANIFEST, belongs, read_manifest
from export.runtimes import RUNTIMES
from models.spec import LARGEST_SIZE
from quantize.schemes import SCHEMES


def check_files(folder: Path) -> list[str]:
    """Everything that needs no runtime: SHA256SUMS against the files, the manifest's own form, and its list of files."""
    failures = check_sums(folder)
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        return [*failures, str(error)]
    if manifest.backend not in RUNTIMES:
        failures.append(f"{MANIFEST}: no backend {manifest.backend!r} writes artefacts")
    if manifest.scheme not in SCHEMES:
        failures.append(f"{MANIFEST}: no scheme {manifest.scheme!r}")
    if failures:
        return failures
    if manifest.model_file != RUNTIMES[manifest.backend].MODEL_FILE:
        failures.append(f"{MANIFEST}: model file {manifest.model_file!r}, not {RUNTIMES[manifest.backend].MODEL_FILE!r}")
    ports = (*manifest.signature.inputs, *manifest.signature.outputs)
    if not 1 <= manifest.size <= LARGEST_SIZE or any(sorted(port.shape)[-2:] != 2 * [manifest.size] for port in ports):
        failures.append(f"{MANIFEST}: size {manifest.size} is not that of its signature, or more than {LARGEST_SIZE}")
    if manifest.weight_bits != SCHEMES[manifest.scheme].weight_bits:
        failures.append(f"{MANIFEST}: weight_bits {manifest.weight_bits}, not {SCHEMES[manifest.scheme].weight_bits}")
    found = {name: entry for name, entry in hash_files(folder).items() if name not in (SUMS, MANIFEST)}
    if found != {entry.name: (entry.bytes, entry.sha256) for entry in manifest.files}:
        failures.append(f"{MANIFEST}: its list of files is not what is there")
    inside = [entry for entry in manifest.files if belongs(entry.name, manifest.model_file)]
    if not inside or sum(entry.bytes for entry in inside) != manifest.size_bytes:
        failures.append(f"{MANIFEST}: size_bytes {manifest.size_bytes} is not the model's length")
    return failures


def find_artefacts(path: Path) -> list[Path]:
    """The artefact at a path, or all artefacts in a folder, sorted by name.

    A folder that has lost its manifest but still looks like an artefact is listed too, so that it fails.

    Raises:
        ValueError: no such folder, or no artefact in it.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; give an artefact or a folder of artefacts")
    if _looks_like_artefact(path):
        return [path]
    found = sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    artefacts = [entry for entry in found if _looks_like_artefact(entry)]
    if not artefacts:
        raise ValueError(f"{path}: no artefacts in it (folders with {MANIFEST} and {SUMS})")
    return artefacts


def _looks_like_artefact(folder: Path) -> bool:
    return (folder / MANIFEST).exists() or (folder / SUMS).exists()
