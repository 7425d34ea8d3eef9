"""Damage that needs no knowledge of a format, and damage to JSON: each a function (content, rng) -> content."""

import json
from collections.abc import Callable

import numpy as np

Mutator = Callable[[bytes, np.random.Generator], bytes]

EXTREMES = (
    *(0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 10**9, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    *(1 << 40, (1 << 63) - 1, (1 << 64) - 1),
)
"""What a length, an offset or a dimension becomes."""


def place(length: int, rng: np.random.Generator) -> int:
    """An offset; headers lie at the beginning or the end, so half of them are there."""
    near = min(length, 512)
    where = rng.integers(4)
    if where == 0:
        return int(rng.integers(near))
    return length - 1 - int(rng.integers(near)) if where == 1 else int(rng.integers(length))


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bits."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[place(len(changed), rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes in a row."""
    at, length = place(len(content), rng), int(rng.integers(1, 17))
    return content[:at] + rng.bytes(length) + content[at + length :]


def extreme(content: bytes, rng: np.random.Generator) -> bytes:
    """A number of 1, 2, 4 or 8 bytes, in either order, becomes one that nobody expects."""
    width, value = int(rng.choice((1, 2, 4, 8))), EXTREMES[rng.integers(len(EXTREMES))]
    at = place(len(content), rng) // width * width
    word = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little" if rng.integers(2) else "big")
    return content[:at] + word + content[at + width :]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing; sometimes everything."""
    return content[: place(len(content), rng)] if rng.integers(20) else b""


def remove(content: bytes, rng: np.random.Generator) -> bytes:
    """A part of the middle is missing."""
    at = place(len(content), rng)
    return content[:at] + content[at + int(rng.integers(1, 1 + max(1, len(content) // 4))) :]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    """A part stands there twice."""
    at = place(len(content), rng)
    end = at + int(rng.integers(1, 1 + max(1, len(content) // 4)))
    return content[:end] + content[at:end] + content[end:]


def splice(content: bytes, rng: np.random.Generator) -> bytes:
    """A part is copied over another."""
    source, target, length = place(len(content), rng), place(len(content), rng), int(rng.integers(1, 257))
    part = content[source : source + length]
    return content[:target] + part + content[target + len(part) :]


def blank(content: bytes, rng: np.random.Generator) -> bytes:
    """A hole of zeros, as a disk leaves it."""
    at, length = place(len(content), rng), int(rng.integers(1, 4097))
    return content[:at] + bytes(min(length, len(content) - at)) + content[at + length :]


def append(content: bytes, rng: np.random.Generator) -> bytes:
    """Something behind the end."""
    return content + rng.bytes(int(rng.integers(1, 65)))


ANY: tuple[Mutator, ...] = (flip, overwrite, extreme, cut, remove, repeat, splice, blank, append)


def any_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """One of ``ANY``, sometimes several."""
    for _ in range(1 + int(rng.integers(3)) * int(rng.integers(2))):
        if content:
            content = ANY[rng.integers(len(ANY))](content, rng)
    return content


# ---------------------------------------------------------------- JSON

ODD_VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e300, 2**31, 2**63, -(2**63), 10**30, "", "x", "1", "\0", "../../x", "é\u202e"),
    *([], {}, [[]], [None], {"": None}, [0], [1, 2, 3], ["a"], {"a": 1}, [1e9, 1e9], "a" * 5000, [0] * 5000, 10**400),
)
RAW = (
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 500 + b"]" * 500,
    b'"' + b'\\"' * 50_000,
    b'["' + b"\\" * 50_001,
    b"NaN",
    b"-Infinity",
    b'{"a": 1e999}',
    b"1" * 10_000,
    b'{"a": "\\ud800"}',
    b'{"a": 1, "a": 2}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'""',
    b"",
    b"[{}," * 50_000,
)
"""Whole texts."""


def odd_json(content: bytes, rng: np.random.Generator) -> bytes:
    """One value of another type or size, a key lost, added or twice, or a text that parsers fear."""
    kind = rng.integers(10)
    if kind == 0:
        return RAW[rng.integers(len(RAW))]
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):  # damaged before
        return any_bytes(content, rng)
    if kind == 1:  # a hostile text in the place of a value
        marker = "\x01here\x01"
        tree = _changed(tree, rng, lambda _: marker)
        return json.dumps(tree).encode().replace(json.dumps(marker).encode(), RAW[rng.integers(len(RAW))])
    if kind == 2:
        text = json.dumps(tree, indent=int(rng.integers(4)), sort_keys=bool(rng.integers(2)))
        return text.replace('"', '"', 1).encode(("utf-8", "utf-16", "utf-8-sig")[rng.integers(3)])
    for _ in range(1 + int(rng.integers(2))):
        tree = _changed(tree, rng, lambda old: _odd(old, rng))
    # As our own writers lay it out, or a check of the layout would be all that is ever met.
    return (json.dumps(tree, indent=2, sort_keys=True, allow_nan=True) + "\n").encode("utf-8", "surrogatepass")


def _odd(old: object, rng: np.random.Generator) -> object:
    if isinstance(old, str) and old.startswith("{") and rng.integers(4):  # JSON in JSON: a spec in a header
        return odd_json(old.encode("utf-8", "surrogatepass"), rng).decode("utf-8", "replace")
    if isinstance(old, bool) or old is None or rng.integers(2):
        return ODD_VALUES[rng.integers(len(ODD_VALUES))]
    if isinstance(old, int):
        return (old + 1, old - 1, -old, old * 1000, old + 0.5 if abs(old) < 2**53 else old, str(old), [old])[rng.integers(7)]
    if isinstance(old, float):
        return (old * 2, -old, 0.0, float("nan"), float("inf"), str(old), int(old) if abs(old) < 1e15 else 0)[rng.integers(7)]
    if isinstance(old, str):
        return (old + "x", old[:-1], old.upper(), old.encode("utf-8", "surrogatepass").hex(), [old], "é" + old)[rng.integers(6)]
    if isinstance(old, list):
        return (old[:-1], old + old[:1], old[::-1], old * 50, {str(i): v for i, v in enumerate(old)}, [old])[rng.integers(6)]
    return old


def _changed(tree: object, rng: np.random.Generator, change: Callable[[object], object]) -> object:
    """A copy of a tree with one node changed, lost, or under another key."""
    if isinstance(tree, dict) and tree and rng.integers(8):
        key = list(tree)[rng.integers(len(tree))]
        made = dict(tree)
        if not rng.integers(12):
            value = made.pop(key)
            if rng.integers(2):
                made[key + "x"] = value
        else:
            made[key] = _changed(tree[key], rng, change)
        return made
    if isinstance(tree, list) and tree and rng.integers(8):
        index = int(rng.integers(len(tree)))
        return [*tree[:index], _changed(tree[index], rng, change), *tree[index + 1 :]]
    return change(tree)
