"""The measurement as bars: one row for each layer, in execution order."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from models.conventions import PIXEL_MAX
from models.photo.images import Pixels, write_photo
from quantize.sensitivity.file import Cost, Sensitivity

ROW, HEAD, NAME, BAR, GAP = 13, 64, 150, 360, 90
"""Pixels: height of a row and of the titles, width of the names, of the longest bar, and of the figures beside a bar."""

ACTIVATION, WEIGHT, KEPT = (214, 96, 34), (44, 98, 168), (66, 140, 74)
SIZE = 11
"""Of the letters."""


def draw(sensitivity: Sensitivity, path: Path) -> None:
    """Write the picture.

    On the left, how far the fill moves from the float one when only a layer's tensor or only its weight is rounded, root mean
    square in levels: these add up as squares. On the right, what is gained when only this layer is not rounded.

    Args:
        sensitivity: what to show.
        path: a file that ends in ``.png``.

    Raises:
        OSError: it cannot be written.
    """
    write_photo(path, picture(sensitivity))


def picture(sensitivity: Sensitivity) -> Pixels:
    """The picture's pixels; see :func:`draw`."""
    import numpy as np

    rows = sensitivity.layers
    width, height = NAME + 2 * (BAR + GAP), HEAD + ROW * len(rows) + 8
    page = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=SIZE)
    left, right = NAME, NAME + BAR + GAP
    _titles(pen, font, sensitivity, left, right)
    alone = {name: (_rms(sensitivity.tensors[name]), _rms(sensitivity.tensors.get(f"{name}.weight"))) for name in rows}
    gains = {name: max(0.0, cost.but_to_float_gain_db or 0.0) for name, cost in rows.items()}
    longest, most = max(max(pair) for pair in alone.values()) or 1.0, max(gains.values()) or 1.0
    for index, name in enumerate(rows):
        top = HEAD + ROW * index
        if index % 2:
            pen.rectangle((0, top, width, top + ROW - 1), fill=(244, 244, 244))
        pen.text((6, top), name, fill="black", font=font)
        activation, weight = alone[name]
        _bar(pen, left, top + 1, activation / longest, ACTIVATION, 5)
        _bar(pen, left, top + 7, weight / longest, WEIGHT, 5)
        if max(activation, weight) >= 0.02 * longest:
            label = f"{activation:.2f}" + (f" / {weight:.2f}" if weight else "")
            pen.text((left + BAR * max(activation, weight) / longest + 6, top), label, fill="black", font=font)
        _bar(pen, right, top + 3, gains[name] / most, KEPT, 7)
        if gains[name] >= 0.02 * most:
            pen.text((right + BAR * gains[name] / most + 6, top), f"{gains[name]:.2f} dB", fill="black", font=font)
    return np.asarray(page)


def _titles(
    pen: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, shown: Sensitivity, left: int, right: int
) -> None:
    together = "" if shown.quantised_to_float_db is None else f", {shown.quantised_to_float_db:.1f} dB from the float fill"
    drop = shown.float_psnr_db - shown.quantised_psnr_db
    first = f"{shown.spec}, all of w8a8: hole PSNR to the photo {drop:+.3f} dB lower{together}"
    pen.text((6, 4), first, fill="black", font=font)
    pen.text((left, 24), "only it is rounded: levels (rms) from the float fill", fill="black", font=font)
    pen.text((left, 40), "activation", fill=ACTIVATION, font=font)
    pen.text((left + 70, 40), "weight", fill=WEIGHT, font=font)
    pen.text((right, 24), "all but it is rounded: PSNR to the float fill gains", fill="black", font=font)


def _bar(pen: ImageDraw.ImageDraw, left: int, top: int, share: float, colour: tuple[int, int, int], height: int) -> None:
    if share > 0:
        pen.rectangle((left, top, left + max(1, round(BAR * share)), top + height - 1), fill=colour)


def _rms(cost: Cost | None) -> float:
    if cost is None or cost.alone_to_float_db is None:
        return 0.0
    return float(PIXEL_MAX * 10 ** (-cost.alone_to_float_db / 20))
