"""Makes docs/pictures/before_after.jpg: `wavefill inpaint` with an exported artefact on photographs that come with scikit-image.

    python docs/pictures/picture.py artifacts/wavefill-s-256-onnx-w8a8

Photographs: `coffee` (Rachel Michetti, CC0), `astronaut` (NASA, public domain), `rocket` (SpaceX, CC0), `chelsea` (Stefan van der
Walt, CC0), as scikit-image's documentation states them; none was in training. Only the small figure is kept in the repository.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from models.data.masks import MASKS
from models.fill.arrays import Bools, Pixels

# Photo, top left corner of the part that is shown, what is filled in it: things to be removed, or holes of a seeded family.
HEIGHT, WIDTH = 300, 400
ROWS = (
    ("coffee", (60, 180), lambda: ellipses((222, 186, 48, 46), (168, 204, 50, 14))),
    ("rocket", (100, 120), lambda: ellipses((150, 66, 170, 22), (20, 80, 40, 12))),
    ("astronaut", (0, 60), lambda: family("strokes", 11, 256, (20, 60))),
    ("chelsea", (0, 40), lambda: family("blob", 3, 160, (120, 20))),
)


def ellipses(*shapes: tuple[int, int, int, int]) -> Bools:
    """(HEIGHT, WIDTH) bool: row and column of the centre, half the height, half the width of each."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.any([((rows - y) / h) ** 2 + ((columns - x) / w) ** 2 <= 1 for y, x, h, w in shapes], axis=0)


def family(name: str, seed: int, side: int, corner: tuple[int, int]) -> Bools:
    """(HEIGHT, WIDTH) bool: a mask of training's families with its top left corner there."""
    result = np.zeros((HEIGHT, WIDTH), bool)
    place = result[corner[0] :, corner[1] :][:side, :side]
    place[:] = MASKS[name](side, np.random.default_rng(seed))[: place.shape[0], : place.shape[1]]
    return result


def filled(photo: Pixels, mask: Pixels, artifact: Path) -> Pixels:
    """(H, W, 3) uint8: what the command makes of the photo, (H, W, 3), and its mask, (H, W), as files, like anyone else's."""
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / name for name in ("photo.png", "mask.png", "filled.png")]
        Image.fromarray(photo).save(files[0])
        Image.fromarray(mask).save(files[1])
        wavefill = Path(sys.executable).with_name("wavefill")
        subprocess.run([wavefill, "inpaint", *files, "--artifact", artifact], check=True, stdout=subprocess.DEVNULL)
        with Image.open(files[2]) as result:
            return np.asarray(result)


def main(artifact: Path, out: Path) -> None:
    """Write a sheet: photo, hole, result; every photo is filled whole, in its own pixels, and a part of it is shown."""
    strips = []
    for name, (top, left), hole in ROWS:
        photo = np.asarray(getattr(skimage.data, name)())
        part = slice(top, top + HEIGHT), slice(left, left + WIDTH)
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[part][hole()] = 255
        shown = np.where(mask[..., None] == 255, np.uint8([255, 0, 255]), photo)
        strips.append(np.concatenate([photo[part], shown[part], filled(photo, mask, artifact)[part]], axis=1))
    Image.fromarray(np.concatenate(strips)).save(out, quality=88)
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).with_name("before_after.jpg"))
