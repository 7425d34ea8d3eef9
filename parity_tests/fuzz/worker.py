"""A process of its own that reads damaged files, one after the other, and says of each what came of it.

``python -m parity_tests.fuzz.worker NAME WHOLE WORK SEED FIRST COUNT``: lines of JSON on stdout. The parent watches: should this
process die, or be busy with one input for too long, that input is a finding, and a new process goes on behind it.
"""

import contextlib
import json
import os
import resource
import shutil
import sys
import traceback
import warnings
import zlib
from pathlib import Path

import numpy as np

from models.system.foreign import out_of_memory
from parity_tests.fuzz.format_mutators import mutate
from parity_tests.fuzz.readers import READERS, damageable, damaged_name

ADDRESS_BYTES = 6 << 30
"""Address space above what the process has when it begins: what asks for more gets an error instead of the machine's memory."""


def rng_of(seed: int, name: str, index: int) -> np.random.Generator:
    """Randomness of one input, whatever came before it."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), index])


def damage(name: str, folder: Path, rng: np.random.Generator) -> tuple[Path, bytes]:
    """Damage one file of a reader's folder; its path and what it held."""
    files = damageable(name, folder)
    path = files[rng.integers(len(files))]
    original = path.read_bytes()
    content = mutate(path.suffix, original, rng)
    while content == original:
        content = mutate(path.suffix, original, rng)
    path.write_bytes(content)
    damaged_name(folder).write_text(path.relative_to(folder).as_posix())
    if READERS[name].seal and rng.integers(2):
        with contextlib.suppress(ValueError, KeyError, OSError, TypeError, RecursionError):  # it is the file of hashes itself
            READERS[name].seal(folder)
    return path, original


def judge(name: str, folder: Path) -> tuple[str, str]:
    """Read a folder: ``accepted``, ``refused``, or a kind of finding, and what was said."""
    try:
        READERS[name].read(folder)
    except ValueError as error:
        text = str(error)
        cause: BaseException | None = error
        while cause is not None:
            if out_of_memory(cause):
                return "memory", _short(text)
            cause = cause.__cause__
        if str(folder) not in text and folder.name not in text:
            return "unnamed", f"{_short(text)} <- {_where(error)}"
        return "refused", _short(text.replace(str(folder), "PATH"))
    except OSError as error:
        known = error.filename is not None and str(error.filename).startswith(str(folder))
        return ("refused" if known else "traceback"), f"{type(error).__name__}: {_short(str(error))} <- {_where(error)}"
    except MemoryError as error:
        return "memory", _where(error)
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {_short(str(error))} <- {_where(error)}"
    return "accepted", ""


def _short(text: str) -> str:
    return " ".join(text.split())[:200]


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


def _peak_bytes() -> int | None:
    """Peak memory since it was last asked for; None where the system does not count it so."""
    try:
        status = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def main(name: str, whole: Path, work: Path, seed: int, first: int, count: int) -> None:
    """Read ``count`` damaged copies of the files in ``whole``."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    said = (work.parent / f"{work.name}.stderr").open("w+b")
    os.dup2(said.fileno(), 2)
    warnings.simplefilter("always")

    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(whole, work)
    damaged_name(work).write_text(damageable(name, work)[0].relative_to(work).as_posix())
    READERS[name].read(work)  # imports, caches
    _peak_bytes()
    base = _peak_bytes() or 0
    if sys.platform == "linux":
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + ADDRESS_BYTES,) * 2)
    print(json.dumps({"ready": True}), file=out)
    for index in range(first, first + count):
        rng = rng_of(seed, name, index)
        print(json.dumps({"start": index}), file=out)
        path, original = damage(name, work, rng)
        os.ftruncate(said.fileno(), 0)
        said.seek(0)
        _peak_bytes()
        verdict, text = judge(name, work)
        peak = _peak_bytes()
        sys.stderr.flush()
        if verdict in ("refused", "accepted") and peak is not None and peak - base > READERS[name].memory_bytes:
            verdict, text = "memory", f"{(peak - base) >> 20} MB: {text}"
        if verdict in ("refused", "accepted") and os.fstat(said.fileno()).st_size:
            said.seek(0)
            verdict, text = f"{verdict} noisily", _short(said.read(400).decode("utf-8", "replace"))
        print(json.dumps({"done": index, "verdict": verdict, "text": text}), file=out)
        path.write_bytes(original)
        if READERS[name].seal:
            shutil.copytree(whole, work, dirs_exist_ok=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:7]))
