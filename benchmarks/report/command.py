"""Report: records merged into one HTML file that needs no network, README's table, and a comparison with older records.

Records are JSON files as ``latency``, ``startup``, ``teacher --out``, ``phone`` and ``adb`` write them; of repeated measurements
of one thing the newest counts. A record of another schema is refused, and so is one whose artefact has another hash than the one
at hand: a report is about files that somebody can have.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records.files import newest, read_records, write_records
from benchmarks.records.schema import SCHEMA, check
from benchmarks.report.against import changes
from benchmarks.report.bars import verdicts
from benchmarks.report.page import page
from benchmarks.report.rows import readme_table
from export.artifact.files import check_files, find_artefacts
from export.artifact.manifest import read_manifest
from models.photo.place import check_place, write_atomically
from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.foreign import read_json, reading
from models.system.number_arguments import positive
from models.system.text_table import table

SUMMARY = "merge records into one HTML page and README's table; compare with older ones"
EXAMPLES = (
    "python -m benchmarks report",
    "python -m benchmarks report records phone/records --evaluation evaluation.json --readme README.md",
    "python -m benchmarks report records --against docs/results/latency.json --threshold 1.1",
)
BEGIN = "<!-- table of `python -m benchmarks report` -->"
END = "<!-- end of the table -->"


def add_arguments(parser: Parser) -> None:
    """Options of ``report``."""
    parser.add_argument(
        "records", nargs="*", type=Path, default=[Path("records")], metavar="PLACE", help="files or folders (default: records)"
    )
    parser.add_argument("--evaluation", type=Path, metavar="FILE", help="quality: JSON of `benchmarks quality --json`")
    parser.add_argument("--arm", type=Path, metavar="FILE", help="instructions: JSON of `benchmarks arm --json`")
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="whose hashes records must have (default: artifacts, if it is there)"
    )
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="the page (default: report.html)")
    parser.add_argument("--merged", type=Path, metavar="FILE", help="also write the records that were taken, in one file")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="write the table between the markers of this page")
    parser.add_argument("--against", type=Path, metavar="PLACE", help="older records; 1 where something became slower")
    parser.add_argument(
        "--threshold", type=positive, default=1.1, metavar="X", help="how many times as slow is too slow (default: 1.1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Merge, check, write.

    Raises:
        ValueError: no records, one of another schema, a tampered artefact, a page without markers.
    """
    check_place(arguments.out)
    records = newest(record for place in arguments.records for record in read_records(place))
    if arguments.arm:
        records = newest([*records, *emulated(arguments.arm)])
    _check_hashes(records, arguments.artifacts)
    evaluation = _evaluation(arguments.evaluation)
    changed = changes(records, read_records(arguments.against)) if arguments.against else []
    readme = _with_table(arguments.readme, readme_table(records)) if arguments.readme else None
    first = page(records, evaluation, verdicts(records))
    found = verdicts(records, len(first.encode()))
    write_atomically(arguments.out, page(records, evaluation, found).encode())
    if readme is not None:
        write_atomically(arguments.readme, readme.encode())
    if arguments.merged:
        write_records(arguments.merged, records)
    words = {True: "met", False: "NOT MET", None: "not measured"}
    rows = [[one.what, one.bar, one.found, words[one.met], f"benchmarks {one.command}"] for one in found]
    print(table(["promised", "bar", "found", "", "measured by"], rows, [False] * 5))
    code = OK
    if changed:
        slower = [one for one in changed if one.slower_than(arguments.threshold)]
        cells = [
            [
                one.name,
                f"{one.ratio:.3f}",
                "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}",
                one.basis,
                "SLOWER" if one in slower else "",
            ]
            for one in changed
        ]
        print(table(["", "new / old", "95 %", "", ""], cells, [False, True, True, False, False]))
        code = CHECK_FAILED if slower else OK
    print(arguments.out)
    return code


def emulated(path: Path) -> list[dict[str, Any]]:
    """Records of what ``benchmarks arm --json`` printed.

    Raises:
        ValueError: no such file, or something else.
    """
    content = read_json(path)
    with reading(path):
        try:
            rows = content["rows"]
            host = {"emulator": "qemu-user"}
            return [
                check(
                    {
                        "schema": SCHEMA,
                        "kind": "emulated",
                        "artifact": {
                            "name": one["model"],
                            "scheme": one["scheme"],
                            "size": 256,
                            "bytes": None,
                            "sha256": None,
                            "checkpoint_sha256": None,
                            "operators": {"total": None, "delegated": None},
                        },
                        "runtime": {
                            "name": one["library"].rsplit(" ", 1)[0],
                            "version": one["library"].rsplit(" ", 1)[-1],
                            "provider": "CPU",
                            "threads": 1,
                        },
                        "host": {**host, "core": one["core"]},
                        "instructions": {"per_run": one["instructions"]},
                        "run": {"id": path.name, "started": "", "commit": None, "changed": None},
                    }
                )
                for one in rows
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: not what `benchmarks arm --json` prints ({error})") from error


def _check_hashes(records: Sequence[Mapping[str, Any]], folder: Path | None) -> None:
    """Refuse records of artefacts that are damaged, or others than those at hand.

    Raises:
        ValueError: naming the artefact.
    """
    place = folder or Path("artifacts")
    if folder is None and not place.is_dir():
        return
    hashes = {}
    for artefact in find_artefacts(place):
        failures = check_files(artefact)
        if failures:
            raise ValueError(f"{artefact}: damaged: {'; '.join(failures)}")
        manifest = read_manifest(artefact)
        hashes[artefact.resolve().name] = manifest.model_sha256
    for one in records:
        if "artifact" not in one:
            continue
        name, digest = one["artifact"]["name"], one["artifact"]["sha256"]
        if digest is not None and name in hashes and hashes[name] != digest:
            raise ValueError(
                f"{name}: a record is about another file than {place / name} ({digest[:12]}..., not {hashes[name][:12]}...); "
                "measure again, or name the folder that was measured with --artifacts"
            )


def _evaluation(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("methods"), dict) or not content["methods"]:
        raise ValueError(f"{path}: not what `benchmarks quality --json` writes (it has no methods)")
    return content


def _with_table(path: Path, text: str) -> str:
    """A page with the table between its markers.

    Raises:
        ValueError: the page does not have both, once each.
    """
    content = path.read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1 or content.index(BEGIN) > content.index(END):
        raise ValueError(f"{path}: the lines {BEGIN} and {END} are needed, once each and in this order")
    before, _, rest = content.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"
