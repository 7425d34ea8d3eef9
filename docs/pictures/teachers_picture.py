"""Makes docs/pictures/teachers.jpg: fills of each teacher beside the student's, on photographs that come with scikit-image.

    python docs/pictures/teachers_picture.py runs/ddpm64/denoiser runs/ddgan32/generator.safetensors \\
        runs/wavediff32/generator.safetensors

The student sees 256x256 pixels, each teacher what it was trained on; all are shown at 128. Photographs: `coffee` (Rachel
Michetti, CC0), `astronaut` (NASA, public domain), `rocket` (SpaceX, CC0), `chelsea` (Stefan van der Walt, CC0). Only the small
figure is kept.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from models.checkpoint import SHIPPED, load_checkpoint
from models.data.masks import MASKS
from models.evaluation.sheet import masked, sheet
from models.photo.images import Pixels
from models.runner import torch_run
from models.teacher.load import load_teacher
from models.teacher.restore import complete
from models.teacher.settings import parse_settings

ROWS = (("coffee", "box", 3), ("astronaut", "strokes", 11), ("rocket", "blob", 2), ("chelsea", "blob", 5), ("coffee", "half", 1))
SIZE, SHOWN = 256, 128


def square(name: str) -> Pixels:
    """The middle of a photograph, (256, 256, 3) uint8."""
    photo = Image.fromarray(getattr(skimage.data, name)())
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return np.asarray(photo.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def small_hole(family: str, seed: int) -> NDArray[np.bool_]:
    """A hole of 32x32, so that it is the same at every size."""
    return MASKS[family](32, np.random.default_rng(seed))


def resized(picture: Pixels, size: int, how: Image.Resampling = Image.Resampling.BOX) -> Pixels:
    """Another square size."""
    return np.asarray(Image.fromarray(picture).resize((size, size), how))


def teacher_fills(
    path: Path, sampler: str, knobs: list[str], photos: list[Pixels], holes: list[NDArray[np.bool_]], *, blend: bool
) -> Pixels:
    """Fills of all rows at the teacher's own size."""
    settings = parse_settings(sampler, None, knobs, observes=True)
    teacher = load_teacher(path, settings)
    size = teacher.size
    small = np.stack([resized(photo, size) for photo in photos])
    where = np.stack([np.kron(hole, np.ones((size // 32,) * 2, dtype=bool)) for hole in holes])
    return complete(teacher.denoiser, teacher.schedule, settings, small, where, range(len(photos)), blend=blend)


def main(ddpm: Path, ddgan: Path, wavediff: Path, out: Path) -> None:
    """Write the sheet."""
    photos = [square(name) for name, _, _ in ROWS]
    holes = [small_hole(family, seed) for _, family, seed in ROWS]
    large = [np.kron(hole, np.ones((SIZE // 32,) * 2, dtype=bool)) for hole in holes]
    student = torch_run(load_checkpoint(SHIPPED), SIZE)
    columns = {
        "photo": photos,
        "hole": [masked(photo, hole) for photo, hole in zip(photos, large, strict=True)],
        "student, 256": [student(image=p, mask=h.astype(np.uint8) * 255) for p, h in zip(photos, large, strict=True)],
        "RePaint, 64": teacher_fills(ddpm, "repaint", ["travel_length=10", "travel_repeat=4"], photos, holes, blend=False),
        "ddgan, 32": teacher_fills(ddgan, "ddgan", [], photos, holes, blend=False),
        "wavediff, 32": teacher_fills(wavediff, "wavediff", [], photos, holes, blend=False),
        "and blended": teacher_fills(wavediff, "wavediff", [], photos, holes, blend=True),
    }
    rows = []
    for row in range(len(ROWS)):
        tiles = {title: pictures[row] for title, pictures in columns.items()}
        how = {title: Image.Resampling.BOX if len(tile) >= SHOWN else Image.Resampling.NEAREST for title, tile in tiles.items()}
        rows.append({title: resized(tile, SHOWN, how[title]) for title, tile in tiles.items()})
    Image.fromarray(sheet(rows)).save(out, quality=85)
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]), Path(__file__).with_name("teachers.jpg"))
