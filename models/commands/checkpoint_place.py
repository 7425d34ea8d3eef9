"""Where a verb may write a checkpoint."""

from pathlib import Path

from models.photo.images import check_place


def check_checkpoint_place(path: Path) -> None:
    """Say before the work what would stop a checkpoint from being written.

    Args:
        path: what ``--out`` was given.

    Raises:
        ValueError: not called ``*.safetensors``, or see ``check_place``.
        OSError: see ``check_place``.
    """
    check_place(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"--out {path}: a checkpoint is called *.safetensors")
