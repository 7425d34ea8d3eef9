"""Part ``artifact`` of a record, less ``operators``, which only some runtimes tell."""

from typing import Any

from export.artifact.manifest import Manifest


def artifact(
    name: str,
    scheme: str | None,
    size: int,
    length: int | None = None,
    digest: str | None = None,
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """What was measured: name, number format, image size, the file's bytes and SHA-256, the checkpoint's; None: there is none."""
    return {"name": name, "scheme": scheme, "size": size, "bytes": length, "sha256": digest, "checkpoint_sha256": checkpoint}


def exported(name: str, manifest: Manifest) -> dict[str, Any]:
    """The same of an exported artefact."""
    return artifact(name, manifest.scheme, manifest.size, manifest.size_bytes, manifest.model_sha256, manifest.checkpoint_sha256)
