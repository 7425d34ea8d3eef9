"""Records of phones: what is taken, what is refused, and under which name it is kept."""

import copy
import json

import pytest

from benchmarks.phone.models_served import Served
from benchmarks.phone.records import checked, keep, summary
from benchmarks.records.files import read_records
from benchmarks.records.schema import SCHEMA

MODEL = Served(
    "tiny-32-onnx-w8a8", "w8a8", 32, 1000, "a" * 64, "b" * 64, 99, "/models/t.onnx", "/models/t.golden", None, None, 36.0
)
WHEN = "2026-11-29T10:00:00+00:00"
RECORD = {
    "schema": SCHEMA,
    "artifact": MODEL.name,
    "runtime": {"name": "onnxruntime-web", "version": "1.30.0", "provider": "wasm", "threads": 4},
    "host": {"user_agent": "a browser", "cores": 8, "memory_gb": None, "cross_origin_isolated": True},
    "times_ms": dict.fromkeys(
        ("load", "first", "warm_ups", "runs", "min", "p50", "p90", "p99", "first_tenth", "last_tenth"), 12.5
    ),
    "golden": {"max_level_difference": 0, "differing_share": 0, "hole_psnr_db": None, "same": True},
}


def bytes_of(record):
    return json.dumps(record).encode()


def test_a_record_gets_what_this_computer_knows(tmp_path):
    record = checked(bytes_of(RECORD), [MODEL], WHEN)
    assert record["artifact"]["sha256"] == MODEL.sha256
    assert record["artifact"]["operators"] == {"total": 99, "delegated": 0}
    assert record["times_ms"] == RECORD["times_ms"]
    first, second = (keep(record, tmp_path / "out") for _ in range(2))
    assert first != second
    assert json.loads(first.read_text()) == json.loads(second.read_text()) == {**record, "received": WHEN}
    assert read_records(tmp_path / "out") == [record, record]
    assert "12.5 ms median" in summary(record)


def changed(path, value):
    """RECORD with one value replaced, or taken away (...)."""
    record = copy.deepcopy(RECORD)
    *parts, last = path
    place = record
    for part in parts:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return record


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema",), "wavefill-record-0", "schema"),
        (("artifact",), "../../etc/passwd", "artifact"),
        (("artifact",), {"name": "x"}, "artifact"),
        (("more",), 1, "fields"),
        (("host",), ..., "fields"),
        (("host",), [], "host"),
        (("host", "user_agent"), "x" * 401, "user_agent"),
        (("host", "user_agent"), 5, "user_agent"),
        (("host", "place"), "x", "host"),
        (("times_ms", "p50"), -1, "p50"),
        (("times_ms", "p50"), "1", "p50"),
        (("times_ms", "p50"), True, "p50"),
        (("times_ms", "p50"), None, "p50"),
        (("golden", "same"), 1, "same"),
    ],
)
def test_other_records_are_refused(path, value, said):
    with pytest.raises(ValueError, match=said):
        checked(bytes_of(changed(path, value)), [MODEL], WHEN)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"1", b"[" * 10_000, b'{"a":NaN}', bytes_of(RECORD).replace(b"12.5", b"1e999")]
)
def test_what_is_no_record_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        checked(body, [MODEL], WHEN)
