"""Folders of small generated photos, some of them odd, damaged or too small."""

import numpy as np
from PIL import Image


def write_photos(folder, count, size=(40, 48), suffix=".png", seed=0):
    """Noise, each file its own; returns the paths in sorted order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        paths.append(folder / f"{index:03}{suffix}")
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(paths[-1])
    return paths


def damage(path):
    """Cut a file in the middle: its header still tells the size."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def mixed_folder(folder):
    """Twelve good photos of several sizes, three damaged ones among them, one too small for 32, one that is no photo."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [(40, 48), (33, 65), (64, 64), (71, 32), (32, 32), (90, 63)]
    for index in range(15):
        height, width = sizes[index % len(sizes)]
        path = folder / f"{index:02}.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        if index % 5 == 2:
            damage(path)
    Image.new("RGB", (200, 31)).save(folder / "20-small.png")
    (folder / "21-text.jpg").write_bytes(b"not an image")
    return sorted(folder.iterdir())
