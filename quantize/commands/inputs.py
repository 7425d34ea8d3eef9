"""What several verbs read: a checkpoint and its table."""

from pathlib import Path

from models.checkpoint import SHIPPED, load_checkpoint, sha256
from models.generator import Generator
from quantize.table import QuantizationTable, calibration_path


def checkpoint_and_table(checkpoint: Path | None, calibration: Path | None) -> tuple[Generator, QuantizationTable]:
    """Read both.

    Args:
        checkpoint: file; None for the shipped one.
        calibration: file; None for the one beside the checkpoint.

    Raises:
        ValueError: either is missing or damaged, or the table is of another checkpoint.
    """
    path = checkpoint or SHIPPED
    generator, digest = load_checkpoint(path), sha256(path)
    place = calibration or calibration_path(path)
    table = QuantizationTable.load(place)
    if table.checkpoint_sha256 != digest:
        raise ValueError(
            f"{place}: calibration of another checkpoint ({table.checkpoint_sha256[:12]}...; {path} is {digest[:12]}...)"
        )
    return generator, table
