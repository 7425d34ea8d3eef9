"""``python -m models`` in a folder that has what its verbs need."""

from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from models.checkpoint import save_checkpoint
from parity_tests.support.small import small_generator

COFFEE = np.ascontiguousarray(skimage.data.coffee()[100:190, 200:350])  # 90 x 150

SMALL = ("--checkpoint", "small.safetensors", "--size", "32")
"""The folder's checkpoint, at a size that it works at."""


def fill_folder(folder: Path) -> None:
    """Write a photo, a mask and a small checkpoint."""
    Image.fromarray(COFFEE).save(folder / "photo.png")
    mask = np.zeros(COFFEE.shape[:2], np.uint8)
    mask[20:50, 30:80] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    save_checkpoint(folder / "small.safetensors", small_generator(), {"data": "none"})
