"""Where a result goes: whether it can be put there, and files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from models.photo.formats import WRITE_FORMATS
from models.system.temporary import give_usual_permissions, temporary_file


def check_output(path: Path, *inputs: Path) -> None:
    """Find out before any work whether a result can be written here.

    Args:
        path: the file to write.
        inputs: files that must not be overwritten by it.

    Raises:
        ValueError: no suffix of ``WRITE_FORMATS``, one of ``inputs``, or as :func:`check_place`.
    """
    if path.suffix.lower() not in WRITE_FORMATS:
        raise ValueError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; use one of {', '.join(WRITE_FORMATS)}")
    check_place(path)
    if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
        raise ValueError(f"{path}: would overwrite its own input; choose another name")


def check_place(path: Path) -> None:
    """Find out before any work whether a file can be put here; of a symbolic link its target counts.

    Raises:
        ValueError: it is a folder, its folder does not exist, or cannot be written.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file")
    # A link that points at itself resolves to itself.
    target = Path(os.path.realpath(path)) if path.is_symlink() else path.absolute()
    if target.is_symlink():
        raise ValueError(f"{path}: is a link that leads nowhere")
    folder, shown = target.parent, target.parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise ValueError(f"{path}: there is no folder {shown}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{path}: the folder {shown} cannot be written")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file at once; see :func:`atomic_file`.

    Raises:
        OSError: naming ``path``.
    """
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that is renamed at the end: a reader sees the old file or the new one, whole.

    A symbolic link stays one; what it points to is replaced. What a killed process left of the same name is deleted.

    Raises:
        OSError: naming ``path``; a previous file of that name is left as it was, and no other file stays behind.
    """
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(target) as (descriptor, temporary):
            with os.fdopen(descriptor, "w+b", closefd=False) as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            give_usual_permissions(temporary)
            temporary.replace(target)
    except OSError as error:
        # The system names the temporary file, which means nothing to a user.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
