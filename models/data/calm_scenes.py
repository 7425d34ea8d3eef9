"""Calm scenes: the colours of a part of a photograph as a gradient with grain; a sky, a wall, sand.

Discriminators that see photographs alone say little about places where nothing is, and after some thousand steps a generator
draws a weave there (docs/training.md, "Calm scenes"). These pictures go among the photographs that it trains on.
"""

import numpy as np
from PIL import Image

from models.data.photo_source import Photos
from models.photo.images import Pixels

PART = (64, 128)
"""Pixels of a side of the part of a photograph whose colours a scene has, at least and at most."""
PLACES = (2, 4)
"""So many colours on a side, at least and at most."""
SPAN = 40
"""Levels between a scene's darkest and its lightest value, about, at most."""
GRAIN = 2.5
"""Standard deviation of the grain in levels, at most."""


def draw_scene(photos: Photos, side: int, rng: np.random.Generator) -> Pixels:
    """A calm scene in the colours of a random part of a random photograph.

    Args:
        photos: at least ``PART[1]`` pixels high and wide.
        side: height and width of the scene.
        rng: source of randomness; the scene is a function of it and of the photos.

    Returns:
        (side, side, 3) uint8.
    """
    return calm_scene(photos.crop(int(rng.integers(PART[0], PART[1] + 1)), rng), side, rng)


def calm_scene(part: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """A gradient in the colours of a picture.

    Args:
        part: (H, W, 3) uint8.
        side: height and width of the scene.
        rng: of the number of colours and of the grain.

    Returns:
        (side, side, 3) uint8.
    """
    places = int(rng.integers(PLACES[0], PLACES[1] + 1))
    colours = np.asarray(Image.fromarray(part).resize((places, places), Image.Resampling.BOX), np.float64)
    mean = colours.mean(axis=(0, 1))
    gentle = mean + (colours - mean) * min(1.0, SPAN / max(1.0, float(np.ptp(colours))))
    few = Image.fromarray(np.rint(gentle).astype(np.uint8))
    smooth = np.asarray(few.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    grain = rng.normal(0, rng.uniform(0, GRAIN), (side, side, 1))
    return np.rint(smooth + grain).clip(0, 255).astype(np.uint8)
