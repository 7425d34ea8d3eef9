"""Filling a photo of any size with a network of one size.

The holes are taken in groups, long thin ones in parts. For each a window around it, with as much context as hole, is scaled to
the network's size and filled; tone and detail come from the photo (``window.py``), and only hole pixels are pasted into it: what
was known stays bit for bit. docs/fill.md has the whole algorithm.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from models.conventions import MASK_THRESHOLD
from models.fill.arrays import Bools, Pixels
from models.fill.holes import Box, context_window, hole_groups
from models.fill.parameters import DEFAULTS, Parameters
from models.fill.window import fill_window


class Run(Protocol):
    """A network of one size on uint8 arrays: a checkpoint's (``models.runner``) or an artefact's (``export.load``)."""

    def __call__(self, *, image: Pixels, mask: Pixels) -> Pixels:
        """(size, size, 3) and (size, size) uint8 in, (size, size, 3) uint8 out."""
        ...


def inpaint(
    photo: Pixels,
    mask: Pixels,
    run: Run,
    size: int,
    progress: Callable[[list[Box]], Iterable[Box]] = iter,
    parameters: Parameters | None = DEFAULTS,
) -> Pixels:
    """Fill the hole of a photo of any size.

    Args:
        photo: (H, W, 3) uint8; not changed, and its pixels under the hole do not matter.
        mask: (H, W) uint8, >= 128: fill; not changed.
        run: a network.
        size: height and width that ``run`` takes.
        progress: wraps the list of holes that are filled one after the other, as ``tqdm`` does.
        parameters: of the fill; None: what the network answers, scaled up, without detail and tone of the photo.

    Returns:
        (H, W, 3) uint8, a new array, equal to ``photo`` wherever the mask says keep. An empty mask gives a copy.

    Raises:
        ValueError: wrong shapes or dtypes, of what the network answers, too, or a mask that keeps nothing.
    """
    check_pair(photo, mask)
    unknown = mask >= MASK_THRESHOLD
    if unknown.all():
        raise ValueError("the mask is full: it keeps no pixel of the photo to continue from")
    result = photo.copy()
    del photo  # a caller that keeps no reference gets its memory back: of a large hole that is as much as the network takes
    for group in progress(hole_groups(unknown, max(1, size // 2))):
        paste = unknown[group.slices].copy()
        if paste.any():
            window = context_window(group, result.shape[:2], size)
            network = _checked(run, size, window)
            filled = fill_window(result[window.slices], unknown[window.slices], network, size, parameters, group.within(window))
            np.copyto(result[group.slices], filled, where=paste[:, :, None])
            unknown[group.slices] = False  # known to the groups after it, so that neighbours agree
    return result


def check_pair(photo: Pixels, mask: Pixels) -> None:
    """Check shapes and dtypes of a photo and its mask.

    Raises:
        ValueError: saying what was got.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise ValueError(f"photo: uint8 (H, W, 3) is needed, got {photo.dtype} {photo.shape}")
    if mask.dtype != np.uint8 or mask.shape != photo.shape[:2]:
        raise ValueError(f"mask: uint8 {photo.shape[:2]} is needed, got {mask.dtype} {mask.shape}")


def _checked(run: Run, size: int, window: Box) -> Callable[[Pixels, Bools], Pixels]:
    """The network for one window; what it answers is looked at, because it may be anyone's."""

    def network(image: Pixels, hole: Bools) -> Pixels:
        answer = run(image=image, mask=hole.astype(np.uint8) * np.uint8(255))
        if answer.dtype != np.uint8 or answer.shape != (size, size, 3):
            place = f"rows {window.top} to {window.bottom}, columns {window.left} to {window.right}"
            raise ValueError(
                f"the network's answer for {place}: uint8 {(size, size, 3)} is needed, got {answer.dtype} {answer.shape}"
            )
        return answer

    return network
