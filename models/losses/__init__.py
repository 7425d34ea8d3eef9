"""LOSSES: losses of a fill against its photo alone. One file each, one line here; adversarial ones are in ``adversarial.py``.

Every loss is normalised per sample before the mean over the batch, so that splitting a batch over processes changes nothing.
"""

from collections.abc import Callable

from torch import Tensor

from models.losses.band_l1 import band_l1
from models.losses.coarse import coarse_l1, coarse_l2
from models.losses.hole_l1 import hole_l1
from models.losses.hole_l2 import hole_l2
from models.losses.hole_log_l2 import hole_log_l2
from models.losses.hole_tv import hole_tv

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(fill, target, hole) -> scalar; (N, 3, H, W), (N, 3, H, W) in [-1, 1] and (N, 1, H, W) in {0, 1}."""

LOSSES: dict[str, Loss] = {
    "hole_l1": hole_l1,
    "hole_l2": hole_l2,
    "hole_log_l2": hole_log_l2,
    "coarse_l1": coarse_l1,
    "coarse_l2": coarse_l2,
    "band_l1": band_l1,
    "hole_tv": hole_tv,
}
