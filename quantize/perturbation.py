"""How far one known value, changed by one level, moves the fill: in fp32 and in w8a8.

Runtimes round a float here and there to another integer. What comes of that at the end is what comes of the smallest change of
the input, so this figure is a ceiling of the agreement between runtimes that are not equal to the bit; in a video it is flicker.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.evaluation.metrics.pixels import decibels
from models.inpainter import Core, Uint8Shell
from quantize.samples import Sample

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Effect:
    """What one change did to the hole.

    Attributes:
        psnr_db: between the two fills, in the hole; infinite where they are equal.
        moved: share of the hole's values that are another level.
        most: largest difference in levels.
    """

    psnr_db: float
    moved: float
    most: int


def effects(
    core: Core, samples: Sequence[Sample], changes: int, *, seed: int = 0, on_change: Callable[[], object] = lambda: None
) -> Iterator[Effect]:
    """Change known values of each photo, one at a time.

    Args:
        core: the network, in whatever number format.
        samples: photos with holes; one without known pixels is passed over.
        changes: how many values of each photo.
        seed: of their places.
        on_change: called after each, for a progress bar.

    Yields:
        One effect for each change.
    """
    shell = Uint8Shell(core)  # type: ignore[arg-type] # a module, or something that is called like one
    shell.training = False
    for number, sample in enumerate(samples):
        rng = np.random.default_rng([seed, number])
        known = np.argwhere(~sample.hole)
        if not len(known):
            continue
        before = _fill(shell, sample.photo, sample.hole)
        for row, column in known[rng.integers(len(known), size=changes)]:
            changed = sample.photo.copy()
            changed[row, column, rng.integers(3)] ^= 1  # one level up or down, never beyond 0 or 255
            yield _effect(_fill(shell, changed, sample.hole)[sample.hole], before[sample.hole])
            on_change()


def median(found: Sequence[Effect]) -> Effect:
    """Median of each figure."""
    psnr, moved, most = (float(np.median([getattr(one, name) for one in found])) for name in ("psnr_db", "moved", "most"))
    return Effect(psnr, moved, int(most))


def _fill(shell: Callable[[Tensor, Tensor], dict[str, Tensor]], photo: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    mask = torch.from_numpy(np.where(hole, 255, 0).astype(np.uint8))[None, ..., None]
    with torch.no_grad():
        filled: Pixels = shell(torch.from_numpy(photo.copy())[None], mask)["result"][0].numpy()
    return filled


def _effect(after: Pixels, before: Pixels) -> Effect:
    difference = np.abs(after.astype(np.float64) - before)
    psnr = decibels(float((difference**2).mean()))
    return Effect(math.inf if psnr is None else psnr, float((difference > 0).mean()), int(difference.max()))
