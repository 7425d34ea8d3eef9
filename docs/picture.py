"""Makes docs/before_after.jpg with an exported artefact, from photographs that come with scikit-image.

    python docs/picture.py artifacts/wavefill-s-256-onnx-w8a8

Photographs: `coffee` (Rachel Michetti, CC0), `astronaut` (NASA, public domain), `rocket` (SpaceX, CC0), `chelsea` (Stefan van der
Walt, CC0), as scikit-image's documentation states them. Only the small figure is kept in the repository.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

import export
from models.data.masks import MASKS

# Photo, top left corner of a 256-pixel window of its 288-pixel-high copy, mask family, seed.
ROWS = (
    ("coffee", (16, 90), "blob", 11),
    ("rocket", (16, 60), "blob", 2),
    ("astronaut", (16, 16), "strokes", 11),
    ("chelsea", (16, 90), "border", 3),
)
SIZE = 256


def main(artifact: Path, out: Path) -> None:
    """Write a sheet: photo, what the network sees, result; two photos in a row."""
    run = export.load(artifact)
    strips = []
    for name, (top, left), family, seed in ROWS:
        photo = Image.fromarray(getattr(skimage.data, name)())
        scale = (SIZE + 32) / min(photo.size)
        photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS)
        image = np.asarray(photo)[top : top + SIZE, left : left + SIZE]
        hole = MASKS[family](SIZE, np.random.default_rng(seed))
        shown = np.where(hole[..., None], np.uint8([255, 0, 255]), image)
        result = run(image=image, mask=hole.astype(np.uint8) * 255)
        strips.append(np.concatenate([image, shown, result], axis=1))
    rows = [np.concatenate(strips[i : i + 2], axis=1) for i in range(0, len(strips), 2)]
    Image.fromarray(np.concatenate(rows)).save(out, quality=88)
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).with_name("before_after.jpg"))
