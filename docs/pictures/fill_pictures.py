"""Makes docs/pictures/fill.jpg (fills with and without detail, in full size) and docs/pictures/outpaint.jpg.

    python docs/pictures/fill_pictures.py artifacts/wavefill-s-256-onnx-w8a8

From photographs that come with scikit-image: those of docs/pictures/picture.py and, as its documentation states them, `brick`,
`grass`, and `gravel` (CC0Textures, CC0), `coins` (Brooklyn Museum, no known restrictions), `stereo_motorcycle` (Middlebury, CC0),
and `retina` (public domain). None was in training.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

import export
from export.artifact.loading import Artefact
from models.fill.arrays import Pixels
from models.fill.outpaint import Margins, outpaint

SIDE = 300
# Photo, top left corner of the square that is shown, then row, column, half the height and half the width of an ellipse in it.
HOLES = (
    ("coffee", (60, 260), (222, 106, 48, 46)),
    ("rocket", (100, 120), (150, 66, 170, 22)),
    ("astronaut", (130, 210), (170, 150, 60, 60)),
    ("chelsea", (0, 120), (230, 60, 34, 60)),
    ("stereo_motorcycle", (190, 60), (80, 60, 60, 50)),
    ("retina", (520, 620), (150, 150, 60, 60)),
    ("brick", (60, 60), (150, 150, 60, 70)),
    ("grass", (60, 60), (150, 150, 60, 70)),
    ("gravel", (60, 60), (150, 150, 60, 70)),
    ("coins", (0, 40), (150, 164, 30, 30)),
)
WIDENED = (("coffee", 150), ("chelsea", 112))


def photograph(name: str) -> Pixels:
    """(H, W, 3) uint8."""
    photo = getattr(skimage.data, name)()
    photo = photo[0] if isinstance(photo, tuple) else photo  # the left one of a stereo pair
    return np.ascontiguousarray(photo if photo.ndim == 3 else np.stack([photo] * 3, axis=2))


def ellipse(photo: Pixels, corner: tuple[int, int], shape: tuple[int, int, int, int]) -> Pixels:
    """(H, W) uint8: 255 in the ellipse."""
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    row, column, height, width = shape
    inside = ((rows - corner[0] - row) / height) ** 2 + ((columns - corner[1] - column) / width) ** 2 <= 1
    return np.where(inside, np.uint8(255), np.uint8(0))


def fills(run: Artefact) -> Pixels:
    """A row for each photo: photo, hole, the network's fill, the fill with detail."""
    rows = []
    for name, corner, shape in HOLES:
        photo = photograph(name)
        mask = ellipse(photo, corner, shape)
        marked = np.where(mask[:, :, None] == 255, np.uint8([255, 0, 255]), photo)
        part = slice(corner[0], corner[0] + SIDE), slice(corner[1], corner[1] + SIDE)
        rows.append(
            np.concatenate([p[part] for p in (photo, marked, run.fill(photo, mask, None), run.fill(photo, mask))], axis=1)
        )
    return np.concatenate(rows)


def widened(run: Artefact) -> Pixels:
    """A row for each photo: what there was, and the photo with a quarter more at the left and at the right."""
    rows = []
    for name, added in WIDENED:
        photo = photograph(name)[-SIDE:]
        before = np.pad(photo, ((0, 0), (added, added), (0, 0)), constant_values=255)
        rows.append(np.concatenate([before, outpaint(photo, Margins(left=added, right=added), run, run.size)], axis=1))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])


def main(artifact: Path, folder: Path) -> None:
    """Write both."""
    run = export.load(artifact)
    for name, draw in (("fill.jpg", fills), ("outpaint.jpg", widened)):
        Image.fromarray(draw(run)).save(folder / name, quality=85)
        print(folder / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).parent)
