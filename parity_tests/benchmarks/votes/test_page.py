"""The page of votes in a real browser with a phone's screen, by touch and by key, without a network; what it saves is counted."""

import base64
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.phone import assets
from models.system.errors import run_main
from parity_tests.benchmarks.phone.test_page import BROWSER, pytestmark  # noqa: F401 - the same browser, and the same reasons to skip
from parity_tests.benchmarks.votes.test_command import METHODS, PHOTOS, write_fills

DRIVER = assets.HERE.parents[1] / "parity_tests" / "benchmarks" / "votes" / "drive_votes.mjs"
PAIRS = len(PHOTOS) * 3


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """What the driver saw, and the folder with the page and the saved answers."""
    out = tmp_path_factory.mktemp("votes")
    folders = write_fills(out)
    assert run_main(main, ["votes", *map(str, folders), "--out", str(out / "page.html")]) == 0
    options = {"page": str(out / "page.html"), "browser": BROWSER, "out": str(out), "phone": str(assets.HERE)}
    (out / "options.json").write_text(json.dumps(options))
    node = shutil.which("node")
    done = subprocess.run([node, DRIVER, out / "options.json"], cwd=out, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


def test_nothing_went_wrong_and_nothing_was_asked_for(driven):
    assert driven[0]["errors"] == []
    assert driven[0]["foreign"] == []


def test_progress_and_going_back(driven):
    told = driven[0]
    assert told["first"] == f"1 of {PAIRS}"
    assert (told["before"], told["back"]) == (f"5 of {PAIRS}", f"4 of {PAIRS}")
    assert told["resumed"] == f"6 of {PAIRS}"
    assert told["same"]
    assert told["welcome"].startswith("Welcome back")
    assert told["last"].startswith("That was the last pair")


def test_both_pictures_are_looked_at_alike(driven):
    told = driven[0]
    for name in ("zoomed", "dragged", "whole", "pinched"):
        left, right = told[name]
        assert left == right, name
    assert told["zoomed"][0].endswith("scale(2)")
    assert told["dragged"][0] != told["zoomed"][0]
    assert told["whole"][0] == "translate(0px, 0px) scale(1)"
    scale = float(told["pinched"][0].split("scale(")[1].rstrip(")"))
    assert 2.5 < scale < 4.5, "fingers moved from 0.2 to 0.68 of the width apart"


def test_no_serious_fault_for_screen_readers(driven):
    assert driven[0]["faults"] == []


def method_of(address):
    """Which method a picture on the screen is of, by its colour, and of which photo."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    return METHODS[int(pixels[0, 0, 0]) // 50], PHOTOS[int(pixels[0, 0, 1]) // 20]


def test_what_is_saved_is_what_was_answered_and_is_counted(driven, capsys):
    """The pictures that the driver saw on each side, decoded, against the names in the file."""
    told, out = driven
    saved = json.loads((out / "votes.json").read_text())
    assert told["savedAs"].endswith(f"-{saved['voter']}.json")
    expected = [[choice, *method_of(left), *method_of(right)] for choice, left, right in told["answers"]]
    found = [[vote["choice"], vote["left"], vote["photo"], vote["right"], vote["photo"]] for vote in saved["votes"]]
    assert found == expected
    assert sorted({frozenset(vote[1:4:2]) | {vote[2]} for vote in found}, key=sorted) == sorted(
        (frozenset({a, b, photo}) for photo in PHOTOS for a, b in (METHODS[:2], METHODS[1:], METHODS[::2])), key=sorted
    ), "every pair of every photo once"
    assert run_main(main, ["votes", "--results", str(out / "votes.json"), "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    wins = {(pair["first"], pair["second"]): (pair["wins"], pair["losses"], pair["equal"]) for pair in counted["pairs"]}
    for (first, second), figures in wins.items():
        votes = [vote for vote in found if {vote[1], vote[3]} == {first, second}]
        chosen = [None if vote[0] == "equal" else vote[1] if vote[0] == "left" else vote[3] for vote in votes]
        assert figures == (chosen.count(first), chosen.count(second), chosen.count(None))


def test_voters_have_orders_of_their_own_and_see_no_names(driven):
    told = driven[0]
    own = [",".join(answer[1:]) for answer in told["answers"][:6]]
    assert told["orders"] != own, "equal by chance once in 10^8"
    assert not any(name in told["visible"] for name in (*METHODS, "sub/c"))
