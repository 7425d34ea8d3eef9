"""What comes with the app: a model, and photos with what Python makes of them, to see that a phone computes the same."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.artifact.loading import load_artefact
from export.artifact.manifest import read_manifest
from export.parity import probes
from models.photo.place import write_atomically

Pixels = NDArray[np.uint8]

PHOTO, HEIGHT, WIDTH = "coffee", 288, 384
"""A photograph that scikit-image carries, and how much of its middle is taken."""


def model_assets(artifact: Path) -> dict[str, bytes]:
    """An artefact's files and two golden images, by names of assets.

    Args:
        artifact: its folder.

    Raises:
        ValueError: damaged, or not an ONNX or LiteRT artefact with pixels at both ends.
    """
    manifest = read_manifest(artifact)
    if manifest.backend not in ("onnx", "litert") or manifest.io != "uint8":
        raise ValueError(f"{artifact}: the app takes an ONNX or LiteRT artefact with pixels at both ends")
    run = load_artefact(artifact, 1)  # refuses what is not as its hashes say
    probe = probes(manifest.size)[0]
    mask = np.ascontiguousarray(probe.mask.reshape(manifest.size, manifest.size))
    photo, holes = fill_case()
    files = [manifest.model_file, "manifest.json", "SHA256SUMS"]
    assets = {f"model/{name}": (artifact / name).read_bytes() for name in files}
    assets["golden/network.bin"] = golden(probe.image, mask, run(image=probe.image, mask=mask))
    assets["golden/fill.bin"] = golden(photo, holes, run.fill(photo, holes))
    return assets


def write_assets(artifact: Path, folder: Path) -> None:
    """The same as files in a folder."""
    for name, content in model_assets(artifact).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, content)


def fill_case() -> tuple[Pixels, Pixels]:
    """A photo that is larger than the network, and a mask with a round hole and a thin one."""
    from skimage import data

    whole = np.asarray(getattr(data, PHOTO)())
    top, left = (whole.shape[0] - HEIGHT) // 2, (whole.shape[1] - WIDTH) // 2
    photo = np.ascontiguousarray(whole[top : top + HEIGHT, left : left + WIDTH])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    hole = (rows - 100) ** 2 + (columns - 110) ** 2 < 55**2
    hole |= (abs(rows - 40 - columns // 2) < 3) & (columns > 220)
    return photo, np.where(hole, 255, 0).astype(np.uint8)


def golden(photo: Pixels, mask: Pixels, result: Pixels) -> bytes:
    """Height and width, photo, mask, and the result less the photo, byte by byte, which is 0 outside the hole and packs well."""
    change = result - photo  # modulo 256
    return struct.pack(">II", *mask.shape) + photo.tobytes() + mask.tobytes() + change.tobytes()
