"""Temporary files and folders beside what they are going to replace, held while they are written and swept away after a kill.

A process that is killed cannot tidy up. So every temporary name says what it was for, ``.<final name>.<eight characters>.tmp``,
and is locked (``flock``, which the system lets go of when a process dies, however it dies). Whoever writes the same final name
next deletes what nobody holds. Readers never see any of it: the names are hidden and have a suffix that no reader looks for.
Renaming protects against a process that dies, and contents are flushed to the disk first; what a power cut does was not tested.
"""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".tmp"
_RANDOM = "[a-z0-9_]{8}"  # what tempfile puts into a name
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def temporary_file(final: Path) -> Iterator[tuple[int, Path]]:
    """A new file beside ``final``, open for writing, which is gone when the block ends unless it was renamed.

    Args:
        final: the name that it is to take; its folder is there.

    Yields:
        Its descriptor and its path.

    Raises:
        OSError: the folder cannot be written.
    """

    def make() -> tuple[int, Path]:
        descriptor, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=SUFFIX)
        return descriptor, Path(name)

    sweep(final)
    descriptor, path = _held(make)
    try:
        yield descriptor, path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def temporary_folder(final: Path) -> Iterator[Path]:
    """A new folder beside ``final``, which is gone with all that is in it when the block ends unless it was renamed.

    Args:
        final: the name that it is to take; its parent is there.

    Raises:
        OSError: the parent cannot be written.
    """

    def make() -> tuple[int | None, Path]:
        path = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=SUFFIX))
        try:
            return os.open(path, os.O_RDONLY), path
        except FileNotFoundError:  # swept away already
            return None, path

    sweep(final)
    descriptor, path = _held(make)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def give_usual_permissions(made: Path) -> None:
    """What ``tempfile`` makes is private, and libraries write as they please: 777 for folders, 666 for files, less the umask.

    Args:
        made: a file, or a folder with everything in it.
    """
    umask = os.umask(0)
    os.umask(umask)
    for path in (made, *(made.rglob("*") if made.is_dir() else ())):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def sweep(final: Path) -> None:
    """Delete the temporary files and folders that killed processes left of ``final``; those of living ones stay.

    Raises:
        OSError: the folder cannot be read.
    """
    pattern = re.compile(re.escape(f".{final.name}.") + _RANDOM + re.escape(SUFFIX))
    with os.scandir(final.parent) as entries:
        left = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
    for path in left:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue  # gone in the meantime, or not ours to open
        try:
            if _lock(descriptor):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _held(make: Callable[[], tuple[int | None, Path]]) -> tuple[int, Path]:
    """What ``make`` makes, locked; again, if another process swept it away between its making and its locking."""
    while True:
        descriptor, path = make()
        if descriptor is None:
            continue
        # Where the file system has no locks, nothing is ever swept, and nothing has to be held.
        held = _lock(descriptor)
        if held is None or (held and path.exists()):
            return descriptor, path
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """True: this process holds it now; False: another one does; None: the file system knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True
