"""A hole of any size in a photo of any size, by a teacher of one size, in one piece: tiles that agree, or coarse to fine."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.fill.window import bounding_box
from models.teacher.denoiser import Denoiser
from models.teacher.free_size import restore_hierarchical, restore_tiled
from models.teacher.observation import Observation
from models.teacher.poisson import poisson_blend
from models.teacher.restore import to_pixels, to_tensor
from models.teacher.samplers.step import standard_normal
from models.teacher.schedule import Schedule
from models.teacher.settings import SamplerSettings

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

LAYOUTS = {
    "windows": "each hole by itself, in a window that is scaled to the denoiser's size",
    "tiles": "at the photo's own scale, in overlapping tiles of which each knows what the ones before it made",
    "hierarchical": "the same at half, a quarter ... of the size first, so that distant tiles agree",
}
"""Ways to fill what is larger than the denoiser."""


def surroundings(hole: Bools, size: int) -> tuple[slice, slice]:
    """Rows and columns of all holes and half a tile around them, at least a tile where the photo has one.

    Args:
        hole: (H, W) with some true.
        size: side of a tile.
    """
    box = bounding_box(hole)
    return _around(box.top, box.bottom, len(hole), size), _around(box.left, box.right, hole.shape[1], size)


def _around(first: int, last: int, length: int, size: int) -> slice:
    first, last = max(0, first - size // 2), min(length, last + size // 2)
    first = max(0, first - max(0, size - (last - first)))
    return slice(first, min(length, max(last, first + size)))


def fill_large(
    denoiser: Denoiser,
    schedule: Schedule,
    settings: SamplerSettings,
    photo: Pixels,
    hole: Bools,
    size: int,
    layout: str,
    seed: int,
    *,
    blend: bool = False,
    device: str = "cpu",
    callback: Callable[[object], object] | None = None,
) -> Pixels:
    """Fill all holes of a photo at its own scale.

    Args:
        denoiser: of images of ``size`` in [-1, 1].
        schedule: to walk, already respaced.
        settings: sampler and knobs; not one of those that take a few-step generator.
        photo: (H, W, 3) uint8.
        hole: (H, W), True where to fill.
        size: of the denoiser.
        layout: ``tiles`` or ``hierarchical``.
        seed: of all noise.
        blend: whether Poisson blending follows.
        device: where to compute.
        callback: told of every network call.

    Returns:
        (H, W, 3) uint8; kept pixels are the photo's, to the bit.

    Raises:
        ValueError: a photo smaller than a tile.
    """
    part = surroundings(hole, size)
    near, mask = photo[part], hole[part]
    if min(mask.shape) < size:
        shape = f"{mask.shape[1]}x{mask.shape[0]}"
        raise ValueError(f"a photo of {shape} is smaller than the denoiser's {size}x{size}; --layout windows fills it")
    y, known = to_tensor(near[None], device), torch.from_numpy(~mask)[None, None].to(device)
    rng, sample = torch.Generator().manual_seed(seed), settings.bound()

    def draw(observation: Observation) -> Tensor:
        start = standard_normal(observation.y, rng)
        return sample(denoiser, start, schedule, observation, rng=rng, callback=callback)

    restore = restore_tiled if layout == "tiles" else restore_hierarchical
    (pixels,) = to_pixels(restore(draw, y, known, size, size // 4))
    whole = np.where(mask[..., None], pixels, near)
    result = photo.copy()
    result[part] = poisson_blend(whole, near, mask, composite=True) if blend else whole
    return np.where(hole[..., None], result, photo)
