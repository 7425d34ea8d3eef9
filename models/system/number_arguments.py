"""Numbers on a command line: argparse types that refuse what is out of range, in the same words for every command."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number of at least ``least`` and, where it is given, at most ``most``."""

    def read(text: str) -> int:
        number = int(text)
        if number < least or (most is not None and number > most):
            allowed = f"at least {least} is needed" if most is None else f"{least} to {most} are allowed"
            raise ArgumentTypeError(f"{number} given, {allowed}")
        return number

    read.__name__ = "int"  # argparse says "invalid int value" of what is no number
    return read


def positive(text: str) -> float:
    """An argparse type: a number above zero, infinity among them."""
    number = float(text)
    if not number > 0:  # not a number is not, either
        raise ArgumentTypeError(f"{number:g} given, it must be positive")
    return number


positive.__name__ = "float"


def fraction(text: str) -> float:
    """An argparse type: a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{number:g} given, 0 to 1 are allowed")
    return number


fraction.__name__ = "float"
