"""Calibration: photos and masks in, QuantizationTable out."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.checkpoint import sha256
from models.conventions import PIXEL_SCALE
from models.data.masks import sample_mask
from models.data.photos import find_photos
from models.generator import Generator, fold
from models.photo.images import read_photo
from quantize.affine import weight_integers, weight_scales
from quantize.lowering import prepared
from quantize.observers import RANGES, ActivationHistogram
from quantize.quantizer import CoreQuantizer
from quantize.table import Activation, QuantizationTable, Weight, integers_sha256
from quantize.ties import without_ties

SIZE = 256
"""Images are calibrated at this size; the table serves every size, because activations keep their range."""
COUNT = 128
"""Images unless asked otherwise; the least for a table that is shipped."""
RANGE = "mse"


@dataclass(frozen=True)
class Sample:
    """One calibration image.

    Attributes:
        photo: (size, size, 3) uint8 RGB.
        hole: (size, size) bool.
        origin: provenance of the image, JSON values.
    """

    photo: NDArray[np.uint8]
    hole: NDArray[np.bool_]
    origin: dict[str, Any]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """What the core takes: normalised (1, 3, H, W) with the hole cleared, and hole (1, 1, H, W), float32."""
        hole = torch.from_numpy(self.hole.astype(np.float32))[None, None]
        pixels = torch.from_numpy(self.photo.astype(np.float32)).permute(2, 0, 1)[None]
        return (pixels / PIXEL_SCALE - 1) * (1 - hole), hole


def samples(folder: Path, count: int = COUNT, *, size: int = SIZE, seed: int = 0) -> list[Sample]:
    """Draw photos from a folder without repetition, cut a square from each and pair it with a mask.

    Args:
        folder: photos, searched recursively; those with a short side under ``size`` are passed over.
        count: how many.
        size: height and width in pixels.
        seed: of photos, crops and masks.

    Raises:
        ValueError: no such folder, an unreadable photo, or fewer than ``count`` photos that are large enough.
    """
    rng = np.random.default_rng(seed)
    paths = find_photos(folder)
    drawn: list[Sample] = []
    for index in rng.permutation(len(paths)):
        path = paths[index]
        photo = read_photo(path).pixels
        if min(photo.shape[:2]) < size:
            continue
        top, left = (int(rng.integers(0, side - size + 1)) for side in photo.shape[:2])
        family, hole = sample_mask(size, rng)
        origin = {
            "photo": path.relative_to(folder).as_posix(),
            "sha256": sha256(path),
            "top": top,
            "left": left,
            "mask": family,
            "mask_sha256": hashlib.sha256(np.packbits(hole).tobytes()).hexdigest(),
        }
        drawn.append(Sample(photo[top : top + size, left : left + size], hole, origin))
        if len(drawn) == count:
            return drawn
    raise ValueError(f"{folder}: {len(drawn)} photos of {size} pixels or more, {count} are needed")


def observe(generator: Generator, images: Sequence[Sample], *, progress: bool = True) -> dict[str, ActivationHistogram]:
    """Run the float network over the images and return what each activation's observer saw.

    Args:
        generator: the network as trained.
        images: samples of one size.
        progress: whether to show a bar with the time left on stderr (never where stderr is not a terminal).

    Raises:
        ValueError: no images, or values that are not finite.
    """
    if not images:
        raise ValueError("calibration needs at least one image")
    size = images[0].photo.shape[0]
    watched: dict[str, ActivationHistogram] = {}

    def observer(tensor: str) -> ActivationHistogram:
        return watched.setdefault(tensor, ActivationHistogram(tensor))

    module = prepared(fold(generator, size, size), size, CoreQuantizer(observer))
    with torch.no_grad():
        for sample in tqdm(images, desc="calibrating", unit="image", disable=None if progress else True):
            module(*sample.tensors())
    return watched


def tabulate(
    generator: Generator,
    checkpoint_sha256: str,
    watched: dict[str, ActivationHistogram],
    rule: str = RANGE,
    provenance: dict[str, Any] | None = None,
) -> QuantizationTable:
    """Turn observations into the table.

    Raises:
        ValueError: no such rule.
    """
    if rule not in RANGES:
        raise ValueError(f"range rule {rule!r}: one of {', '.join(RANGES)} is needed")
    activations = {name: Activation(*histogram.parameters_by(RANGES[rule])) for name, histogram in watched.items()}
    activations = without_ties(activations, generator)
    return QuantizationTable(generator.spec.name, checkpoint_sha256, activations, dict(_weights(generator)), provenance or {})


def _weights(generator: Generator) -> Iterator[tuple[str, Weight]]:
    multiple = generator.spec.multiple  # any size will do: weights do not depend on it
    for name, value in fold(generator, multiple, multiple).named_parameters():
        if value.ndim == 4:
            weight = value.numpy()
            scales = weight_scales(weight)
            yield name, Weight(tuple(scales.tolist()), integers_sha256(weight_integers(weight, scales)))


def calibrate(
    generator: Generator,
    checkpoint_sha256: str,
    photos: Path,
    *,
    count: int = COUNT,
    size: int = SIZE,
    seed: int = 0,
    rule: str = RANGE,
    progress: bool = True,
) -> QuantizationTable:
    """Quantise a checkpoint from photos.

    Args:
        generator: the network as trained.
        checkpoint_sha256: hash of its checkpoint file, recorded in the table.
        photos: folder of photos; use training photos, never those of the evaluation.
        count: images, each with its own mask.
        size: their height and width in pixels.
        seed: of photos, crops and masks; equal seeds and folders give equal tables.
        rule: a row of ``RANGES``.
        progress: whether to show a bar on stderr.

    Returns:
        The table with its provenance.

    Raises:
        ValueError: a bad folder or photo, too few photos, an unknown rule.
    """
    images = samples(photos, count, size=size, seed=seed)
    provenance = {
        "rule": rule,
        "count": len(images),
        "size": size,
        "seed": seed,
        "mask_families": sorted({sample.origin["mask"] for sample in images}),
        "photos": _by_name(sample.origin for sample in images),
    }
    return tabulate(generator, checkpoint_sha256, observe(generator, images, progress=progress), rule, provenance)


def _by_name(origins: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(origins, key=lambda origin: origin["photo"])
