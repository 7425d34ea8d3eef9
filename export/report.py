"""What commands say of artefacts on stdout, in the words of one cell."""

from export.artifact.manifest import Manifest, Parity


def megabytes(size_bytes: int) -> str:
    """Decimal megabytes with two digits."""
    return f"{size_bytes / 1e6:.2f}"


def parity_text(parity: Parity | None) -> str:
    """Parity figures in a few words."""
    if parity is None:
        return "not checked"
    kept = "" if parity.kept_max_difference is None else f", kept pixels {parity.kept_max_difference} apart"
    if parity.hole_psnr_db is None:
        return f"equal to the reference{kept}"
    levels = "1 level" if parity.max_level_difference == 1 else f"{parity.max_level_difference} levels"
    return f"worst hole {parity.worst_hole_psnr_db:.1f} dB, max {levels}, {100 * parity.differing_share:.2g} % differ{kept}"


def manifest_row(folder: str, manifest: Manifest) -> list[str]:
    """One line of the table of artefacts; see ``MANIFEST_HEADS``."""
    return [
        folder,
        manifest.backend,
        manifest.scheme,
        megabytes(manifest.size_bytes),
        f"{manifest.macs / 1e9:.3f}",
        parity_text(manifest.parity),
    ]


MANIFEST_HEADS = ["artefact", "backend", "scheme", "MB", "GMACs", "parity with PyTorch"]
