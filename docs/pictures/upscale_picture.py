"""Makes docs/pictures/upscale.jpg: what a small teacher completes, and the same brought to full size by the student's network.

    python docs/pictures/upscale_picture.py runs/ddpm64/denoiser

RePaint with 50 steps. Photographs that come with scikit-image: `coffee` (Rachel Michetti, CC0), `chelsea` (Stefan van der Walt,
CC0), `rocket` (SpaceX, CC0) and `grass` (CC0Textures, CC0).
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import SHIPPED, load_checkpoint
from models.evaluation.sheet import masked, sheet
from models.fill.windows import inpaint
from models.photo.images import Pixels
from models.runner import torch_run
from models.teacher.load import load_teacher
from models.teacher.restore import complete, teacher_run
from models.teacher.settings import parse_settings
from models.teacher.upscale import upscaling_run

SIZE, SIDE = 256, 300
# Photo, top left corner of the square that is shown, then row, column, half the height and half the width of an ellipse in it.
ROWS = (
    ("coffee", (60, 260), (222, 106, 48, 46)),
    ("chelsea", (0, 120), (230, 60, 34, 60)),
    ("rocket", (100, 120), (150, 66, 100, 30)),
    ("grass", (60, 60), (150, 150, 60, 70)),
)


def main(denoiser: Path, out: Path) -> None:
    """Write the sheet."""
    settings = parse_settings("repaint", 50, ["travel_length=1", "travel_repeat=4"], observes=True)
    teacher, student = load_teacher(denoiser, settings), torch_run(load_checkpoint(SHIPPED), SIZE)

    def completed(photos: Pixels, holes: NDArray[np.bool_]) -> Pixels:
        return complete(teacher.denoiser, teacher.schedule, settings, photos, holes, [0])

    rows = []
    for name, (top, left), (row, column, height, width) in ROWS:
        photo = getattr(skimage.data, name)()
        photo = np.ascontiguousarray(photo if photo.ndim == 3 else np.stack([photo] * 3, axis=2))
        lines, places = np.mgrid[: photo.shape[0], : photo.shape[1]]
        hole = ((lines - top - row) / height) ** 2 + ((places - left - column) / width) ** 2 <= 1
        mask = np.where(hole, np.uint8(255), np.uint8(0))
        fills = {
            "photo": photo,
            "hole": masked(photo, hole),
            f"teacher, {teacher.size}": inpaint(photo, mask, teacher_run(completed), teacher.size, parameters=None),
            "upscaled": inpaint(photo, mask, upscaling_run(student, completed, SIZE, teacher.size), SIZE),
            "student": inpaint(photo, mask, student, SIZE),
        }
        rows.append({title: image[top : top + SIDE, left : left + SIDE] for title, image in fills.items()})
    Image.fromarray(sheet(rows)).save(out, quality=85)
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).with_name("upscale.jpg"))
