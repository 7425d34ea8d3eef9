"""L1 on Haar subbands."""

import torch
from torch import Tensor

from models.losses.hole_l1 import hole_area
from models.wavelet import dwt


def band_l1(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute difference of the subbands of one Haar level, of the hole only (Phung et al., 2023, eq. 5 on subbands).

    The difference is cleared outside the hole before the transform, so kept pixels do not enter. All four bands have equal
    weight. Arguments and result as for ``hole_l1``.
    """
    bands = dwt((fill - target) * hole)
    # One level turns 3 H W values into as many: the same normalisation as in pixels.
    return torch.abs(bands).sum((1, 2, 3)).div(3 * hole_area(hole)).mean()
