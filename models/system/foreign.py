"""Bytes that somebody else wrote: one guard around everything that reads them, and the one reader of JSON.

A file can be cut off, hold flipped bits, or be made to hurt. Whatever a parser then raises, of ours or of a library, is the
file's fault and becomes :class:`Damaged`: ``PATH: damaged (what)``, one line, exit code 2. Outside of :func:`reading` nothing is
caught, so that a defect of our own keeps its traceback.

Imports nothing heavy and nothing of this project but the error of a missing toolkit.
"""

import contextlib
import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from models.system.errors import ToolchainMissing

Rest = ParamSpec("Rest")
Result = TypeVar("Result")

MAX_JSON_BYTES = 8 << 20
"""Largest JSON file that is read. The largest that this project writes, a calibration, has 160 kB; 8 MB of the densest JSON
become some 300 MB of Python objects."""

MAX_MODEL_BYTES = 2 << 30
"""Largest model file: neither protobuf nor a flatbuffer can be longer."""

MAX_JSON_DEPTH = 32
"""Deepest nesting of lists and objects; what this project writes has at most 6."""

_SAID = 300
"""Characters of an error's text that are passed on: a parser may quote half of the file."""

# A string up to its end, or to the end of the text where it has none. Possessive, so that no text makes it go back.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Damaged(ValueError):
    """A file whose content cannot be what its name says, or would need more memory than it can be worth."""


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Guard around the code that reads one foreign file or folder, and around nothing else.

    Passed on as they are: a ``ValueError`` that already begins with the path, an error of the operating system about that path
    (no such file, no permission), a missing toolkit, and what is no ``Exception`` (Ctrl-C, ``SystemExit``).

    Args:
        path: what is read, as the user named it.

    Raises:
        Damaged: whatever else was raised, its type and text in brackets.
    """
    try:
        yield
    except ToolchainMissing:
        raise
    except OSError as error:
        if error.filename is not None and str(error.filename).startswith(str(path)):
            raise
        raise _damaged(path, error) from error
    except ValueError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise _damaged(path, error) from error
    except Exception as error:
        raise _damaged(path, error) from error


def reader(function: Callable[Concatenate[Path, Rest], Result]) -> Callable[Concatenate[Path, Rest], Result]:
    """Decorate a function that reads the file or folder of its first argument: its whole body is under :func:`reading`."""

    @functools.wraps(function)
    def guarded(path: Path, /, *arguments: Rest.args, **options: Rest.kwargs) -> Result:
        with reading(path):
            return function(path, *arguments, **options)

    return guarded


def _damaged(path: Path | str, error: Exception) -> Damaged:
    if out_of_memory(error):
        return Damaged(f"{path}: damaged (reading it would need more memory than there is)")
    if isinstance(error, RecursionError):
        return Damaged(f"{path}: damaged (nested too deeply)")
    text = " ".join(str(error).split())
    text = text if len(text) <= _SAID else f"{text[:_SAID]}..."
    kind = type(error).__name__
    # Our own readers raise ValueError with a sentence; of a library's errors the type says as much as the text.
    said = text if type(error) is ValueError and text else f"{kind}: {text}" if text else kind
    return Damaged(f"{path}: damaged ({said})")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had; PyTorch and ONNX Runtime do not raise ``MemoryError``."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "bad_alloc", "Failed to allocate memory")
    )


def read_bytes(path: Path, most: int) -> bytes:
    """A file's content, if it is no longer than ``most`` bytes.

    Raises:
        ValueError: it is longer, or no plain file.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise ValueError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Damaged(f"{path}: more than {most:,} bytes; that is too long for what it should be")
    return content


def read_json(path: Path, most: int = MAX_JSON_BYTES) -> Any:  # noqa: ANN401 - whatever it holds
    """Read a JSON file, within the bounds of :func:`parse_json`.

    Raises:
        ValueError: missing, too long, or as :func:`parse_json`; the message begins with the path.
        OSError: it cannot be read.
    """
    with reading(path):
        return parse_json(read_bytes(path, most))


def parse_json(text: str | bytes, most: int = MAX_JSON_BYTES, *, finite: bool = True) -> Any:  # noqa: ANN401
    """Parse JSON that somebody else wrote: strictly, and with bounds on what it may cost.

    Args:
        text: UTF-8 where it is bytes.
        most: bytes that are accepted.
        finite: whether NaN and infinity are refused; a setting on a command line may name them, and is told its range.

    Returns:
        The value; objects are dictionaries.

    Raises:
        ValueError: not JSON; a key twice in one object, of which one would be lost; NaN, infinite, or a number that becomes so;
            half a surrogate pair, which no UTF-8 file can hold; too long, or nested deeper than ``MAX_JSON_DEPTH``.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(content) > most:
        raise ValueError(f"{len(content):,} bytes of JSON; at most {most:,} are read")
    depth = _depth(content)
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"JSON nested {depth:,} deep; at most {MAX_JSON_DEPTH} levels are read")
    try:
        constant, number = (_constant, _finite) if finite else (float, float)
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=constant, parse_float=number)
    except UnicodeDecodeError as error:
        raise ValueError(f"not JSON (no UTF-8 at byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error})") from error
    if rb"\u" in content:  # only an escape can make half a pair
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("not JSON (half a surrogate pair in a text)") from error
    return value


def _depth(content: bytes) -> int:
    """Deepest nesting, found without parsing: the parser itself would run out of stack."""
    brackets = _STRING.sub(b"", content).translate(None, _NOT_BRACKETS)
    return max(itertools.accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"not JSON that is read here ({twice[:40]!r} stands twice in one object)")
    return made


def _constant(text: str) -> float:
    raise ValueError(f"not JSON that is read here ({text} is no number)")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"not JSON that is read here ({text[:40]} is too large)")
    return value
