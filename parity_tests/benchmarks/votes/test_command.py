"""Votes without a browser: statistics against SciPy, the page's content, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from benchmarks.__main__ import main
from benchmarks.votes.statistics import by_chance, wilson
from models.system.errors import run_main

METHODS = ("ours", "peer", "photo")
PHOTOS = ("a", "b", "sub/c", "d")


def write_fills(folder):
    """A folder for each method; a picture's colour says its method and its photo. Kinds of file differ; one has a photo more."""
    for m, method in enumerate(METHODS):
        for p, photo in enumerate(PHOTOS):
            path = folder / method / f"{photo}.{'bmp' if m else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((24, 24, 3), (50 * m, 20 * p, 7), np.uint8)).save(path)
    Image.new("RGB", (24, 24)).save(folder / METHODS[0] / "alone.png")
    return [folder / method for method in METHODS]


@pytest.mark.parametrize(("wins", "count"), [(0, 1), (1, 1), (3, 10), (10, 10), (57, 100), (500, 1000), (0, 40)])
def test_interval_and_chance_are_scipys(wins, count):
    expected = binomtest(wins, count)
    ends = expected.proportion_ci(method="wilson")
    assert wilson(wins, count) == pytest.approx((ends.low, ends.high), abs=1e-9)
    assert by_chance(wins, count) == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_interval_of_wald_would_show():
    """The planted error: the normal interval around the share itself."""
    low = 0.3 - 1.96 * (0.3 * 0.7 / 10) ** 0.5
    assert abs(wilson(3, 10)[0] - low) > 0.05


def test_no_answers_say_nothing():
    assert (wilson(0, 0), by_chance(0, 0)) == ((0.0, 1.0), 1.0)


def call(*words):
    return run_main(main, ["votes", *map(str, words)])


def test_the_page_is_one_file_of_what_all_have(tmp_path, capsys):
    folders = write_fills(tmp_path)
    assert call(*folders, "--out", tmp_path / "page.html", "--count", 3) == 0
    told = capsys.readouterr()
    assert "3 photos, 3 methods, 9 pairs" in told.err
    text = (tmp_path / "page.html").read_text()
    data = json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert data["methods"] == list(METHODS)
    assert [photo["name"] for photo in data["photos"]] == ["a", "b", "d"]
    assert {image[:22] for photo in data["photos"] for image in photo["images"]} == {"data:image/png;base64,"}
    assert "http://" not in text
    assert "https://" not in text
    assert call(*folders, "--out", tmp_path / "again.html", "--count", 3) == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "page.html").read_bytes()


VOTE = {"photo": "a", "left": "ours", "right": "peer", "choice": "left", "ms": 5}


def write_votes(path, votes, voter=1, page="p", **more):
    path.write_text(json.dumps({"schema": "wavefill-votes-1", "page": page, "voter": voter, "pairs": 12, "votes": votes, **more}))
    return path


def test_answers_of_several_voters_are_counted(tmp_path, capsys):
    mirrored = {"photo": "b", "left": "peer", "right": "ours", "choice": "left"}
    one = write_votes(tmp_path / "one.json", [VOTE, mirrored, {**VOTE, "choice": "equal"}, VOTE])
    early = write_votes(tmp_path / "early.json", [VOTE], voter=2)
    late = write_votes(tmp_path / "late.json", [VOTE, {**VOTE, "choice": "right"}], voter=2)
    assert call("--results", one, early, late, "--json") == 0
    told = capsys.readouterr()
    assert "3 files of 2 voters" in told.err
    found = json.loads(told.out)
    (pair,) = found["pairs"]
    assert [pair[key] for key in ("first", "second", "wins", "losses", "equal")] == ["ours", "peer", 3, 2, 1]
    assert pair["share"] == 0.6
    assert (found["voters"], found["left"], found["right"]) == (2, 4, 1)
    assert call("--results", one, late) == 0
    out = capsys.readouterr().out
    assert "ours against peer" in out
    assert "60%  [23%, 88%]" in out
    assert "left was chosen in 4 of 5" in out


def test_bad_input_is_refused_in_one_line(tmp_path, capsys):
    ours, peer, photo = write_fills(tmp_path / "fills")
    empty, other, large = (tmp_path / name for name in ("empty", "other", "large"))
    for folder in (empty, other, large):
        folder.mkdir()
    Image.new("RGB", (24, 24)).save(other / "unknown.png")
    Image.new("RGB", (30, 24)).save(large / "a.png")
    (tmp_path / "twice").mkdir()
    for suffix in ("png", "bmp"):
        Image.new("RGB", (24, 24)).save(tmp_path / "twice" / f"a.{suffix}")
    out = tmp_path / "page.html"
    votes = {
        name: tmp_path / f"{name}.json" for name in ("good", "other_page", "choice", "same", "more", "schema", "text", "none")
    }
    write_votes(votes["good"], [VOTE])
    write_votes(votes["other_page"], [VOTE], page="q")
    write_votes(votes["choice"], [{**VOTE, "choice": "both"}])
    write_votes(votes["same"], [{**VOTE, "right": "ours"}])
    write_votes(votes["more"], 13 * [VOTE])
    write_votes(votes["schema"], [VOTE], schema="wavefill-votes-9")
    write_votes(votes["none"], [])
    votes["text"].write_text("no JSON")
    for words, message in (
        ([ours, "--out", out], "two or more folders of fills and --out FILE"),
        ([ours, peer], "two or more folders of fills and --out FILE"),
        ([ours, peer, "--out", tmp_path / "page.png"], "a page is an .html file"),
        ([ours, peer, "--out", tmp_path / "no" / "page.html"], "no"),
        ([ours, ours, "--out", out], "two methods of the name ours"),
        ([ours, tmp_path / "missing", "--out", out], "no such folder"),
        ([ours, empty, "--out", out], "no photos in it"),
        ([ours, other, "--out", out], "no picture is in all of"),
        ([ours, large, "--out", out], "different sizes: 24x24 and 30x24"),
        ([ours, tmp_path / "twice", "--out", out], "two pictures of the name a"),
        ([ours, photo, "--results", votes["good"]], "give one of them"),
        (["--results", tmp_path / "missing.json"], "missing.json"),
        (["--results", votes["text"]], "text.json"),
        (["--results", votes["schema"]], "'wavefill-votes-9'; 'wavefill-votes-1' is expected"),
        (["--results", votes["choice"]], "choice is 'both'; allowed are left, right, equal"),
        (["--results", votes["same"]], "ours is on both sides"),
        (["--results", votes["more"]], "13 answers to 12 pairs"),
        (["--results", votes["none"]], "no answers in it"),
        (["--results", votes["good"], votes["other_page"]], "is of page p, "),
    ):
        assert call(*words) == 2, words
        told = capsys.readouterr()
        assert told.err.replace("\r", "\n").strip().splitlines()[-1].startswith("wavefill: error: "), told.err
        assert "Traceback" not in told.err
        assert message in told.err, told.err
    assert not out.exists()
