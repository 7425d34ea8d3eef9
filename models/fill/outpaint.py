"""Widening a frame: the photo on a larger canvas, filled side by side, from the photo outwards."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from models.fill.arrays import Pixels
from models.fill.parameters import WIDENING, Parameters
from models.fill.windows import Run, inpaint

SIDES = ("left", "right", "top", "bottom")
STEP = 4
"""A side grows by at most this part of the image's length at a time: beside what is added stands four times as much."""


@dataclass(frozen=True)
class Margins:
    """Pixels to add at each side."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def of(self, side: str) -> int:
        """Pixels of one of ``SIDES``."""
        return int(getattr(self, side))


def margins(shape: tuple[int, ...], amounts: dict[str, Fraction | int], aspect: Fraction | None) -> Margins:
    """What is added at each side.

    Args:
        shape: (H, W, ...) of the photo.
        amounts: for some of ``SIDES``: pixels (int), or a share of the photo's width or height (Fraction).
        aspect: width over height to come to, by adding equally at the sides of one axis that ``amounts`` leaves open.

    Raises:
        ValueError: nothing is added, or the aspect cannot be had because both sides are given.
    """
    height, width = shape[:2]
    added = dict.fromkeys(SIDES, 0)
    for side, amount in amounts.items():
        length = width if side in ("left", "right") else height
        added[side] = amount if isinstance(amount, int) else round(amount * length)
    if aspect is not None:
        wide, high = width + added["left"] + added["right"], height + added["top"] + added["bottom"]
        axis, missing = (
            (SIDES[:2], round(high * aspect) - wide) if wide < high * aspect else (SIDES[2:], round(wide / aspect) - high)
        )
        open_sides = [side for side in axis if side not in amounts]
        if missing > 0 and not open_sides:
            raise ValueError(f"--aspect needs {missing} more pixels {' or '.join(axis)}, and both are given; leave one out")
        for index, side in enumerate(open_sides):
            added[side] = (missing + index) // len(open_sides)
    if not any(added.values()):
        raise ValueError("nothing is added: give a side an amount, or --aspect another than the photo's")
    return Margins(**added)


def steps(shape: tuple[int, ...], wanted: Margins) -> list[Margins]:
    """One side and one step at a time."""
    height, width = shape[:2]
    result = []
    for side in SIDES:
        left = wanted.of(side)
        while left:
            length = width if side in ("left", "right") else height
            grown = min(left, max(1, length // STEP))
            result.append(Margins(**{side: grown}))
            left -= grown
            if side in ("left", "right"):
                width += grown
            else:
                height += grown
    return result


def outpaint(
    photo: Pixels,
    wanted: Margins,
    run: Run,
    size: int,
    progress: Callable[[list[Margins]], Iterable[Margins]] = iter,
    parameters: Parameters | None = WIDENING,
) -> Pixels:
    """Widen a photo.

    Args:
        photo: (H, W, 3) uint8; not changed.
        wanted: how far at each side.
        run: a network.
        size: height and width that ``run`` takes.
        progress: wraps the list of steps, as ``tqdm`` does.
        parameters: of the fill, as for ``models.fill.windows.inpaint``.

    Returns:
        (H + top + bottom, W + left + right, 3) uint8, with the photo in it, bit for bit.
    """
    for step in progress(steps(photo.shape, wanted)):
        around = ((step.top, step.bottom), (step.left, step.right))
        mask = np.pad(np.zeros(photo.shape[:2], np.uint8), around, constant_values=255)
        photo = inpaint(np.pad(photo, (*around, (0, 0))), mask, run, size, parameters=parameters)
    return photo
