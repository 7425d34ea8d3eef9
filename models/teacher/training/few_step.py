"""Networks of the few-step generators: what an image may have been, given its noisy version and a random vector; and the judge.

Xiao, Kreis and Vahdat, *Tackling the Generative Learning Trilemma with Denoising Diffusion GANs*, 2022; Phung, Dao and Tran,
*Wavelet Diffusion Models*, 2023. Their networks are NCSN++; these are diffusers' UNet with the same two ideas: the random vector
goes through a small mapping network and modulates every block (adaptive group norm), and the answer ends in a tanh. Two parts
of theirs are left out: the statistics over a minibatch in the discriminator, because they tie samples together that other
processes may hold, and the wavelet layers inside the generator of Wavelet Diffusion, which is here its diffusion of subbands.
"""

import itertools

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.teacher.training.config import TeacherConfig
from models.teacher.training.ddpm import build_unet

MAPPING_LAYERS = 3
SLOPE = 0.2


class LatentUNet(nn.Module):
    """G(x_t, t, z): a draw of x_0.

    Args:
        config: widths, layers, shape, latent.
    """

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        width = 4 * config.widths[0]  # of diffusers' embedding of the step, to which the mapped latent is added
        self.unet = build_unet(config, class_embed_type="identity", resnet_time_scale_shift="scale_shift")
        sides = [config.latent, *MAPPING_LAYERS * (width,)]
        layers = [nn.Sequential(nn.Linear(a, b), nn.SiLU()) for a, b in itertools.pairwise(sides)]
        self.mapping = nn.Sequential(*layers)

    def forward(self, x: Tensor, steps: Tensor, latent: Tensor) -> Tensor:
        """Draw x_0.

        Args:
            x: (N, C, h, w), x_t.
            steps: (N,) int64, t from 1.
            latent: (N, L) standard normal.

        Returns:
            (N, C, h, w) in [-1, 1].
        """
        mapped = self.mapping(latent * latent.square().mean(1, keepdim=True).add(1e-8).rsqrt())
        return torch.tanh(self.unet(x, steps, class_labels=mapped).sample)


class TransitionDiscriminator(nn.Module):
    """D(x_{t-1}, x_t, t): whether the first follows from the second as it does for photographs (Xiao et al., eq. 4).

    Args:
        config: opponent_widths, noise_steps, shape.
    """

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        widths = config.opponent_widths
        self.first = nn.Conv2d(2 * config.shape[0], widths[0], 3, padding=1)
        self.steps = nn.Embedding(config.noise_steps + 1, 64)
        self.blocks = nn.ModuleList(_Halving(a, b, 64) for a, b in zip((widths[0], *widths), widths, strict=False))
        self.last = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.logit = nn.Linear(widths[-1], 1)

    def forward(self, before: Tensor, now: Tensor, steps: Tensor) -> Tensor:
        """Judge.

        Args:
            before: (N, C, h, w), x_{t-1}.
            now: (N, C, h, w), x_t.
            steps: (N,) int64, t from 1.

        Returns:
            (N,) logits; positive means that it follows.
        """
        step = self.steps(steps)
        x = self.first(torch.cat([before, now], dim=1))
        for block in self.blocks:
            x = block(x, step)
        x = F.leaky_relu(self.last(F.leaky_relu(x, SLOPE)), SLOPE)
        logits: Tensor = self.logit(x.mean((2, 3))).squeeze(1).float()
        return logits


class _Halving(nn.Module):
    """A residual block that halves the resolution and is told the step (Xiao et al., table 6)."""

    def __init__(self, inputs: int, outputs: int, step: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.two = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)
        self.step = nn.Linear(step, outputs)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        y = self.one(F.leaky_relu(x, SLOPE)) + self.step(step)[:, :, None, None]
        y = self.two(F.avg_pool2d(F.leaky_relu(y, SLOPE), 2))
        return (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5
