"""What a phone reports: checked field by field, because anybody who has the address could send it, then kept as a file."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.phone.models_served import Served
from models.photo.place import write_atomically
from models.system.foreign import parse_json

SCHEMA = "wavefill-record-1"

LONGEST = 400
"""Characters of a text that a browser says of itself."""

NUMBERS = {
    "runtime": ("threads",),
    "host": ("cores",),
    "times_ms": ("load", "first", "warm_ups", "runs", "min", "p50", "p90", "p99", "first_tenth", "last_tenth"),
    "golden": ("max_level_difference", "differing_share"),
}
TEXTS = {"runtime": ("name", "version", "provider"), "host": ("user_agent",)}
FLAGS = {"host": ("cross_origin_isolated",), "golden": ("same",)}
OPTIONAL = {"golden": ("hole_psnr_db",), "host": ("memory_gb",)}
"""Numbers that may be null: equal images have no PSNR, and not every browser tells its memory."""

PARTS = ("runtime", "host", "times_ms", "golden")


def checked(body: bytes, models: Sequence[Served]) -> dict[str, Any]:
    """A record of a page, with what this computer knows of the artefact itself.

    Args:
        body: JSON as it was posted.
        models: what is served.

    Raises:
        ValueError: another schema, an artefact that is not served, a field that is missing, unknown or of another type.
    """
    raw = parse_json(body.decode("utf-8"))
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise ValueError(f"schema: {SCHEMA} is expected")
    _require(raw.keys() == {"schema", "artifact", *PARTS}, f"fields: schema, artifact, {', '.join(PARTS)} are expected")
    model = next((one for one in models if one.name == raw["artifact"]), None)
    _require(model is not None, "artifact: not one that is served here")
    assert model is not None
    for part in PARTS:
        content, texts, flags = raw[part], TEXTS.get(part, ()), FLAGS.get(part, ())
        optional, numbers = OPTIONAL.get(part, ()), NUMBERS.get(part, ())
        names = {*texts, *flags, *optional, *numbers}
        _require(isinstance(content, dict) and content.keys() == names, f"{part}: {', '.join(sorted(names))} are expected")
        for name in texts:
            _require(isinstance(content[name], str) and len(content[name]) <= LONGEST, f"{part}.{name}: a short text is expected")
        for name in flags:
            _require(isinstance(content[name], bool), f"{part}.{name}: true or false is expected")
        for name in (*numbers, *optional):
            empty = content[name] is None and name in optional
            _require(empty or _is_number(content[name]), f"{part}.{name}: a number from 0 on is expected")
    artefact = {
        "name": model.name,
        "scheme": model.scheme,
        "size": model.size,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "checkpoint_sha256": model.checkpoint_sha256,
        "operators": {"total": model.operators, "delegated": 0},
    }
    return {"schema": SCHEMA, "kind": "page", "artifact": artefact, **{part: raw[part] for part in PARTS}}


def keep(record: dict[str, Any], folder: Path, when: str) -> Path:
    """Write a record under a name that says what and when, and never over another one.

    Args:
        record: as :func:`checked` returns it.
        folder: made if it is not there.
        when: time of day in UTC, ISO 8601.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", f"{record['artifact']['name']}-{when}")
    names = (folder / f"{stem}{'' if n == 0 else f'-{n}'}.json" for n in range(10_000))
    path = next(name for name in names if not name.exists())
    write_atomically(path, (json.dumps({**record, "received": when}, indent=1, sort_keys=True) + "\n").encode())
    return path


def summary(record: dict[str, Any]) -> str:
    """A record in one line."""
    times, golden, runtime = record["times_ms"], record["golden"], record["runtime"]
    same = "the golden result" if golden["same"] else "NOT the golden result"
    return (
        f"{record['artifact']['name']}: {times['p50']:.1f} ms median, {times['p90']:.1f} at p90, {times['runs']:.0f} runs, "
        f"{runtime['threads']:.0f} threads, {same}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
