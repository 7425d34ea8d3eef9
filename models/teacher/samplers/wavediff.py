"""Wavelet Diffusion: the same few steps on Haar subbands (Phung, Dao and Tran, 2023).

The transform is orthonormal, so white noise is white in either domain and a step of the subbands is the same step of the pixels:
the state is kept in pixels, where the hole is, and only the generator sees subbands. They are halved to lie in [-1, 1], which
makes the state that of an image of half the contrast.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.teacher.observation import Observation
from models.teacher.samplers.ddgan import sample_ddgan
from models.teacher.samplers.step import Callback, Progress, Rng
from models.teacher.schedule import Schedule
from models.wavelet import dwt, idwt

if TYPE_CHECKING:
    from models.teacher.few_step_file import LatentDenoiser


class _InPixels:
    """A generator of subbands, told and asked in pixels."""

    def __init__(self, subbands: "LatentDenoiser") -> None:
        self.subbands, self.latent = subbands, subbands.latent

    def __call__(self, x: Tensor, sigma: float, z: Tensor) -> Tensor:
        return idwt(self.subbands(dwt(x), sigma, z))


@torch.no_grad()
def sample_wavediff(
    denoiser: "LatentDenoiser",
    x: Tensor,
    schedule: Schedule,
    observation: Observation | None = None,
    *,
    rng: Rng,
    callback: Callback | None = None,
    travel_length: int = 1,
    travel_repeat: int = 4,
) -> Tensor:
    """As :func:`sample_ddgan`, with a generator of halved subbands.

    Args:
        denoiser: (x, sigma, z) -> a draw of x_0, all in subbands (N, 4 C, H/2, W/2).
        x: (N, C, H, W), standard normal: x_T, in pixels of even height and width.
        schedule: of the generator's training.
        observation: of pixels, noiseless; none samples the prior.
        rng: of z and all noise.
        callback: told of every step, in pixels.
        travel_length: states of one jump back.
        travel_repeat: how often each stretch is walked.

    Returns:
        x_0 in pixels, on kept ones equal to the observation.

    Raises:
        ValueError: as :func:`sample_ddgan`, or an odd height or width.
    """
    if x.shape[2] % 2 or x.shape[3] % 2:
        raise ValueError(f"wavediff: images of {x.shape[2]}x{x.shape[3]}; even sides are needed")
    halved = None
    if observation is not None:
        observation.require_noiseless("wavediff")
        halved = Observation(observation.operator, observation.y / 2)

    def doubled(progress: Progress) -> None:
        if callback is not None:
            callback(Progress(progress.t, progress.x, 2 * progress.x0))

    travel = {"travel_length": travel_length, "travel_repeat": travel_repeat}
    return 2 * sample_ddgan(_InPixels(denoiser), x, schedule, halved, rng=rng, callback=doubled, **travel)
