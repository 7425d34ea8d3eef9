"""How far a set of fills is from a set of photos in a network's features: what FID and its relatives measure.

On the features of the Inception network that they were defined on, these are called FID, sFID, KID and Inception Score; on any
other network they are other measures, and are called so (``FD-mobilenet``). All are biased by the number of images to some
degree (the kernel distance is not): compare figures of equal numbers only.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.system.errors import ToolchainMissing

if TYPE_CHECKING:
    from types import ModuleType

    from torch.nn import Module

Features = NDArray[np.float64]

NEIGHBOURS = 3
"""k of precision and recall, as in Kynkaanniemi et al. (2019), section 3.1."""


def frechet_distance(fills: Features, photos: Features) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two normal distributions (Heusel et al., 2017, eq. 6), by torchmetrics.

    Args:
        fills: (N, D) features of the fills.
        photos: (M, D) of the photos; with fewer than D images the covariances are singular, and the distance too large.

    Raises:
        ValueError: fewer than two of either.
        ToolchainMissing: torchmetrics is not installed.
    """
    import torch

    _enough(fills, photos, 2)
    metric = _torchmetrics().image.fid.FrechetInceptionDistance(feature=_given(fills.shape[1])).set_dtype(torch.float64)
    metric.update(torch.from_numpy(photos), real=True)
    metric.update(torch.from_numpy(fills), real=False)
    return float(metric.compute())


def kernel_distance(fills: Features, photos: Features) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x y / D + 1)^3 (Binkowski et al., 2018, eq. 4), by torchmetrics.

    Of all images at once and not the mean over random subsets, so that nothing is drawn. Arguments and errors as for
    :func:`frechet_distance`; the two sets are of one size. Can be negative for close sets.
    """
    import torch

    _enough(fills, photos, 2)
    _torchmetrics()
    from torchmetrics.image.kid import poly_mmd

    count = min(len(fills), len(photos))
    return float(poly_mmd(torch.from_numpy(photos[:count]), torch.from_numpy(fills[:count]), degree=3, gamma=None, coef=1.0))


def precision(fills: Features, photos: Features) -> float:
    """Share of fills that lie among the photos (Kynkaanniemi et al., 2019, eq. 1 and 2): within the distance of some photo to its
    third nearest neighbour.

    Raises:
        ValueError: not more photos than neighbours.
    """
    _enough(fills, photos, NEIGHBOURS + 1)
    radii = np.sort(_distances(photos, photos), axis=1)[:, NEIGHBOURS]  # the nearest of all is the photo itself
    return float((_distances(fills, photos) <= radii[None, :]).any(axis=1).mean())


def recall(fills: Features, photos: Features) -> float:
    """Share of photos that lie among the fills: :func:`precision` the other way round."""
    return precision(photos, fills)


def inception_score(probabilities: Features) -> float:
    """exp(mean KL(p(y|x) || p(y))) over all images, one split (Salimans et al., 2016, section 4).

    Args:
        probabilities: (N, classes), rows add up to 1.
    """
    p = np.clip(probabilities, 1e-16, 1)
    divergence = (p * (np.log(p) - np.log(p.mean(axis=0, keepdims=True)))).sum(axis=1)
    return float(np.exp(divergence.mean()))


def agreement(fills: Features, photos: Features) -> float:
    """Share of images whose most likely class is the same for fill and photo; both (N, classes), row by row one image."""
    return float((fills.argmax(axis=1) == photos.argmax(axis=1)).mean())


def accuracy(fills: Features, labels: NDArray[np.int64]) -> float:
    """Share of fills whose most likely class is the true one; (N, classes) and (N,)."""
    return float((fills.argmax(axis=1) == labels).mean())


def _distances(a: Features, b: Features) -> Features:
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None, :] - 2 * a @ b.T
    result = np.sqrt(np.maximum(squares, 0))
    if a is b:
        np.fill_diagonal(result, 0)
    return result


def _enough(fills: Features, photos: Features, least: int) -> None:
    if min(len(fills), len(photos)) < least:
        raise ValueError(f"{len(fills)} fills and {len(photos)} photos: comparing distributions needs at least {least} of each")


def _torchmetrics() -> "ModuleType":
    try:
        import torchmetrics
        import torchmetrics.image.fid
    except ImportError as error:
        raise ToolchainMissing("distances of distributions need torchmetrics: pip install 'wavefill[evaluate]'") from error
    return torchmetrics


def _given(dimension: int) -> "Module":
    """Stands where torchmetrics expects its network: what it is given are features already."""
    from torch import nn

    identity = nn.Identity()
    identity.num_features = dimension  # type: ignore[assignment]  # an attribute that torchmetrics asks for
    return identity
