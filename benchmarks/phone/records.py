"""What a phone reports: checked field by field, because anybody who has the address could send it, then kept as a file."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.phone.models_served import Served
from benchmarks.records.schema import SCHEMA, check
from models.photo.place import write_atomically
from models.system.foreign import parse_json

POSTED = ("schema", "artifact", "runtime", "host", "times_ms", "golden")
"""What a page sends: of the artefact only its name, the rest this computer knows better."""


def checked(body: bytes, models: Sequence[Served], when: str) -> dict[str, Any]:
    """A record of a page, with what this computer knows of the artefact itself.

    Args:
        body: JSON as it was posted.
        models: what is served.
        when: time of day in UTC, ISO 8601.

    Raises:
        ValueError: another schema, an artefact that is not served, a field that is missing, unknown or of another type.
    """
    raw = parse_json(body.decode("utf-8"))
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise ValueError(f"schema: {SCHEMA} is expected")
    if raw.keys() != set(POSTED):
        raise ValueError(f"fields: {', '.join(POSTED)} are expected")
    model = next((one for one in models if one.name == raw["artifact"]), None)
    if model is None:
        raise ValueError("artifact: not one that is served here")
    artefact = {
        "name": model.name,
        "scheme": model.scheme,
        "size": model.size,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "checkpoint_sha256": model.checkpoint_sha256,
        "operators": {"total": model.operators, "delegated": 0},
    }
    return check({**raw, "kind": "page", "artifact": artefact, "received": when})


def keep(record: dict[str, Any], folder: Path) -> Path:
    """Write a record under a name that says what and when, and never over another one.

    Args:
        record: as :func:`checked` returns it.
        folder: made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", f"{record['artifact']['name']}-{record['received']}")
    names = (folder / f"{stem}{'' if n == 0 else f'-{n}'}.json" for n in range(10_000))
    path = next(name for name in names if not name.exists())
    write_atomically(path, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())
    return path


def summary(record: dict[str, Any]) -> str:
    """A record in one line."""
    times, golden, runtime = record["times_ms"], record["golden"], record["runtime"]
    same = "the golden result" if golden["same"] else "NOT the golden result"
    return (
        f"{record['artifact']['name']}: {times['p50']:.1f} ms median, {times['p90']:.1f} at p90, {times['runs']:.0f} runs, "
        f"{runtime['threads']:.0f} threads, {same}"
    )
