"""Files of records: one record or a list of them in each; read whole, or refused with a line that names the file."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records.schema import check
from models.photo.place import write_atomically
from models.system.foreign import MAX_JSON_BYTES, parse_json, read_bytes

Record = dict[str, Any]


def read_records(path: Path) -> list[Record]:
    """The records of a file, or of all JSON files of a folder in the order of their names.

    Raises:
        ValueError: no such place, nothing in it, a file that is no JSON, a record of another schema.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise ValueError(f"{path}: no records in it (*.json)")
        return [record for file in files for record in read_records(file)]
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder of records")
    try:
        content = parse_json(read_bytes(path, MAX_JSON_BYTES).decode("utf-8"))
        return [check(one) for one in (content if isinstance(content, list) else [content])]
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no record of this program ({error})") from error


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write a list of records, checked, in a form that differs only where they do."""
    rows = ",\n".join(json.dumps(check(record), sort_keys=True) for record in records)
    write_atomically(path, f"[\n{rows}\n]\n".encode())


def newest(records: Iterable[Record]) -> list[Record]:
    """Of several measurements of one thing on one device the last: the files' order is that of time."""
    return list({identity(record): record for record in records}.values())


def identity(record: Mapping[str, Any]) -> tuple[object, ...]:
    """What a record is about: two of the same are repeats."""
    host = record["host"]
    device = host.get("cpu") or host.get("user_agent") or host.get("model") or host.get("core")
    if record["kind"] == "command":
        return ("command", device, record["command"]["line"])
    if record["kind"] == "ratio":
        return ("ratio", device, record["ratio"]["name"])
    runtime = record["runtime"]
    return (record["kind"], device, record["artifact"]["name"], runtime["name"], runtime["provider"], runtime["threads"])
