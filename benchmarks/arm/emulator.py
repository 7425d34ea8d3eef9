"""QEMU's user-mode emulator: one ARM program at a time, on a core of ``CORES``, with this host's files.

The emulator reads every path first below a prefix (``-L``). Here that is a folder of links into the system that `make arm` makes,
with a /proc/cpuinfo of the core's own.
"""

import contextlib
import importlib.metadata
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.arm.cores import Core
from benchmarks.arm.plugin import COUNTS, count_instructions
from models.system.errors import ToolchainMissing

CACHE = Path(__file__).parents[2] / ".cache" / "arm"
ROOT = CACHE / "root"
"""What `make arm` makes: Debian's Python for arm64 and the runtimes' aarch64 wheels."""

QEMU = "qemu-aarch64"
PYTHON = ROOT / "usr" / "bin" / "python3.11"
WHEELS = ROOT / "wheels"


def unavailable() -> str | None:
    """Why nothing can be emulated here, in a line; None where it can."""
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (Debian: apt-get install qemu-user)"
    return None if PYTHON.is_file() else "there is no ARM system to emulate; `make arm` makes one in .cache/arm"


def require() -> None:
    """Raise where nothing can be emulated.

    Raises:
        ToolchainMissing: the emulator or the ARM system is missing.
    """
    if reason := unavailable():
        raise ToolchainMissing(reason)


def wheel_version(package: str) -> str:
    """Version of a package of the ARM system."""
    found = next(iter(importlib.metadata.distributions(name=package, path=[str(WHEELS)])), None)
    if found is None:
        raise ToolchainMissing(f"the ARM system has no {package}; `make arm` makes it again")
    return found.version


def emulate(
    core: Core,
    command: Sequence[object],
    *,
    environment: dict[str, str],
    libraries: Path | None = None,
    counted: bool = False,
    on_line: Callable[[str], object] = lambda line: None,
) -> list[int]:
    """Run an ARM program to its end.

    Args:
        core: on which processor.
        command: path of the program and its arguments.
        environment: its environment variables, all of them.
        libraries: folder that stands before the system's libraries.
        counted: count instructions (``benchmarks.arm.plugin``); takes about a third longer.
        on_line: called with each line that the program prints, for a progress bar.

    Returns:
        Instructions of each marked section in turn; empty where they are not counted.

    Raises:
        ToolchainMissing: the emulator, the system, or a compiler for the counting plugin is missing.
        RuntimeError: the program failed; with the last lines that it printed.
    """
    require()
    options: list[object] = ["-cpu", core.emulated]
    if libraries is not None:
        environment = {**environment, "LD_LIBRARY_PATH": str(libraries)}
    # Not the host's variables: they may name libraries and Python modules of another processor.
    variables = [argument for name, value in environment.items() for argument in ("-E", f"{name}={value}")]
    with _prefix(core) as prefix:
        counts = prefix / COUNTS
        if counted:
            options += ["-plugin", f"{count_instructions(CACHE)},counts={counts}"]
        full = [QEMU, *options, "-L", prefix, *variables, *command]
        printed = []
        with subprocess.Popen(
            [*map(str, full)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={"PATH": "/usr/bin:/bin"},
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    printed.append(line.rstrip())
                    on_line(line.rstrip())
                code = process.wait()
            except BaseException:  # Ctrl-C, too: the emulator would go on for minutes
                process.kill()
                raise
        if code:
            said = " | ".join(line for line in printed[-3:] if line) or "it printed nothing"
            raise RuntimeError(f"{Path(str(command[0])).name} on an emulated {core.name} ended with {code}: {said}")
        return [int(line) for line in counts.read_text(encoding="utf-8").split()] if counted else []


@contextlib.contextmanager
def _prefix(core: Core) -> Iterator[Path]:
    """A folder that the program sees in place of /: the ARM system, and the core's /proc/cpuinfo."""
    with tempfile.TemporaryDirectory(prefix="wavefill-arm-") as scratch:
        prefix = Path(scratch)
        for name in ("lib", "usr", "etc"):
            (prefix / name).symlink_to(ROOT / name)
        # Programs for Android name its linker, in whose place the system's is.
        (prefix / "system" / "bin").mkdir(parents=True)
        (prefix / "system" / "bin" / "linker64").symlink_to(ROOT / "lib" / "ld-linux-aarch64.so.1")
        (prefix / "proc").mkdir()
        (prefix / "proc" / "cpuinfo").write_text(core.cpuinfo(), encoding="utf-8")
        yield prefix
