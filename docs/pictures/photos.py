"""Write the photographs that scikit-image carries into a folder, so that anyone can repeat docs/pictures/sheet.jpg.

    python docs/pictures/photos.py build/photos
    python -m models masks --out build/masks.npz --count 5 --seed 4
    python -m models evaluate --data build/photos --masks build/masks.npz --detail auto --sheet docs/pictures/sheet.jpg

Reduced to 288 pixels on the short side. Public domain or CC0, as scikit-image states them: astronaut (NASA), chelsea
(Stefan van der Walt), coffee (Rachel Michetti), hubble_deep_field (NASA), rocket (SpaceX).
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

NAMES = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "rocket")
SHORT_SIDE = 288


def main(folder: Path) -> None:
    """Write them as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        photo = Image.fromarray(np.asarray(getattr(skimage.data, name)()))
        scale = SHORT_SIDE / min(photo.size)
        photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS).save(
            folder / f"{name}.png"
        )
    print(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
