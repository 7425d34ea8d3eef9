"""A network that somebody else made, tried in a process of its own before this one reads it.

LiteRT's interpreter does not survive every damaged file: of 1,758 changed copies of a small network one ended the process
(SIGSEGV) and three took 4.6 GB before they were refused. No ``except`` helps there. An artefact of ours is compared with its
hashes first; a feature network has none.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from models.features.litert import litert_network
from models.system.errors import ToolchainMissing, one_line
from models.system.foreign import reading

MEMORY_BYTES = 900 << 20
"""Address space that the trial may take beyond what a process has anyway; the largest feature networks take a third."""

SECONDS = 300
"""Of processor time; one image takes the largest networks a few."""

_TRIED, _REFUSED = 0, 2


def probe(path: Path, scale: str | None) -> None:
    """Load a ``.tflite`` file and run it on one image, elsewhere.

    Raises:
        ValueError: it is refused, ends the process, or takes more memory or time than any network would.
    """
    words = [sys.executable, "-m", "models.features.probe", str(path.absolute()), scale or ""]
    root = Path(__file__).parents[2]  # the packages need not be installed
    done = subprocess.run(words, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode == _REFUSED:
        raise ValueError(f"{path}: {done.stdout.strip()}")
    if done.returncode != _TRIED:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
        raise ValueError(f"{path}: damaged (LiteRT did not survive it: {how})")


def main(path: Path, scale: str | None) -> int:
    """The trial itself; prints what is wrong."""
    _limit()
    try:
        with reading(path):
            litert_network(path, scale)(np.zeros((16, 16, 3), np.uint8))
    except ToolchainMissing:
        return _TRIED  # who asks will meet it, too
    except ValueError as error:
        print(one_line(str(error).removeprefix(f"{path}: ")))
        return _REFUSED
    return _TRIED


def _limit() -> None:
    import resource  # of Linux and macOS, where this project runs

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere address space is counted otherwise
        mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] or None))
