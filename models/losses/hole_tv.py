"""Total variation of the fill."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.losses.hole_l1 import hole_area


def hole_tv(fill: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute difference of neighbours in the composite, over pairs that touch the hole (Liu et al., 2018, eq. 6).

    The pairs across the hole's edge count: they are the seam. Arguments and result as for ``hole_l1``; divided by the hole's
    area and the three colours, so that a hole of twice the size does not weigh twice as much.
    """
    image = target + (fill - target) * hole
    down = torch.abs(image[:, :, 1:] - image[:, :, :-1]) * torch.maximum(hole[:, :, 1:], hole[:, :, :-1])
    right = torch.abs(image[:, :, :, 1:] - image[:, :, :, :-1]) * torch.maximum(hole[:, :, :, 1:], hole[:, :, :, :-1])
    total = F.pad(down, (0, 0, 0, 1)) + F.pad(right, (0, 1))
    return total.sum((1, 2, 3)).div(3 * hole_area(hole)).mean()
