"""Calibration images: squares of photos, each with a mask."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import sha256
from models.conventions import PIXEL_SCALE
from models.data.masks import sample_mask
from models.data.photos import find_photos
from models.photo.images import read_photo

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]

SIZE = 256
"""Images are calibrated at this size; the table serves every size, because activations keep their range."""
COUNT = 128
"""Images unless asked otherwise; the least for a table that is shipped."""


@dataclass(frozen=True)
class Sample:
    """One calibration image.

    Attributes:
        photo: (size, size, 3) uint8 RGB.
        hole: (size, size) bool.
        origin: provenance of the image, JSON values.
    """

    photo: NDArray[np.uint8]
    hole: NDArray[np.bool_]
    origin: dict[str, Any]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """What the core takes: normalised (1, 3, H, W) with the hole cleared, and hole (1, 1, H, W), float32."""
        hole = torch.from_numpy(self.hole.astype(np.float32))[None, None]
        pixels = torch.from_numpy(self.photo.astype(np.float32)).permute(2, 0, 1)[None]
        return (pixels / PIXEL_SCALE - 1) * (1 - hole), hole


def samples(folder: Path, count: int = COUNT, *, size: int = SIZE, seed: int = 0) -> list[Sample]:
    """Draw photos from a folder without repetition, cut a square from each and pair it with a mask.

    Args:
        folder: photos, searched recursively; those with a short side under ``size`` are passed over.
        count: how many.
        size: height and width in pixels.
        seed: of photos, crops and masks.

    Raises:
        ValueError: no such folder, an unreadable photo, or fewer than ``count`` photos that are large enough.
    """
    rng = np.random.default_rng(seed)
    paths = find_photos(folder)
    drawn: list[Sample] = []
    for index in rng.permutation(len(paths)):
        path = paths[index]
        photo = read_photo(path).pixels
        if min(photo.shape[:2]) < size:
            continue
        top, left = (int(rng.integers(0, side - size + 1)) for side in photo.shape[:2])
        family, hole = sample_mask(size, rng)
        origin = {
            "photo": path.relative_to(folder).as_posix(),
            "sha256": sha256(path),
            "top": top,
            "left": left,
            "mask": family,
            "mask_sha256": hashlib.sha256(np.packbits(hole).tobytes()).hexdigest(),
        }
        drawn.append(Sample(photo[top : top + size, left : left + size], hole, origin))
        if len(drawn) == count:
            return drawn
    raise ValueError(f"{folder}: {len(drawn)} photos of {size} pixels or more, {count} are needed")


def run_watched(
    core: nn.Module, images: Sequence[Sample], hooks: Mapping[str, Hook], *, on_sample: Callable[[], object] = lambda: None
) -> None:
    """Run a network without gradients over images, with a forward hook on some of its modules.

    Args:
        core: takes what ``Sample.tensors`` gives.
        images: of one size.
        hooks: by module path, called with the module, its inputs and its output.
        on_sample: called after each image, for a progress bar.
    """
    modules = dict(core.named_modules())
    handles = [modules[name].register_forward_hook(hook) for name, hook in hooks.items()]
    try:
        with torch.no_grad():
            for image in images:
                core(*image.tensors())
                on_sample()
    finally:
        for handle in handles:
            handle.remove()
