"""Images larger than the denoiser: overlapping tiles that agree (mask shift), and coarse to fine (hierarchical restoration).

Both are of Wang et al., *Unlimited-Size Diffusion Restoration*, 2023. A denoiser of one size restores an image of any size tile
by tile, where what earlier tiles made of the overlap is part of the next one's measurement in each of its steps (mask shift).
A small version of the whole image is restored first, and all tiles measure it through the super-resolution operator, so that
distant ones tell one story (hierarchical).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.teacher.observation import Keep, Observation, Operator

Draw = Callable[[Observation], Tensor]
"""A noiseless observation of images of the denoiser's size -> such images: a sampler with its denoiser, schedule and noise."""


@dataclass(frozen=True)
class Tile:
    """A square of an image: its upper left corner in pixels."""

    top: int
    left: int


class KeptAndMeans:
    """Kept pixels, and the means of blocks that have none: a coarse version of the hole and a fine one of the rest.

    An orthogonal projection P: A = A^+ = P, A A^T = 1 on what it measures. A block that is kept in part only is measured by its
    kept pixels alone.

    Args:
        known: (N or 1, 1, H, W) bool, True where the pixel is kept; H and W are multiples of ``factor``.
        factor: side of a block.
    """

    gram = 1.0

    def __init__(self, known: Tensor, factor: int) -> None:
        if known.shape[2] % factor or known.shape[3] % factor:
            raise ValueError(f"images of {tuple(known.shape[2:])} do not divide into blocks of {factor}x{factor}")
        self.known, self.factor = known, factor
        self.free = F.interpolate(1 - F.max_pool2d(known.float(), factor), scale_factor=float(factor), mode="nearest") > 0.5

    def apply(self, x: Tensor) -> Tensor:
        """Kept pixels as they are, each other block's mean all over it, 0 elsewhere."""
        means = F.interpolate(F.avg_pool2d(x, self.factor), scale_factor=float(self.factor), mode="nearest")
        return torch.where(self.known, x, torch.where(self.free, means, torch.zeros((), dtype=x.dtype, device=x.device)))

    pinv = apply
    measured = apply


def tiles(height: int, width: int, size: int, overlap: int, multiple: int = 1) -> list[Tile]:
    """Tiles of size x size in reading order that cover an image, each overlapping the ones before it by ``overlap`` or more.

    Args:
        height: of the image, at least ``size``.
        width: likewise.
        size: of a tile.
        overlap: least common pixels of neighbours, 1 to size - 1.
        multiple: of which places are multiples, as sizes have to be.

    Raises:
        ValueError: out of range.
    """
    if not 1 <= overlap < size:
        raise ValueError(f"overlap is {overlap}; tiles of {size} can share 1 to {size - 1} pixels")
    if height < size or width < size:
        raise ValueError(f"an image of {height}x{width} is smaller than a tile of {size}")
    if size % multiple or height % multiple or width % multiple:
        raise ValueError(f"tiles of {size} and an image of {height}x{width} do not divide into blocks of {multiple}x{multiple}")
    lines = (
        [multiple * start for start in _starts(side // multiple, size // multiple, -(-overlap // multiple))]
        for side in (height, width)
    )
    tops, lefts = lines
    return [Tile(top, left) for top in tops for left in lefts]


def _starts(length: int, size: int, overlap: int) -> list[int]:
    step = max(1, size - overlap)
    return [*range(0, length - size, step), length - size]


def restore_tiled(
    draw: Draw,
    y: Tensor,
    known: Tensor,
    size: int,
    overlap: int,
    *,
    coarse: Tensor | None = None,
    factor: int = 2,
    shift: bool = True,
) -> Tensor:
    """Fill the hole of images of any size, tile by tile.

    Args:
        draw: restores one tile.
        y: (N, C, H, W), the images; values in the hole have no influence.
        known: (N or 1, 1, H, W) bool, True where a pixel is kept.
        size: height and width of a tile.
        overlap: least common pixels of neighbouring tiles; the half of it at a tile's far edges is left to the next tile.
        coarse: (N, C, H / factor, W / factor), means that the blocks of the hole are to have; None: any.
        factor: of ``coarse``; ``size`` and the tiles' places are multiples of it then.
        shift: whether what earlier tiles made is known to later ones (mask shift); without it every tile stands alone: seams.

    Returns:
        (N, C, H, W), equal to y on kept pixels.

    Raises:
        ValueError: sizes that do not fit each other.
    """
    height, width = y.shape[2:]
    multiple = 1 if coarse is None else factor
    margin = overlap // 2 // multiple * multiple
    done = known.expand(len(y), 1, height, width).clone()
    kept = done.clone()
    result = torch.where(done, y, torch.zeros((), dtype=y.dtype, device=y.device))
    for tile in tiles(height, width, size, overlap, multiple):
        part = (..., slice(tile.top, tile.top + size), slice(tile.left, tile.left + size))
        given = done[part] if shift else kept[part]
        if bool(done[part].all()):
            continue
        target = torch.where(given, result[part], torch.zeros((), dtype=y.dtype, device=y.device))
        operator: Operator = Keep(given)
        if coarse is not None:
            operator = KeptAndMeans(given, factor)
            means = F.interpolate(coarse, scale_factor=float(factor), mode="nearest")[part]
            target = operator.apply(torch.where(given, target, means))
        restored = draw(Observation(operator, target))
        # The far edge of a tile does not see what is kept just beyond it; the next tile does, and makes it again.
        down = size if tile.top + size == height else size - margin
        across = size if tile.left + size == width else size - margin
        taken = (..., slice(tile.top, tile.top + down), slice(tile.left, tile.left + across))
        result[taken] = torch.where(done[taken], result[taken], restored[..., :down, :across])
        done[taken] = True
    return torch.where(kept, y, result)


def restore_hierarchical(
    draw: Draw,
    y: Tensor,
    known: Tensor,
    size: int,
    overlap: int,
    *,
    progress: Callable[[int, int], object] = lambda height, width: None,
) -> Tensor:
    """Fill the hole of images of any size, the whole of them at a small size first, then at twice the size, and so on.

    Arguments and result as for :func:`restore_tiled`; sides need not be multiples of anything: what is missing is mirrored.

    Args:
        draw: see there.
        y: see there.
        known: see there.
        size: see there; an even number.
        overlap: see there.
        progress: told the height and width of every level before it begins.
    """
    height, width = y.shape[2:]
    if size % 2:
        raise ValueError(f"tiles of {size} do not divide into blocks of 2x2")
    levels = max(0, math.ceil(math.log2(max(height, width) / size)))
    tall, wide = (-(-side // 2**levels) * 2**levels for side in (height, width))
    nothing = torch.zeros((), dtype=y.dtype, device=y.device)
    kept = _mirrored(known.expand(len(y), 1, height, width), tall, wide)
    pyramid = [(torch.where(kept, _mirrored(y, tall, wide), nothing), kept)]
    for _ in range(levels):
        image, kept = pyramid[-1]
        whole = ~F.max_pool2d((~kept).to(y.dtype), 2).bool()  # a block with some hole in it is hole
        pyramid.append((torch.where(whole, F.avg_pool2d(image, 2), nothing), whole))
    coarse = None
    for image, kept in reversed(pyramid):
        rows, columns = image.shape[2:]
        progress(rows, columns)
        room = max(rows, size), max(columns, size)  # a narrow image is smaller than a tile at its coarsest
        means = None if coarse is None else _mirrored(coarse, room[0] // 2, room[1] // 2)
        filled = restore_tiled(draw, _mirrored(image, *room), _mirrored(kept, *room), size, overlap, coarse=means)
        coarse = filled[..., :rows, :columns]
    assert coarse is not None
    return torch.where(known, y, coarse[..., :height, :width])


def _mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """An image continued at the bottom and at the right by its mirror image, as often as needed."""
    rows, columns = (_reflection(length, wanted, x.device) for length, wanted in zip(x.shape[2:], (height, width), strict=True))
    return x[:, :, rows][:, :, :, columns]


def _reflection(length: int, wanted: int, device: torch.device) -> Tensor:
    """Places 0 ... length - 1, length - 1 ... 0, 0 ... of the first ``wanted`` pixels."""
    place = torch.arange(wanted, device=device) % (2 * length)
    return torch.where(place < length, place, 2 * length - 1 - place)
