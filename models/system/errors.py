"""How every command of this project ends: one clear line on stderr and an exit code, never a traceback for a user's mistake.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a check failed (returned by the command itself) |
| 2 | bad usage or bad input, a folder that cannot be written, a full disk |
| 3 | a toolkit or an operating system that this step needs is missing here |
| 130 | stopped by Ctrl-C |
| 141 | the reader of stdout went away (``| head``) |

Shared by ``python -m models``, ``quantize``, ``export`` and ``benchmarks``; imports nothing heavy, so that Ctrl-C while a
toolkit is being imported ends as quietly as later.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from models.system.privacy import go_offline

PROGRAM = "wavefill"
OK, CHECK_FAILED, BAD_INPUT, MISSING_TOOLCHAIN, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141


class ToolchainMissing(RuntimeError):
    """A toolkit or an operating system that a step needs is not here; the command line exits with 3."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose help keeps the line breaks of its examples and whose errors are one line.

    Args:
        examples: command lines, one each, shown at the end of ``--help``.
        prog: the command as a user types it.
        description: what it does, in a sentence.

    Commands are written ``python -m PACKAGE`` everywhere; one started as ``wavefill`` shows what to type for that.
    """

    def __init__(self, *, examples: tuple[str, ...] = (), prog: str | None = None, description: str | None = None) -> None:
        super().__init__(
            prog=as_started(prog) if prog else prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in examples) if examples else None,
            allow_abbrev=False,
        )

    def format_help(self) -> str:
        """The help, its examples as this user would type them."""
        return as_started(super().format_help())

    def error(self, message: str) -> NoReturn:
        """One line and exit 2."""
        self.exit(BAD_INPUT, f"{PROGRAM}: error: {message} (see {self.prog} --help)\n")


def note(text: str) -> None:
    """Tell the user something in one line on stderr without failing."""
    print(f"{PROGRAM}: note: {as_started(one_line(text))}", file=sys.stderr)


def run_main(main: Callable[[list[str]], int], arguments: list[str] | None = None) -> int:
    """Run a command's ``main`` and turn what it raises into one line and an exit code.

    Args:
        main: takes the command line without the program's name and returns an exit code.
        arguments: the command line; default ``sys.argv[1:]``.

    Returns:
        The exit code, for ``sys.exit(run_main(main))``. Only ``SystemExit`` of argparse (``--help``, bad usage) passes through;
        an error that is not listed in this file's table is a defect of ours and keeps its traceback.
    """
    go_offline()
    try:
        code = main(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:  # it is None where the caller closed it
            sys.stdout.flush()
        return code
    except ToolchainMissing as error:
        return _fail(str(error), MISSING_TOOLCHAIN)
    except ValueError as error:
        return _fail(str(error), BAD_INPUT)
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go, or it complains then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        return _fail(describe(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C", INTERRUPTED)


def describe(error: OSError) -> str:
    """An operating system's error as ``path: reason``, without Python's ``[Errno 28]``."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def one_line(text: str) -> str:
    """Text with its line breaks replaced by blanks, and escaped what a terminal would take for a command: it may quote a file."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))


def as_started(text: str) -> str:
    """A text whose ``python -m PACKAGE`` read ``wavefill`` if the console script was started, because only that is sure to work.

    In a folder with a ``models.py``, ``python -m models`` is that file.
    """
    if Path((sys.argv or [""])[0]).stem != PROGRAM:
        return text
    text = re.sub(r"python -m export (inpaint|outpaint)\b", PROGRAM + r" \1", text)
    text = re.sub(r"python -m (quantize|export|benchmarks)\b", PROGRAM + r" \1", text.replace("python -m models", PROGRAM))
    # What is left are launchers, which take a script's path instead of a module.
    return text.replace(" -m models ", f' "$(which {PROGRAM})" ')


def _fail(text: str, code: int) -> int:
    print(f"{PROGRAM}: error: {as_started(one_line(text))}", file=sys.stderr)
    return code
