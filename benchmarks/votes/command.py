"""Votes: a page that shows people pairs of fills of the same photos, and what their answers say.

The page is one file that works without a network. Order and sides are random for every voter; answers stay in their browser
until they save them. `--results` counts the saved files: the share that prefers a method, its 95 % interval (Wilson), and the
probability of at least so uneven a count by chance (binomial test). Equal answers are shown and are in neither.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.votes.page_file import common, page
from benchmarks.votes.results import left_and_right, preferences, read_ballots
from benchmarks.votes.statistics import Preference, by_chance, wilson
from models.checkpoint import write_atomically
from models.photo.images import check_place
from models.system.errors import OK, Parser, note
from models.system.number_arguments import whole
from models.system.text_table import table

SUMMARY = "a page that asks people which of two fills looks better, and what they said"
EXAMPLES = (
    "python -m models evaluate --data photos/val --masks masks.npz --count 20 --detail auto --fills fills",
    "python -m benchmarks votes 'fills/network + detail' fills/telea fills/photo --out votes.html",
    "python -m benchmarks votes --results votes-*.json",
)


def add_arguments(parser: Parser) -> None:
    """Options of ``votes``."""
    parser.add_argument(
        "folders", type=Path, nargs="*", metavar="DIR", help="fills of one method; the same photo has the same name"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page here, *.html")
    parser.add_argument("--count", type=whole(1), metavar="N", help="only the first N photos")
    parser.add_argument("--results", type=Path, nargs="+", metavar="FILE", help="count answers that voters saved")
    parser.add_argument("--json", action="store_true", help="with --results: print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Write a page, or count answers.

    Raises:
        ValueError: bad arguments or files, see the message.
        OSError: the page cannot be written.
    """
    if arguments.results:
        if arguments.folders or arguments.out:
            raise ValueError("--results counts answers and --out writes a page; give one of them")
        return _count(arguments)
    if len(arguments.folders) < 2 or not arguments.out:
        raise ValueError("a page needs two or more folders of fills and --out FILE; answers are counted with --results FILE")
    if arguments.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {arguments.out}: a page is an .html file")
    check_place(arguments.out)
    folders: dict[str, Path] = {}
    for folder in arguments.folders:
        name = folder.resolve().name
        if name in folders:
            raise ValueError(f"{folders[name]} and {folder}: two methods of the name {name}; rename a folder")
        folders[name] = folder
    photos = common(folders)
    chosen = dict(list(photos.items())[: arguments.count])
    content = page(chosen, list(folders))
    write_atomically(arguments.out, content)
    pairs = len(chosen) * len(folders) * (len(folders) - 1) // 2
    print(f"{len(chosen)} photos, {len(folders)} methods, {pairs} pairs, {len(content) / 1e6:.1f} MB", file=sys.stderr)
    print(arguments.out)
    return OK


def _count(arguments: argparse.Namespace) -> int:
    ballots = read_ballots(arguments.results)
    if len(ballots) < len(arguments.results):
        note(f"{len(arguments.results)} files of {len(ballots)} voters: of each voter the longest counts")
    found = preferences(ballots)
    if not found:
        raise ValueError(f"{arguments.results[0]}: no answers in it")
    left, right = left_and_right(ballots)
    if arguments.json:
        print(json.dumps({"voters": len(ballots), "left": left, "right": right, "pairs": [_plain(p) for p in found]}, indent=1))
        return OK
    heads = ["", "prefer the first", "95 %", "first", "second", "equal", "by chance"]
    print(table(heads, [_cells(one) for one in found]))
    low, high = wilson(left, left + right)
    print(f"{len(ballots)} voters, {sum(len(b.votes) for b in ballots)} answers; left was chosen in", end=" ")
    print(f"{left} of {left + right} decided ones [{low:.0%}, {high:.0%}]")
    note("intervals take answers as independent; those of one voter, or to one photo, are not wholly")
    return OK


def _plain(one: Preference) -> dict[str, object]:
    decided = one.wins + one.losses
    low, high = wilson(one.wins, decided)
    return {**vars(one), "share": one.share, "low": low, "high": high, "by_chance": by_chance(one.wins, decided)}


def _cells(one: Preference) -> list[str]:
    decided = one.wins + one.losses
    low, high = wilson(one.wins, decided)
    chance = by_chance(one.wins, decided)
    return [
        f"{one.first} against {one.second}",
        f"{one.share:.0%}",
        f"[{low:.0%}, {high:.0%}]",
        *map(str, (one.wins, one.losses, one.equal)),
        f"{chance:.3f}" if chance >= 0.0005 else f"{chance:.0e}",
    ]
