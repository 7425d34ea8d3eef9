"""Files of answers: checked field by field, because they come by mail from anybody, then counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.votes.statistics import Preference
from models.system.foreign import read_json, reader

SCHEMA = "wavefill-votes-1"
CHOICES = ("left", "right", "equal")
LONGEST = 400
"""Characters of a name."""


@dataclass(frozen=True)
class Ballot:
    """One voter's answers.

    Attributes:
        page: which page they were given on.
        voter: seed of the voter's order.
        pairs: how many there were to judge.
        votes: (photo, left, right, choice) each.
    """

    page: str
    voter: int
    pairs: int
    votes: tuple[tuple[str, str, str, str], ...]


@reader
def read_ballot(path: Path) -> Ballot:
    """A file that the page saved.

    Raises:
        ValueError: no such file, not JSON, or not the answers of a page.
    """
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        got = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise ValueError(f"schema is {str(got)[:40]!r}; {SCHEMA!r} is expected")
    page, votes = raw.get("page"), raw.get("votes")
    if not _is_name(page) or not isinstance(votes, list):
        raise ValueError("page and votes are expected")
    voter, pairs = (_whole(raw, name) for name in ("voter", "pairs"))
    if len(votes) > pairs:
        raise ValueError(f"{len(votes)} answers to {pairs} pairs")
    return Ballot(str(page), voter, pairs, tuple(_vote(vote, number) for number, vote in enumerate(votes)))


def _vote(raw: object, number: int) -> tuple[str, str, str, str]:
    if not isinstance(raw, dict) or not all(_is_name(raw.get(key)) for key in ("photo", "left", "right")):
        raise ValueError(f"vote {number}: photo, left and right are expected")
    if raw.get("choice") not in CHOICES:
        raise ValueError(f"vote {number}: choice is {str(raw.get('choice'))[:40]!r}; allowed are {', '.join(CHOICES)}")
    if raw["left"] == raw["right"]:
        raise ValueError(f"vote {number}: {raw['left']} is on both sides")
    return raw["photo"], raw["left"], raw["right"], raw["choice"]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST


def _whole(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"{name} is {str(value)[:40]!r}; a whole number is expected")
    return value


def read_ballots(paths: Sequence[Path]) -> list[Ballot]:
    """Files of one page; where a voter saved more than once, the file with the most answers counts.

    Raises:
        ValueError: a file is none, or two are of different pages; both are named.
    """
    ballots = [(path, read_ballot(path)) for path in paths]
    first = ballots[0]
    for path, ballot in ballots:
        if ballot.page != first[1].page:
            raise ValueError(f"{first[0]} is of page {first[1].page}, {path} of page {ballot.page}; give the files of one page")
    longest: dict[int, Ballot] = {}
    for _, ballot in ballots:
        kept = longest.get(ballot.voter)
        if kept is None or len(ballot.votes) > len(kept.votes):
            longest[ballot.voter] = ballot
    return list(longest.values())


def preferences(ballots: Sequence[Ballot]) -> list[Preference]:
    """Answers counted for each pair of methods, names in the order of the alphabet."""
    counts: dict[tuple[str, str], list[int]] = {}
    for ballot in ballots:
        for _, left, right, choice in ballot.votes:
            first, second = sorted((left, right))
            chosen = {"left": left, "right": right}.get(choice)
            counts.setdefault((first, second), [0, 0, 0])[(first, second, None).index(chosen)] += 1
    return [Preference(*names, *counts[names]) for names in sorted(counts)]


def left_and_right(ballots: Sequence[Ballot]) -> tuple[int, int]:
    """How often each side was chosen: sides are tossed, so that a lean is the voters'."""
    chosen = [vote[3] for ballot in ballots for vote in ballot.votes]
    return chosen.count("left"), chosen.count("right")
