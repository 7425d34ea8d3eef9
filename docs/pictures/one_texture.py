"""Makes docs/pictures/one_texture.jpg: gravel and grass, filled with cells of one size and of the size of their shapes.

    python docs/pictures/one_texture.py

With the shipped checkpoint. Photographs that come with scikit-image, `gravel` and `grass` (CC0Textures, CC0).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from models.checkpoint import SHIPPED, load_checkpoint
from models.fill.arrays import Pixels
from models.fill.parameters import DEFAULTS
from models.fill.windows import inpaint
from models.runner import torch_run

SIZE, SHOWN = 256, np.s_[60:360, 60:360]


def row(name: str) -> Pixels:
    """The photo, and its fills with cells of 4 and of 8 pixels of the network."""
    photo = np.stack([getattr(skimage.data, name)()] * 3, axis=2)
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    hole = ((rows - 210) / 60) ** 2 + ((columns - 210) / 70) ** 2 <= 1
    run, mask = torch_run(load_checkpoint(SHIPPED), SIZE), np.where(hole, np.uint8(255), np.uint8(0))
    fills = [inpaint(photo, mask, run, SIZE, parameters=replace(DEFAULTS, coarse=coarse)) for coarse in (1, 2)]
    # Grey, as `models inpaint` makes the fill of a grey photo.
    return np.concatenate([np.asarray(Image.fromarray(image[SHOWN]).convert("L")) for image in (photo, *fills)], axis=1)


def main() -> None:
    """Write the picture."""
    out = Path(__file__).with_name("one_texture.jpg")
    Image.fromarray(np.concatenate([row(name) for name in ("gravel", "grass")])).save(out, quality=88)
    print(out)


if __name__ == "__main__":
    main()
