"""Kills before file operations: an audit hook of Python that counts the changes below a folder."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "fcntl.flock", "open"}
"""Audit events of Python's library before which a process may be killed."""

Watcher = Callable[[str, tuple], None]


def operation_watcher(out: Path, number: int | None, counted: Path | None) -> Watcher:
    """An audit hook that counts changes below a folder, and kills its process before one of them."""
    found = 0
    inside = str(out)

    def watch(event: str, arguments: tuple) -> None:
        nonlocal found
        if event not in CHANGES or (event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITES)):
            return
        paths = [os.fsdecode(one) for one in arguments if isinstance(one, str | bytes | os.PathLike)]
        if event != "fcntl.flock" and not any(path.startswith(inside) for path in paths):
            return
        found += 1
        if found == number:
            os.kill(os.getpid(), signal.SIGKILL)
        if counted:
            descriptor = os.open(f"{counted}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(descriptor, str(found).encode())
            os.close(descriptor)

    return watch
