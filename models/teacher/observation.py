"""What is known of an image: y = A x + sigma_y n, with linear operators whose pseudo-inverse is known in closed form.

All of them have orthogonal rows of equal length, A A^T = gram I, so that A^+ = A^T / gram and every formula of the samplers that
has an inverse of A A^T in it is a division. Compositions that keep this property are operators too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

TOLERANCE = 1e-6
"""Largest |A A^+ y - y| for measurements y of unit variance; float32 rounding is a tenth of it."""


class Operator(Protocol):
    """A linear map of images (N, C, H, W) to measurements."""

    gram: float
    """A A^T = gram I."""

    def apply(self, x: Tensor) -> Tensor:
        """A x."""
        ...

    def pinv(self, y: Tensor) -> Tensor:
        """A^+ y = A^T y / gram."""
        ...

    def measured(self, y: Tensor) -> Tensor:
        """y with those entries cleared that measure nothing (the hole, for a mask)."""
        ...


class Keep:
    """Inpainting: the kept pixels. Measurements have the image's shape and are 0 in the hole.

    Args:
        known: (N or 1, 1, H, W) bool, True where the pixel is kept.
    """

    gram = 1.0

    def __init__(self, known: Tensor) -> None:
        self.known = known

    def apply(self, x: Tensor) -> Tensor:
        """The image, cleared in the hole."""
        return torch.where(self.known, x, torch.zeros((), dtype=x.dtype, device=x.device))

    pinv = apply
    measured = apply


class Grey:
    """Colourisation: the mean of the colours, (N, 1, H, W).

    Args:
        colours: C of the image.
    """

    def __init__(self, colours: int = 3) -> None:
        self.colours, self.gram = colours, 1 / colours

    def apply(self, x: Tensor) -> Tensor:
        """Mean over colours."""
        return x.mean(1, keepdim=True)

    def pinv(self, y: Tensor) -> Tensor:
        """The same value in every colour."""
        return y.expand(-1, self.colours, -1, -1)

    def measured(self, y: Tensor) -> Tensor:
        """All of it."""
        return y


class BlockAverage:
    """Super-resolution: the means of ``factor`` x ``factor`` pixels, (N, C, H / factor, W / factor).

    Args:
        factor: side of a block; H and W are multiples of it.
    """

    def __init__(self, factor: int) -> None:
        self.factor, self.gram = factor, 1 / factor**2

    def apply(self, x: Tensor) -> Tensor:
        """Mean over blocks."""
        if x.shape[2] % self.factor or x.shape[3] % self.factor:
            raise ValueError(f"images of {tuple(x.shape[2:])} do not divide into blocks of {self.factor}x{self.factor}")
        return F.avg_pool2d(x, self.factor)

    def pinv(self, y: Tensor) -> Tensor:
        """The same value all over a block."""
        return F.interpolate(y, scale_factor=float(self.factor), mode="nearest")

    def measured(self, y: Tensor) -> Tensor:
        """All of it."""
        return y


class Compose:
    """``outer`` after ``inner``. Whether its rows stay orthogonal depends on both; :class:`Observation` checks it.

    Args:
        outer: applied last.
        inner: applied first.
    """

    def __init__(self, outer: Operator, inner: Operator) -> None:
        self.outer, self.inner, self.gram = outer, inner, outer.gram * inner.gram

    def apply(self, x: Tensor) -> Tensor:
        """A_outer A_inner x."""
        return self.outer.apply(self.inner.apply(x))

    def pinv(self, y: Tensor) -> Tensor:
        """A_inner^+ A_outer^+ y."""
        return self.inner.pinv(self.outer.pinv(y))

    def measured(self, y: Tensor) -> Tensor:
        """Those of the outer operator."""
        return self.outer.measured(y)


@dataclass(frozen=True)
class Observation:
    """A measurement of the images to be sampled.

    Attributes:
        operator: A.
        y: A x_0 + sigma_y n; of the shape that ``operator.apply`` gives.
        sigma_y: standard deviation of the noise on y; 0: none.

    Raises:
        ValueError: sigma_y is negative, y is not finite, or A A^+ is not the identity on measurements.
    """

    operator: Operator
    y: Tensor
    sigma_y: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma_y < float("inf"):
            raise ValueError(f"sigma_y is {self.sigma_y}; a number from 0 on is needed")
        if not bool(torch.isfinite(self.y).all()):
            raise ValueError("the observation holds values that are not finite")
        noise = torch.randn(self.y.shape, generator=torch.Generator().manual_seed(0), dtype=self.y.dtype).to(self.y.device)
        probe = self.operator.measured(noise)
        again = self.operator.apply(self.operator.pinv(probe))
        if again.shape != probe.shape:
            raise ValueError(f"A A^+ gives {tuple(again.shape)} for an observation of {tuple(probe.shape)}")
        error = float((again - probe).abs().max())
        if error > TOLERANCE:
            raise ValueError(f"A A^+ is not the identity: it is off by {error:.2g}, at most {TOLERANCE:g} is allowed")

    def corrected(self, x: Tensor, share: float = 1.0) -> Tensor:
        """x + share A^+ (y - A x): its measured part drawn towards y; equal to y on kept pixels for ``share`` 1, to the bit."""
        fitted = self.operator.pinv(self.operator.apply(x))
        if share == 1:
            return self.operator.pinv(self.operator.measured(self.y)) + (x - fitted)
        return x + share * (self.operator.pinv(self.operator.measured(self.y)) - fitted)

    def part(self, x: Tensor) -> Tensor:
        """A^+ A x: the component that the measurement sees, an orthogonal projection."""
        return self.operator.pinv(self.operator.apply(x))

    def mismatch(self, x: Tensor) -> Tensor:
        """Largest |A x - y| of each sample, (N,)."""
        return (self.operator.apply(x) - self.operator.measured(self.y)).abs().flatten(1).amax(1)

    def require_noiseless(self, name: str) -> None:
        """Refuse measurement noise in a sampler whose equations have none.

        Raises:
            ValueError: sigma_y is not 0.
        """
        if self.sigma_y > 0:
            raise ValueError(f"{name} knows no measurement noise, sigma_y is {self.sigma_y}; ddnm_plus, pigdm and diffpir do")


@dataclass(frozen=True)
class NonLinearObservation:
    """y = h(x_0) for a map that need not be linear nor differentiable, such as a codec; only PiGDM takes it.

    Attributes:
        h: the measurement.
        pinv: a map back with h(pinv(h(x))) = h(x) (Song et al., PiGDM, 2023, section 3.3).
        y: what was measured.

    Raises:
        ValueError: h(pinv(y)) is not y.
    """

    h: Callable[[Tensor], Tensor]
    pinv: Callable[[Tensor], Tensor]
    y: Tensor

    def __post_init__(self) -> None:
        error = float((self.h(self.pinv(self.y)) - self.y).abs().max())
        if not error <= TOLERANCE:
            raise ValueError(f"h(pinv(y)) is not y: it is off by {error:.2g}, at most {TOLERANCE:g} is allowed")
