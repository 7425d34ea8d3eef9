"""Seeded families of hole masks: what users erase (boxes, strokes, objects) and how they widen a frame (half, border).

Each family is a function ``(size, rng) -> (size, size) bool``, True inside the hole; equal generators give equal masks.
Hole shares run up to 60 % (half and border somewhat beyond), because a network trained on small holes leaves the middle of
large ones grey.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Mask = NDArray[np.bool_]
Family = Callable[[int, np.random.Generator], Mask]


def box(size: int, rng: np.random.Generator) -> Mask:
    """One to four rectangles that may overlap, together 1 to 60 % of the image."""
    mask = np.zeros((size, size), dtype=bool)
    for _ in range(rng.integers(1, 5)):
        height, width = (max(2, int(size * rng.uniform(0.1, 0.55))) for _ in range(2))
        top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
        if (mask.mean() + height * width / size**2) <= 0.6:
            mask[top : top + height, left : left + width] = True
    return mask if mask.any() else _centre_square(size)


def strokes(size: int, rng: np.random.Generator) -> Mask:
    """Free-form brush strokes (Yu et al., *Free-Form Image Inpainting with Gated Convolution*, 2019, algorithm 1).

    Strokes are added until a share drawn from 1 to 60 % is covered, so that every hole size is equally frequent.
    """
    target = rng.uniform(0.01, 0.6)
    image = Image.new("1", (size, size))
    draw = ImageDraw.Draw(image)
    for _ in range(64):
        width = max(2, int(size * rng.uniform(0.008, 0.02 + 0.2 * target)))
        x, y = rng.uniform(0, size, 2)
        angle = rng.uniform(0, 2 * math.pi)
        for _ in range(rng.integers(2, 9)):
            # A slowly turning walk with an occasional sharp bend, as a finger moves.
            angle += rng.normal(0, 0.5) if rng.random() < 0.8 else rng.uniform(-math.pi, math.pi)
            length = size * rng.uniform(0.05, 0.25)
            to_x, to_y = x + length * math.cos(angle), y + length * math.sin(angle)
            draw.line((x, y, to_x, to_y), fill=1, width=width)
            draw.ellipse((to_x - width / 2, to_y - width / 2, to_x + width / 2, to_y + width / 2), fill=1)
            x, y = float(np.clip(to_x, 0, size)), float(np.clip(to_y, 0, size))
        if np.asarray(image).mean() >= target:
            break
    mask = np.array(image, dtype=bool)
    return mask if mask.any() and mask.mean() < 0.75 else _centre_square(size)


def blob(size: int, rng: np.random.Generator) -> Mask:
    """One to three objects: closed outlines whose radius is a random Fourier series, with the extent of a person or a car."""
    image = Image.new("1", (size, size))
    draw = ImageDraw.Draw(image)
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    for _ in range(rng.integers(1, 4)):
        radius = np.ones_like(angles)
        for order in range(1, 6):
            radius += rng.normal(0, 0.28 / order) * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
        radius = np.clip(radius, 0.25, 2.0) * size * rng.uniform(0.06, 0.24)
        aspect = math.exp(rng.normal(0, 0.35))
        centre = rng.uniform(0.1 * size, 0.9 * size, 2)
        xs, ys = centre[0] + radius * aspect * np.cos(angles), centre[1] + radius / aspect * np.sin(angles)
        draw.polygon(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=1)
    mask = np.array(image, dtype=bool)
    return mask if mask.any() and mask.mean() < 0.75 else _centre_square(size)


def half(size: int, rng: np.random.Generator) -> Mask:
    """One side of the image, 30 to 60 % of it: outpainting in one direction."""
    mask = np.zeros((size, size), dtype=bool)
    mask[: int(size * rng.uniform(0.3, 0.6))] = True
    return np.rot90(mask, int(rng.integers(0, 4))).copy()


def border(size: int, rng: np.random.Generator) -> Mask:
    """A frame whose four sides are 0 to 22 % wide each: outpainting all around."""
    top, bottom, left, right = (int(size * rng.uniform(0, 0.22)) for _ in range(4))
    mask = np.ones((size, size), dtype=bool)
    mask[max(top, 1) : size - bottom, left : size - right] = False
    return mask


def large_box(size: int, rng: np.random.Generator) -> Mask:
    """One rectangle of 60 to 80 % of the image, with known pixels on every side: what a portrait leaves when its face is erased.

    No row of ``MASKS``: training draws it beside them (``TrainConfig.large_holes``), and what is drawn from ``MASKS`` stays as it
    was for every seed.
    """
    area, aspect = rng.uniform(0.6, 0.8), math.exp(rng.uniform(-0.15, 0.15))
    height, width = (min(size - 2, int(size * math.sqrt(area * ratio))) for ratio in (aspect, 1 / aspect))
    top, left = int(rng.integers(1, size - height)), int(rng.integers(1, size - width))
    mask = np.zeros((size, size), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def _centre_square(size: int) -> Mask:
    mask = np.zeros((size, size), dtype=bool)
    mask[size // 3 : size - size // 3, size // 3 : size - size // 3] = True
    return mask


MASKS: dict[str, Family] = {"box": box, "strokes": strokes, "blob": blob, "half": half, "border": border}

WEIGHTS: dict[str, float] = {"box": 0.15, "strokes": 0.45, "blob": 0.2, "half": 0.1, "border": 0.1}
"""How often :func:`sample_mask` draws each family."""


def sample_mask(size: int, rng: np.random.Generator) -> tuple[str, Mask]:
    """Draw a family by ``WEIGHTS``, and a mask of it.

    Args:
        size: height and width in pixels, at least 16.
        rng: source of randomness; the mask is a function of its state.

    Returns:
        The family's name and (size, size) bool, True inside the hole, neither empty nor full.

    Raises:
        ValueError: size under 16.
    """
    if size < 16:
        raise ValueError(f"masks of {size} pixels: at least 16 are needed")
    name = str(rng.choice(list(WEIGHTS), p=list(WEIGHTS.values())))
    mask = MASKS[name](size, rng)
    if rng.random() < 0.5:
        mask = mask[:, ::-1].copy()
    return name, mask
