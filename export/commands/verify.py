"""``python -m export verify PATH``: is an artefact, or a folder of them, still what its manifest says?"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tqdm import tqdm

from export.artifact.files import find_artefacts
from export.artifact.verify import Pair, Verdict, Verifier, all_well
from export.errors import ToolchainMissing
from export.report import parity_text
from models.system.errors import CHECK_FAILED, OK, Parser
from models.system.text_table import table

DESCRIPTION = """\
Check an artefact, or every artefact in a folder: hashes of every file, signature, metadata, bytes and MACs against the
manifest; parity with PyTorch measured again; and backends against each other. Each artefact is checked by itself: a
damaged one does not keep the others from being looked at.

Exit 0: all are well. 1: at least one failed: it is damaged (cannot be read, or its files are not those of its hashes), or
it computes something else. 2: nothing could be checked: no artefact there, a bad or forgotten --checkpoint. 3: none is
wrong, but a runtime that one of them needs is not installed.

This finds accidents (a changed byte, a mixed-up file, a runtime that computes something else), not attackers, who would
write new hashes."""


EXAMPLES = """examples:
  python -m export verify artifacts/
  python -m export verify artifacts/wavefill-s-256-onnx-fp32 --json
"""


def add_arguments(parser: Parser) -> None:
    """Options of ``verify``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("path", type=Path, metavar="PATH", help="an artefact or a folder of artefacts")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="what they were made from (default: the shipped one)")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="its calibration (default: found beside it)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Verify and print one line for each artefact; 1 if anything is wrong."""
    folders = find_artefacts(arguments.path)
    verifier = Verifier(arguments.checkpoint, arguments.calibration)
    verdicts, missing = [], []
    with tqdm(total=len(folders), unit="artefact", desc="verify", file=sys.stderr, dynamic_ncols=True) as bar:
        for folder in folders:
            bar.set_postfix_str(folder.name)
            try:
                verdicts.append(verifier.verify(folder))
            except ToolchainMissing as error:
                missing.append(str(error))
            bar.update()
    if verdicts and all(
        verdict.foreign for verdict in verdicts
    ):  # --checkpoint was forgotten, rather than every artefact mixed up
        raise ValueError(f"{verdicts[0].folder}: {verdicts[0].failures[0]}")
    pairs = verifier.compare_backends()
    if arguments.json:
        print(
            json.dumps(
                {
                    "artefacts": [_json(verdict) for verdict in verdicts],
                    "between_backends": [dataclasses.asdict(p) for p in pairs],
                },
                indent=2,
                sort_keys=True,
            )
        )
    else:
        print(table(["artefact", "verdict", "integer", "parity with PyTorch, measured now"], [_row(v) for v in verdicts]))
        if pairs:
            print("\n" + table(["between backends", "worst hole"], [[pair.name, _decibels(pair)] for pair in pairs]))
    for verdict in verdicts:
        for failure in verdict.failures:
            print(f"wavefill: failed: {verdict.folder}: {failure}", file=sys.stderr)
    for pair in pairs:
        if pair.failure:
            print(f"wavefill: failed: {pair.name}: {pair.failure}", file=sys.stderr)
    for reason in missing:
        print(f"wavefill: not checked: {reason}", file=sys.stderr)
    if not all_well(verdicts, pairs):
        return CHECK_FAILED
    if missing:
        raise ToolchainMissing(f"{len(missing)} of {len(folders)} artefacts were not checked: {missing[0]}")
    return OK


def _row(verdict: Verdict) -> list[str]:
    parity = verdict.parity
    counts = verdict.coverage.values() if verdict.coverage else ()
    integer, floating = sum(count.integer for count in counts), sum(count.floating for count in counts)
    return [
        str(verdict.folder),
        "FAILED, damaged" if verdict.damaged else "FAILED" if verdict.failures else "ok",
        f"{integer} of {integer + floating} operators" if counts else "-",
        parity_text(parity) if parity else "-",
    ]


def _decibels(pair: Pair) -> str:
    return "equal" if pair.worst_hole_psnr_db is None else f"{pair.worst_hole_psnr_db:.1f} dB"


def _json(verdict: Verdict) -> dict[str, object]:
    parity = dataclasses.asdict(verdict.parity) if verdict.parity else None
    coverage = {kind: dataclasses.asdict(count) for kind, count in verdict.coverage.items()} if verdict.coverage else None
    return {
        "path": str(verdict.folder),
        "ok": not verdict.failures,
        "damaged": verdict.damaged,
        "failures": verdict.failures,
        "integer_coverage": coverage,
        "parity": parity,
    }
