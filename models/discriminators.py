"""Discriminators: what tells fills from photographs, in pixels and in Haar subbands. Every one of them sees the hole.

Two of them share one job (Phung et al., *Wavelet Diffusion Models*, 2023, judge subbands; Isola et al., 2017, judge patches of
pixels): the wavelet one rewards fine detail, which pixels hide behind the much larger low frequencies; the image one sees how the
subbands fit together and so keeps the first from paying for periodic artefacts. Both are cheap: they begin with a stride, on
subbands of half the size, and are built from plain convolutions, which a CPU multiplies fastest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.generator import NormalisedConv2d
from models.losses.coarse import moving_means
from models.wavelet import dwt

SLOPE = 0.2
"""Slope of the leaky ReLU below zero, that of Radford et al. (2016)."""

DETAIL_GAIN = 4.0
"""Factor on lh, hl and hh before the wavelet discriminator: brings their range (root mean square 0.07-0.3) to that of ll."""


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What one network says of a batch of images.

    Attributes:
        logits: (N, 1, h, w) float32, one for each patch; positive means photograph.
        features: activations of the layers before, finest first, for feature matching.
    """

    logits: Tensor
    features: list[Tensor]


class PatchDiscriminator(nn.Module):
    """A stack of strided 4x4 convolutions that judges overlapping patches (Isola et al., *pix2pix*, 2017, section 3.2.2).

    There is no normalisation over space or batch: its statistics would tie the samples of a batch together, and split over
    processes they would differ. Weights are normalised instead (``NormalisedConv2d``).

    Args:
        inputs: channels of the input.
        widths: channels after each halving; patches grow with their number (a logit sees 38, 78 or 158 input pixels for 3, 4, 5).
    """

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        pairs = zip((inputs, *widths), widths, strict=False)
        gain = (2 / (1 + SLOPE**2)) ** 0.5  # keeps the variance (He et al., 2015, eq. 15)
        self.layers = nn.ModuleList(_strided(a, b, gain) for a, b in pairs)
        self.last = NormalisedConv2d(widths[-1], 1, 3)

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        """(N, inputs, H, W) -> logits (N, 1, H / 2^n, W / 2^n)."""
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return DiscriminatorOutput(self.last(x).float(), features)


def _strided(inputs: int, outputs: int, gain: float) -> NormalisedConv2d:
    layer = NormalisedConv2d(inputs, outputs, 4, stride=2, gain=gain)
    layer.padding = (1, 1)
    return layer


class ImageDiscriminator(nn.Module):
    """Judges pixels: image and hole in.

    Args:
        widths: of the patch discriminator inside.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.patches = PatchDiscriminator(4, widths)

    def forward(self, image: Tensor, hole: Tensor) -> list[DiscriminatorOutput]:
        """Judge.

        Args:
            image: (N, 3, H, W) float in [-1, 1], the photo or the composite.
            hole: (N, 1, H, W) float, 1 inside the hole.
        """
        return [self.patches(torch.cat([image, hole], dim=1))]


class WaveletDiscriminator(nn.Module):
    """Judges the subbands of one Haar level, with the share of the hole in each block of 2x2 pixels.

    Args:
        widths: of the patch discriminator inside.
    """

    gains: Tensor

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.patches = PatchDiscriminator(3 * 4 + 1, widths)
        gains = torch.tensor(3 * (0.5, *3 * (DETAIL_GAIN,))).view(1, -1, 1, 1)
        self.register_buffer("gains", gains, persistent=False)

    def forward(self, image: Tensor, hole: Tensor) -> list[DiscriminatorOutput]:
        """Arguments as for ``ImageDiscriminator``."""
        # In float32 whatever autocast says: differences of neighbours are what bf16 would lose.
        with torch.autocast(image.device.type, enabled=False):
            bands = dwt(image.float()) * self.gains
        return [self.patches(torch.cat([bands, F.avg_pool2d(hole, 2)], dim=1))]


class MultiScaleDiscriminator(nn.Module):
    """PatchGANs on the image and on its halves (Wang et al., *pix2pixHD*, 2018, section 3.2), each with weights of its own.

    Args:
        widths: of each patch discriminator; shallow ones judge texture, the coarser scales what it adds up to.
        scales: how many.
    """

    def __init__(self, widths: tuple[int, ...], scales: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(4, widths) for _ in range(scales))

    def forward(self, image: Tensor, hole: Tensor) -> list[DiscriminatorOutput]:
        """Arguments as for ``ImageDiscriminator``; one judgement for each scale, finest first."""
        x = torch.cat([image, hole], dim=1)
        found = []
        for scale in self.scales:
            found.append(scale(x))
            x = F.avg_pool2d(x, 2)
        return found


class ReducedDiscriminator(nn.Module):
    """Judges the image at half its size: what is there, not how fine it is drawn.

    The image is smoothed before every second pixel is taken. Means of blocks would let the fill draw on the grid of the blocks.

    Args:
        inner: any of the others.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, image: Tensor, hole: Tensor) -> list[DiscriminatorOutput]:
        """Arguments as for ``ImageDiscriminator``."""
        reduced = moving_means(image)[:, :, ::2, ::2]
        judged: list[DiscriminatorOutput] = self.inner(reduced, F.max_pool2d(hole, 2))
        return judged


def _image() -> nn.Module:
    return ImageDiscriminator((32, 64, 96, 128, 128))


def _wavelet() -> nn.Module:
    return WaveletDiscriminator((48, 96, 128))


DISCRIMINATORS: dict[str, Callable[[], nn.Module]] = {
    "image": _image,
    "wavelet": _wavelet,
    "structure": lambda: ReducedDiscriminator(_image()),
    "structure_wavelet": lambda: ReducedDiscriminator(_wavelet()),
    "multiscale": lambda: MultiScaleDiscriminator((24, 48, 96), 3),
}
"""Modules (image, hole) -> list of DiscriminatorOutput."""
