"""Batches of a teacher's training: functions of (photos, seed, step, index), whatever ran before, on however many processes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.conventions import PIXEL_SCALE
from models.data.photo_source import Photos
from models.teacher.training.config import TeacherConfig
from models.training.ahead import made_ahead

NOISES = {"ddpm": 1, "ddgan": 3, "wavediff": 3}
"""Independent noises that one sample's loss needs."""


@dataclass(frozen=True)
class TeacherBatch:
    """One step's samples, with everything random that happens to them.

    Attributes:
        images: (N, 3, H, W) float32 in [-1, 1].
        steps: (N,) int64, the state that each is noised to: 1 ... T.
        noise: (N, K, C, h, w) standard normal, of the shape of what is diffused.
        latents: (N, L) standard normal, for a few-step generator.
    """

    images: Tensor
    steps: Tensor
    noise: Tensor
    latents: Tensor

    def to(self, device: torch.device) -> "TeacherBatch":
        """The same on another device."""
        return TeacherBatch(*(value.to(device, non_blocking=True) for value in self.__dict__.values()))


def make_batch(photos: Photos, config: TeacherConfig, step: int, indices: range) -> TeacherBatch:
    """Some samples of a step's batch. Each has a generator of its own, so that they can be made apart."""
    rngs = [np.random.default_rng((config.seed, 1, step, index)) for index in indices]
    crops = np.stack(photos.crops(config.size, rngs))
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / PIXEL_SCALE - 1
    steps = torch.tensor([1 + int(rng.integers(config.noise_steps)) for rng in rngs])
    shape = (NOISES[config.kind], *config.shape)
    noise = np.stack([rng.standard_normal(shape, dtype=np.float32) for rng in rngs])
    latents = np.stack([rng.standard_normal(config.latent, dtype=np.float32) for rng in rngs])
    return TeacherBatch(images, steps, torch.from_numpy(noise), torch.from_numpy(latents))


def batches(photos: Photos, config: TeacherConfig, first: int, indices: range) -> Iterator[TeacherBatch]:
    """One process's batches from step ``first`` to the end, prepared one ahead in a thread while the networks run."""
    return made_ahead(lambda step: make_batch(photos, config, step, indices), first, config.steps)
