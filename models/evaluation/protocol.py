"""Fills of real photos measured against the photos: networks and baselines on the same crops and holes.

The protocol: centre crops of the sorted photos of a folder; photo i gets mask i mod n of the n masks of a file or a folder, or a
seeded mask of its own; every method fills the same holes. Nothing in the result depends on the clock or on the machine's name:
two runs give equal figures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.conventions import MASK_THRESHOLD
from models.data.mask_file import MaskFile
from models.data.masks import sample_mask
from models.evaluation.metrics.energy import ENERGIES
from models.evaluation.metrics.pixels import PIXEL_METRICS
from models.features.network import FeatureNetwork
from models.fill.windows import Run
from models.photo.images import Pixels, read_photo
from models.photo.mask import read_mask

Bools = NDArray[np.bool_]
Fill = Callable[[Pixels, Bools], Pixels]
Distance = Callable[[Pixels, Pixels], float]
"""(result, photo), whole images -> distance, 0 for equal ones."""


@dataclass(frozen=True)
class Case:
    """One photo and its hole.

    Attributes:
        name: file names of photo and mask.
        photo: (size, size, 3) uint8.
        hole: (size, size) bool, neither empty nor full.
        family: row of ``MASKS`` that the hole was drawn from; None for a mask of the user's.
    """

    name: str
    photo: Pixels
    hole: Bools
    family: str | None = None


@dataclass(frozen=True)
class Figures:
    """Measurements of one fill.

    Attributes:
        pixels: by ``PIXEL_METRICS`` and the names of the perceptual distances.
        fill: by ``ENERGIES``, of the fill.
        photo: the same of the photo.
    """

    pixels: dict[str, float]
    fill: dict[str, float]
    photo: dict[str, float]


@dataclass(frozen=True)
class Instruments:
    """Measures that need a network's file.

    Attributes:
        distances: perceptual distances by name.
        features: networks whose features are compared as distributions.
        classifiers: networks whose class probabilities are.
    """

    distances: Mapping[str, Distance] = field(default_factory=dict)
    features: Sequence[FeatureNetwork] = ()
    classifiers: Sequence[FeatureNetwork] = ()


@dataclass
class Measured:
    """An evaluation before it is summed up; every list is in the order of the cases.

    Attributes:
        names: of the cases.
        families: of their holes.
        shares: of the image that the hole covers.
        figures: of each method.
        vectors: (kind of vector, method or ``photo``) -> one vector an image; kinds are ``features``, ``spatial`` and
            ``classes``, with the network's name.
    """

    names: list[str]
    families: list[str | None]
    shares: list[float]
    figures: dict[str, list[Figures]]
    vectors: dict[tuple[str, str, str], list[NDArray[np.float64]]]


def run_fill(run: Run) -> Fill:
    """A network as a method of this file."""

    def fill(photo: Pixels, hole: Bools) -> Pixels:
        return run(image=photo, mask=hole.astype(np.uint8) * np.uint8(255))

    return fill


def read_cases(photos: Sequence[Path], masks: Sequence[Path] | MaskFile, size: int, seed: int) -> Iterator[Case]:
    """Photos with their holes.

    Args:
        photos: files, each at least size x size pixels.
        masks: files, or a file of masks; empty for seeded masks of ``models.data.masks``.
        size: side of the centre crops.
        seed: of the masks, when they are drawn here.

    Raises:
        ValueError: a file cannot be read, a photo is too small, a mask is empty or full, a file of masks of another size.
    """
    if isinstance(masks, MaskFile) and masks.size != size:
        raise ValueError(f"the file of masks is for {masks.size}x{masks.size} pixels, the images are {size}x{size}")
    for index, path in enumerate(photos):
        photo = centre_crop(read_photo(path).pixels, size, path)
        family: str | None = None
        if isinstance(masks, MaskFile):
            family, hole = masks.mask(index)
            name = f"{family} {index % len(masks.families)}"
        elif masks:
            mask_path = masks[index % len(masks)]
            hole, name = read_hole(mask_path, size), mask_path.name
        else:
            # A generator for each image, so that the first N holes do not depend on how many follow.
            family, hole = sample_mask(size, np.random.default_rng([seed, index]))
            name = family
        yield Case(f"{path.name} {name}", photo, hole, family)


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
    image = Image.fromarray(read_mask(path).values)
    hole = np.asarray(image.resize((size, size), Image.Resampling.NEAREST)) >= MASK_THRESHOLD
    if hole.all() or not hole.any():
        raise ValueError(f"{path}: the mask is {'full' if hole.all() else 'empty'}; nothing can be measured with it")
    return hole


def measure(result: Pixels, case: Case, distances: Mapping[str, Distance] | None = None) -> Figures:
    """All figures of one fill."""
    pixels = {name: metric(result, case.photo, case.hole) for name, metric in PIXEL_METRICS.items()}
    pixels |= {name: distance(result, case.photo) for name, distance in (distances or {}).items()}
    fill, photo = ({name: energy(image, case.hole) for name, energy in ENERGIES.items()} for image in (result, case.photo))
    return Figures(pixels, fill, photo)


def evaluate(
    cases: Iterable[Case],
    methods: Mapping[str, Fill],
    each: Callable[[Case, Mapping[str, Pixels]], None] | None = None,
    instruments: Instruments | None = None,
) -> Measured:
    """Fill every hole with every method, and measure.

    Args:
        cases: photos and holes.
        methods: what fills them.
        each: called with every case and its fills.
        instruments: measures beside those that need no file.
    """
    instruments = instruments or Instruments()
    measured = Measured([], [], [], {name: [] for name in methods}, {})
    for case in cases:
        fills = {name: fill(case.photo, case.hole) for name, fill in methods.items()}
        measured.names.append(case.name)
        measured.families.append(case.family)
        measured.shares.append(float(case.hole.mean()))
        for name, result in fills.items():
            measured.figures[name].append(measure(result, case, instruments.distances))
        for name, image in {"photo": case.photo, **fills}.items():
            _respond(measured, instruments, name, image)
        if each:
            each(case, fills)
    return measured


def _respond(measured: Measured, instruments: Instruments, name: str, image: Pixels) -> None:
    for network in instruments.features:
        response = network(image)
        measured.vectors.setdefault(("features", network.name, name), []).append(response.vector)
        if response.spatial is not None:
            measured.vectors.setdefault(("spatial", network.name, name), []).append(response.spatial)
    for network in instruments.classifiers:
        measured.vectors.setdefault(("classes", network.name, name), []).append(network.probabilities(image))
