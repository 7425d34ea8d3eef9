"""The argparse types of numbers: what they take, and one line for what they do not."""

import math

import pytest

from models.system.errors import Parser
from models.system.number_arguments import positive, whole


def parsed(type_, text):
    parser = Parser(prog="python -m models masks")
    parser.add_argument("--n", type=type_)
    return parser.parse_args([f"--n={text}"]).n


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("10", 10), (" 7 ", 7)])
def test_whole_numbers_in_range_are_taken(text, value):
    assert parsed(whole(1, 10), text) == value


@pytest.mark.parametrize(
    ("type_", "text", "said"),
    [
        (whole(1, 10), "0", "argument --n: 0 given, 1 to 10 are allowed"),
        (whole(1, 10), "11", "argument --n: 11 given, 1 to 10 are allowed"),
        (whole(0), "-1", "argument --n: -1 given, at least 0 is needed"),
        (whole(0), "many", "argument --n: invalid int value: 'many'"),
        (whole(0), "2.5", "argument --n: invalid int value: '2.5'"),
        (positive, "0", "argument --n: 0 given, it must be positive"),
        (positive, "-inf", "argument --n: -inf given, it must be positive"),
        (positive, "nan", "argument --n: nan given, it must be positive"),
        (positive, "much", "argument --n: invalid float value: 'much'"),
    ],
)
def test_others_are_refused_in_one_line(type_, text, said, capsys):
    with pytest.raises(SystemExit) as stop:
        parsed(type_, text)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"wavefill: error: {said} (see python -m models masks --help)\n"


def test_positive_numbers_are_taken():
    assert parsed(positive, "1e-9") == 1e-9
    assert parsed(positive, "inf") == math.inf
