"""Instructions, counted: a plugin of the emulator's, compiled from ``count_instructions.c`` when it is first needed.

A count has no noise, so that a loaded host can take it; it is no model of time: an instruction of sixteen products counts as much
as one that adds two addresses.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from models.system.errors import ToolchainMissing

SOURCE = Path(__file__).with_name("count_instructions.c")
COUNTS = "instructions"
"""Name of the file that the plugin writes: one number a line."""

MARK_CALL, MARK = 172, 0x7761766566696C6C
"""A marked section begins and ends with this system call of arm64 Linux (getpid, which takes no arguments) with ``MARK``
("wavefill") as its first argument and 1 or 0 as its second."""


def count_instructions(cache: Path) -> Path:
    """Path of the compiled plugin.

    Raises:
        ToolchainMissing: no C compiler.
    """
    return compiled(("cc", "-O2", "-shared", "-fPIC"), [SOURCE], cache, "count_instructions.so")


def compiled(command: tuple[str, ...], sources: list[Path], cache: Path, name: str) -> Path:
    """Compile C, unless that was done before from the same sources by the same command.

    Args:
        command: the compiler and its options.
        sources: C and assembler files.
        cache: folder that keeps results by the hash of what they are made from.
        name: of the result.

    Raises:
        ToolchainMissing: that compiler is not installed.
        RuntimeError: it refused the sources.
    """
    digest = hashlib.sha256(repr(command).encode())
    for path in sources:
        digest.update(path.read_bytes())
    place = cache / "built" / f"{digest.hexdigest()[:16]}-{name}"
    if place.is_file():
        return place
    if shutil.which(command[0]) is None:
        raise ToolchainMissing(f"{command[0]} is not installed, which compiles {sources[0].name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        made = Path(scratch) / name
        done = subprocess.run(
            [*command, "-o", str(made), *map(str, sources)], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} refuses {sources[0].name}: {done.stderr.strip()[-600:]}")
        made.replace(place)
    return place
