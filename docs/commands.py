"""Writes docs/commands.md, the reference of all commands, from their parsers: python docs/commands.py"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import benchmarks.__main__
import export.__main__
import models.__main__
import quantize.__main__
from benchmarks.table import BENCHMARKS
from models.teacher.commands.verbs import VERBS as TEACHER_VERBS

FILE = Path(__file__).with_name("commands.md")

Main = Callable[[list[str]], int]

HEAD = """# Commands

Made from the parsers by `python docs/commands.py`. The same verbs without `python -m`: `wavefill train`,
`wavefill export coreml`, `wavefill quantize calibrate`, `wavefill benchmarks latency`; `wavefill inpaint` and
`wavefill outpaint` are those of `export`.

Exit codes: 0, done; 1, a check failed; 2, bad usage or input; 3, a toolkit is missing here. The result is on stdout,
progress and errors are on stderr.
"""


def commands() -> Iterator[tuple[str, Main, list[str]]]:
    """(title, main, arguments before ``--help``) of every command, in the order of the page."""
    for verb in models.__main__.VERBS:
        if verb != "teacher":
            yield f"python -m models {verb}", models.__main__.main, [verb]
    for verb in quantize.__main__.VERBS:
        yield f"python -m quantize {verb}", quantize.__main__.main, [verb]
    for verb in ("onnx", "verify", "inpaint", "outpaint", "list"):
        title = "python -m export {onnx,coreml,litert,all}" if verb == "onnx" else f"python -m export {verb}"
        yield title, export.__main__.main, [verb]
    for name in BENCHMARKS:
        yield f"python -m benchmarks {name}", benchmarks.__main__.main, [name]
    for verb in TEACHER_VERBS:
        yield f"python -m models teacher {verb}", models.__main__.main, ["teacher", verb]


def help_of(main: Main, arguments: list[str]) -> str:
    """What ``--help`` prints, 110 columns wide."""
    text = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="110"), contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([*arguments, "--help"])
    return text.getvalue().strip()


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, main, arguments in commands():
        parts.append(f"## {title}\n\n```\n{help_of(main, arguments)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
    print(FILE)
