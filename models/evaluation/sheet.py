"""A sheet of images side by side: one row for each photo, one titled column for the photo, its hole and every method."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.photo.images import Pixels

HOLE_COLOUR = (255, 0, 255)
"""Magenta: hardly ever a colour of a photo, so that a hole cannot be mistaken for content."""

GAP, TITLE = 4, 22


def masked(photo: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    """The photo with its hole painted over."""
    result = photo.copy()
    result[hole] = HOLE_COLOUR
    return result


def sheet(rows: Sequence[Mapping[str, Pixels]]) -> Pixels:
    """Draw the sheet.

    Args:
        rows: images by column title; all of one size, all rows with the same titles.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("a sheet needs at least one row of images")
    titles = list(rows[0])
    height, width = rows[0][titles[0]].shape[:2]
    page = Image.new("RGB", (len(titles) * (width + GAP) + GAP, TITLE + len(rows) * (height + GAP)), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=14)
    for column, title in enumerate(titles):
        left = GAP + column * (width + GAP)
        draw.text((left, 3), title, fill="black", font=font)
        for row, images in enumerate(rows):
            page.paste(Image.fromarray(images[title]), (left, TITLE + row * (height + GAP)))
    return np.asarray(page)
