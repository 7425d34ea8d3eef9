"""The one table printer."""

import pytest

from models.system.text_table import table


def test_columns_of_numbers_are_aligned_to_the_right():
    shown = table(["name", "MB", "verdict"], [["a", "5.90", "ok"], ["longer", "12.01", "2 off"]])
    assert shown.splitlines() == ["name       MB  verdict", "a        5.90  ok", "longer  12.01  2 off"]


def test_alignment_can_be_said_and_titles_left_out():
    assert table([], [["key", "1"], ["longer key", ""]], right=[False, False]).splitlines() == ["key         1", "longer key"]
    shown = table(["", "dB"], [["x", "inf"], ["y", "-1.25"]], right=[False, True])
    assert shown.splitlines() == ["      dB", "x    inf", "y  -1.25"]


def test_titles_alone_are_a_table():
    assert table(["name", "MB"], []) == "name  MB"
    assert table([], []) == ""


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="argument"):
        table(["a", "b"], [["1"]])
