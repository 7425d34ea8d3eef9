"""Fills of real photos measured against the photos: networks and baselines on the same crops and holes.

The protocol: centre crops of the sorted photos of a folder; photo i gets mask i mod n of the n sorted masks, or a seeded mask of
its own; every method fills the same holes; figures are means over pictures of per-picture figures. Nothing in the result
depends on the clock or on the machine's name: two runs give equal figures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.baselines import BASELINES
from models.conventions import MASK_THRESHOLD
from models.data.masks import sample_mask
from models.images import Pixels, read_mask, read_photo
from models.inpaint import Run
from models.metrics import detail_energy, hole_l1, hole_psnr, picture_psnr, picture_ssim

Bools = NDArray[np.bool_]
Fill = Callable[[Pixels, Bools], Pixels]

CLASSICAL = ("telea", "navier-stokes")
"""The baselines that a network has to beat; the mean colour is only there for scale."""

RESAMPLES = 10_000
"""Bootstrap resamples; their error on the interval's ends is about 1 % of its width."""


@dataclass(frozen=True)
class Case:
    """One photo and its hole.

    Attributes:
        name: file names of photo and mask.
        photo: (size, size, 3) uint8.
        hole: (size, size) bool, neither empty nor full.
    """

    name: str
    photo: Pixels
    hole: Bools


@dataclass(frozen=True)
class Figures:
    """Measurements of one fill, see ``models.metrics``."""

    hole_psnr: float
    hole_l1: float
    psnr: float
    ssim: float
    detail: float
    detail_photo: float


def run_fill(run: Run) -> Fill:
    """A network as a method of this file."""

    def fill(photo: Pixels, hole: Bools) -> Pixels:
        return run(image=photo, mask=hole.astype(np.uint8) * np.uint8(255))

    return fill


def read_cases(photos: Sequence[Path], masks: Sequence[Path], size: int, seed: int) -> Iterator[Case]:
    """Photos with their holes.

    Args:
        photos: files, each at least size x size pixels.
        masks: files; empty for seeded masks of ``models.data.masks``.
        size: side of the centre crops.
        seed: of the masks, when they are our own.

    Raises:
        ValueError: a file cannot be read, a photo is too small, a mask is empty or full.
    """
    for index, path in enumerate(photos):
        photo = centre_crop(read_photo(path).pixels, size, path)
        if masks:
            mask_path = masks[index % len(masks)]
            hole, name = read_hole(mask_path, size), mask_path.name
        else:
            # A generator for each picture, so that the first N holes do not depend on how many follow.
            name, hole = sample_mask(size, np.random.default_rng([seed, index]))
        yield Case(f"{path.name} {name}", photo, hole)


def centre_crop(photo: Pixels, size: int, path: Path) -> Pixels:
    """The middle size x size pixels.

    Raises:
        ValueError: the photo is smaller.
    """
    height, width = photo.shape[:2]
    if min(height, width) < size:
        raise ValueError(f"{path}: {width}x{height} is smaller than the {size}x{size} crops; choose a smaller --size")
    top, left = (height - size) // 2, (width - size) // 2
    return photo[top : top + size, left : left + size]


def read_hole(path: Path, size: int) -> Bools:
    """A mask file as (size, size) bool, True inside the hole; another size is scaled by nearest neighbour.

    Raises:
        ValueError: unreadable, or empty or full.
    """
    picture = Image.fromarray(read_mask(path).values)
    hole = np.asarray(picture.resize((size, size), Image.Resampling.NEAREST)) >= MASK_THRESHOLD
    if hole.all() or not hole.any():
        raise ValueError(f"{path}: the mask is {'full' if hole.all() else 'empty'}; nothing can be measured with it")
    return hole


def measure(result: Pixels, case: Case) -> Figures:
    """All figures of one fill."""
    return Figures(
        hole_psnr=hole_psnr(result, case.photo, case.hole),
        hole_l1=hole_l1(result, case.photo, case.hole),
        psnr=picture_psnr(result, case.photo),
        ssim=picture_ssim(result, case.photo),
        detail=detail_energy(result, case.hole),
        detail_photo=detail_energy(case.photo, case.hole),
    )


def evaluate(
    cases: Iterable[Case], methods: Mapping[str, Fill], each: Callable[[Case, Mapping[str, Pixels]], None] | None = None
) -> tuple[list[str], dict[str, list[Figures]]]:
    """Fill every hole with every method.

    Args:
        cases: photos and holes.
        methods: what fills them.
        each: called with every case and its fills.

    Returns:
        The names of the cases, and the figures of each method in the same order.
    """
    names: list[str] = []
    figures: dict[str, list[Figures]] = {name: [] for name in methods}
    for case in cases:
        fills = {name: fill(case.photo, case.hole) for name, fill in methods.items()}
        names.append(case.name)
        for name, result in fills.items():
            figures[name].append(measure(result, case))
        if each:
            each(case, fills)
    return names, figures


def summary(figures: Sequence[Figures]) -> dict[str, float]:
    """Means over pictures; the detail ratio is a ratio of sums, because single flat holes have next to no detail."""
    return {
        "hole_psnr_db": float(np.mean([f.hole_psnr for f in figures])),
        "hole_l1_levels": float(np.mean([f.hole_l1 for f in figures])),
        "psnr_db": float(np.mean([f.psnr for f in figures])),
        "ssim": float(np.mean([f.ssim for f in figures])),
        "detail_ratio": sum(f.detail for f in figures) / max(sum(f.detail_photo for f in figures), 1e-12),
    }


def difference(method: Sequence[Figures], other: Sequence[Figures], seed: int = 0) -> dict[str, float]:
    """Mean difference of hole PSNR in dB, with a paired bootstrap over pictures (Efron, 1979; percentile interval).

    Returns:
        ``mean_db`` and the ends ``low_db`` and ``high_db`` of the 95 % interval.
    """
    gaps = np.array([a.hole_psnr - b.hole_psnr for a, b in zip(method, other, strict=True)])
    rng = np.random.default_rng(seed)
    means = gaps[rng.integers(0, len(gaps), (RESAMPLES, len(gaps)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {"mean_db": float(gaps.mean()), "low_db": float(low), "high_db": float(high)}


@dataclass(frozen=True)
class Report:
    """An evaluation as plain values; ``dataclasses.asdict`` of it is its JSON.

    Attributes:
        setting: how it was run.
        pictures: how many.
        methods: :func:`summary` of each method, networks first.
        best_baseline: the better of ``CLASSICAL`` by hole PSNR.
        over_best_baseline: :func:`difference` of each network to it.
        over_first_network: :func:`difference` of each further network to the first.
        per_picture: name and hole PSNR of each method, in dB.
    """

    setting: dict[str, object]
    pictures: int
    methods: dict[str, dict[str, float]]
    best_baseline: str
    over_best_baseline: dict[str, dict[str, float]]
    over_first_network: dict[str, dict[str, float]]
    per_picture: list[dict[str, object]]


def report(names: Sequence[str], figures: Mapping[str, Sequence[Figures]], setting: Mapping[str, object]) -> Report:
    """Put an evaluation together.

    Args:
        names: of the cases.
        figures: of each method; whatever is not in ``BASELINES`` is a network, the first of them the reference of the others.
        setting: how it was run.
    """
    means = {name: summary(rows) for name, rows in figures.items()}
    best = max(CLASSICAL, key=lambda name: means[name]["hole_psnr_db"])
    networks = [name for name in means if name not in BASELINES]
    return Report(
        setting=dict(setting),
        pictures=len(names),
        methods=means,
        best_baseline=best,
        over_best_baseline={name: difference(figures[name], figures[best]) for name in networks},
        over_first_network={name: difference(figures[name], figures[networks[0]]) for name in networks[1:]},
        per_picture=[
            {"name": name, "hole_psnr_db": {method: rows[index].hole_psnr for method, rows in figures.items()}}
            for index, name in enumerate(names)
        ],
    )
