"""Fills by a teacher, behind the same interface as the student: a photo and a mask in, a filled photo out."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.conventions import MASK_THRESHOLD, PIXEL_SCALE
from models.fill.windows import Run
from models.teacher.denoiser import Denoiser
from models.teacher.few_step_file import LatentDenoiser
from models.teacher.observation import Keep, Observation
from models.teacher.poisson import poisson_blend
from models.teacher.samplers.step import Callback
from models.teacher.schedule import Schedule
from models.teacher.settings import SamplerSettings

Pixels = NDArray[np.uint8]


def to_tensor(photos: Pixels, device: str) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(photos.astype(np.float32)).permute(0, 3, 1, 2).to(device) / PIXEL_SCALE - 1


def to_pixels(images: Tensor) -> Pixels:
    """(N, 3, H, W), clipped to [-1, 1] -> (N, H, W, 3) uint8."""
    pixels: Pixels = ((images.clamp(-1, 1) + 1) * PIXEL_SCALE).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def complete(
    denoiser: Denoiser | LatentDenoiser,
    schedule: Schedule,
    settings: SamplerSettings,
    photos: Pixels,
    holes: NDArray[np.bool_],
    seeds: Sequence[int],
    *,
    blend: bool = False,
    device: str = "cpu",
    callback: Callback | None = None,
) -> Pixels:
    """Fill the holes of a batch of photos.

    Args:
        denoiser: of images of this size in [-1, 1]; for ``ddgan`` and ``wavediff``, their generator.
        schedule: to walk, already respaced.
        settings: sampler and knobs.
        photos: (N, H, W, 3) uint8.
        holes: (N, H, W), True where to fill.
        seeds: one for each photo: its fill depends on nothing else, whatever the batch (up to rounding in the network).
        blend: whether Poisson blending follows.
        device: where to compute.
        callback: told of every network call.

    Returns:
        (N, H, W, 3) uint8; kept pixels are the photos', to the bit.
    """
    rng = [torch.Generator().manual_seed(seed) for seed in seeds]
    known = torch.from_numpy(~holes)[:, None].to(device)
    y = to_tensor(photos, device)
    start = torch.stack([torch.randn(y.shape[1:], generator=one) for one in rng]).to(device)
    observation = Observation(Keep(known), torch.where(known, y, torch.zeros_like(y)))
    result: Tensor = settings.bound()(denoiser, start, schedule, observation, rng=rng, callback=callback)
    pixels = to_pixels(result)
    if blend:
        # Most samplers return composites already; made one, all of them are treated alike.
        whole = np.where(holes[..., None], pixels, photos)
        blended = (poisson_blend(*one, composite=True) for one in zip(whole, photos, holes, strict=True))
        pixels = np.stack(list(blended))
    return np.where(holes[..., None], pixels, photos)


def teacher_run(fill: Callable[[Pixels, NDArray[np.bool_]], Pixels]) -> Run:
    """A batch filler as the network that ``models.fill.windows`` runs over a photo of any size.

    Args:
        fill: (photos (1, H, W, 3) uint8, holes (1, H, W) bool) -> photos.
    """

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        return fill(image[None], mask[None] >= MASK_THRESHOLD)[0]

    return run
