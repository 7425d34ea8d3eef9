"""Parity: run an artefact and its PyTorch reference on a fixed probe set and measure how far apart they are.

The probes are photographs that scikit-image carries in its wheel, cropped or mirrored to size without resampling, under one
seeded mask of every family and one mask made of the values around the threshold. The artefact sees noise where the hole is
and the reference sees the photo: if pixels under the hole leaked into the result, every figure would show it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.artifact.manifest import Parity
from export.backend import Runner
from export.errors import ToolchainMissing
from export.tolerances import BETWEEN_BACKENDS_DB, REPEAT_DB, REPEAT_SHARE, TOLERANCES, Bar
from models.conventions import MASK_THRESHOLD, PIXEL_MAX, PIXEL_SCALE
from models.data.masks import MASKS
from models.evaluation.metrics.pixels import decibels

Pixels = NDArray[np.uint8]
Levels = NDArray[np.int16]
"""(S, S, 3): a result with room for differences and for ``NOT_A_NUMBER``."""

PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "stereo_motorcycle", "hubble_deep_field")
"""Functions of ``skimage.data`` whose images ship in the wheel; one for each mask family and one for the edge values."""

NO_PHOTOS = "scikit-image, whose photos the checks run on, is not installed (pip install 'wavefill[export]')"

EDGE_VALUES = (0, 1, 127, 128, 254, 255)
"""Mask values around both ends and the threshold."""

SEED = 20_260
NOT_A_NUMBER = 256
"""Level given to results that are not finite: further from every pixel than any pixel can be."""


@dataclass(frozen=True)
class Probe:
    """One image and mask of the public signature, without the batch dimension.

    Attributes:
        name: photo and mask family.
        image: (S, S, 3) uint8.
        noisy: the same with noise under the hole; what artefacts are given.
        mask: (S, S, 1) uint8.
    """

    name: str
    image: Pixels
    noisy: Pixels
    mask: Pixels

    @property
    def hole(self) -> NDArray[np.bool_]:
        """(S, S) bool, True where the mask says fill."""
        return self.mask[:, :, 0] >= MASK_THRESHOLD


def probes(size: int) -> list[Probe]:
    """The probe set for one size: equal on every host.

    Args:
        size: height and width in pixels.

    Raises:
        ToolchainMissing: scikit-image is not installed.
    """
    made = []
    for index, (photo, family) in enumerate(zip(PHOTOS, (*MASKS, "edge"), strict=True)):
        rng = np.random.default_rng([SEED, index])
        image = _photo(photo, size)
        mask = edge_mask(size, rng) if family == "edge" else np.where(MASKS[family](size, rng), 255, 0).astype(np.uint8)
        noise = rng.integers(0, 256, image.shape, dtype=np.uint8)
        noisy = np.where((mask >= MASK_THRESHOLD)[:, :, None], noise, image)
        made.append(Probe(f"{photo}/{family}", image, noisy, mask[:, :, None]))
    return made


def edge_mask(size: int, rng: np.random.Generator) -> Pixels:
    """(size, size) uint8 of 8x8 blocks, each of one value of ``EDGE_VALUES``; every value occurs if there are six blocks."""
    blocks = -(-size // 8)
    values = rng.permutation(np.resize(EDGE_VALUES, blocks * blocks)).reshape(blocks, blocks)
    return np.kron(values, np.ones((8, 8)))[:size, :size].astype(np.uint8)


def _photo(name: str, size: int) -> Pixels:
    """Centre crop of a packaged photo; mirrored at its borders where it is smaller than ``size``."""
    photo = _decoded(name)
    short = [max(0, size - length) for length in photo.shape[:2]]
    photo = np.pad(photo, [*((n // 2, n - n // 2) for n in short), (0, 0)], mode="symmetric")
    top, left = ((length - size) // 2 for length in photo.shape[:2])
    return np.ascontiguousarray(photo[top : top + size, left : left + size])


@functools.cache
def _decoded(name: str) -> Pixels:
    try:
        import skimage.data  # not needed to import this module
    except ModuleNotFoundError as error:
        raise ToolchainMissing(NO_PHOTOS) from error
    loaded = getattr(skimage.data, name)()
    photo: Pixels = np.asarray(loaded[0] if isinstance(loaded, tuple) else loaded, dtype=np.uint8)
    photo.setflags(write=False)
    return photo


def results(runner: Runner, probe_set: Sequence[Probe], io: str, *, noisy: bool) -> list[Levels]:
    """Run a model over the probes.

    Args:
        runner: an artefact's or the reference's.
        probe_set: see :func:`probes`.
        io: ``uint8``, or ``float`` for a bare core, whose fill is brought to levels and composited here as a shell does.
        noisy: give it ``Probe.noisy`` instead of ``Probe.image``.

    Returns:
        (S, S, 3) int16 for each probe; ``NOT_A_NUMBER`` where a float result is not finite.

    Raises:
        ValueError: the runner returns another shape or dtype than the signature says.
    """
    made = []
    for probe in probe_set:
        image = probe.noisy if noisy else probe.image
        if io == "uint8":
            result = runner(image[None], probe.mask[None])
            if result.shape != (1, *image.shape) or result.dtype != np.uint8:
                raise ValueError(f"result is {result.dtype} {result.shape}, not uint8 {(1, *image.shape)}")
            made.append(result[0].astype(np.int16))
        else:
            made.append(_composite_float(runner, image, probe.hole))
    return made


def core_inputs(image: Pixels, hole: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a bare core takes, as a shell prepares it: normalised (1, 3, S, S) with the hole cleared, and hole (1, 1, S, S)."""
    known = (image.astype(np.float32) / PIXEL_SCALE - 1) * ~hole[:, :, None]
    return np.ascontiguousarray(known.transpose(2, 0, 1)[None], dtype=np.float32), hole[None, None].astype(np.float32)


def _composite_float(runner: Runner, image: Pixels, hole: NDArray[np.bool_]) -> Levels:
    normalised, channel = core_inputs(image, hole)
    fill = runner(normalised, channel)
    if fill.shape != normalised.shape:
        raise ValueError(f"fill is {fill.shape}, not {normalised.shape}")
    levels = np.clip(np.floor((fill[0].astype(np.float64).transpose(1, 2, 0) + 1) * PIXEL_SCALE + 0.5), 0, PIXEL_MAX)
    levels = np.where(np.isfinite(levels), levels, NOT_A_NUMBER)
    return np.where(hole[:, :, None], levels, image).astype(np.int16)


def measure(
    got: Sequence[Levels],
    wanted: Sequence[Levels],
    probe_set: Sequence[Probe],
    *,
    io: str,
    reference: str,
) -> Parity:
    """Compare two lists of results.

    Args:
        got: of the artefact.
        wanted: of the reference.
        probe_set: what both were run on.
        io: ``uint8`` or ``float``.
        reference: what ``wanted`` is, in words.

    Returns:
        The figures, rounded as a manifest keeps them: shares to two significant digits, decibels to 0.1. Further digits are
        the host's, not the artefact's.
    """
    differences = [np.abs(a - b)[probe.hole] for a, b, probe in zip(got, wanted, probe_set, strict=True)]
    together = np.concatenate(differences)
    kept = [np.abs(a - probe.image)[~probe.hole] for a, probe in zip(got, probe_set, strict=True)]
    worst = [value for value in map(psnr_db, differences) if value is not None]
    pooled = psnr_db(together)
    return Parity(
        reference=reference,
        probes=len(probe_set),
        max_level_difference=int(together.max()),
        differing_share=float(f"{(together > 0).mean():.2g}"),
        hole_psnr_db=None if pooled is None else round(pooled, 1),
        worst_hole_psnr_db=round(min(worst), 1) if worst else None,
        kept_max_difference=int(np.concatenate(kept).max()) if io == "uint8" else None,
    )


def psnr_db(difference: Levels) -> float | None:
    """10 log10(255^2 / mean(difference^2)); None where nothing differs."""
    return decibels(float((difference.astype(np.float64) ** 2).mean()))


def misses(parity: Parity, scheme: str) -> list[str]:
    """Which bars of ``TOLERANCES`` are missed, one line each; empty when all are met."""
    bar: Bar = TOLERANCES[scheme]
    found = []
    if parity.kept_max_difference:
        found.append(f"kept pixels differ from the photo by up to {parity.kept_max_difference} levels (allowed: 0)")
    if bar.max_level_difference is not None and parity.max_level_difference > bar.max_level_difference:
        found.append(f"{parity.max_level_difference} levels from the reference (allowed: {bar.max_level_difference})")
    if bar.differing_share is not None and parity.differing_share > bar.differing_share:
        found.append(f"{100 * parity.differing_share:.3g} % of values differ (allowed: {100 * bar.differing_share:g} %)")
    worst = parity.worst_hole_psnr_db
    if bar.hole_psnr_db is not None and worst is not None and worst < bar.hole_psnr_db:
        found.append(f"hole PSNR {worst:.1f} dB on the worst probe (at least {bar.hole_psnr_db:g} dB)")
    return found


def differs_from_record(measured: Parity, recorded: Parity) -> list[str]:
    """Where a repeated measurement is further from the manifest's than another processor explains; one line each."""
    found = []
    if measured.kept_max_difference != recorded.kept_max_difference:
        found.append(f"kept pixels: {measured.kept_max_difference} levels now, {recorded.kept_max_difference} in the manifest")
    if measured.probes != recorded.probes or measured.reference != recorded.reference:
        found.append("parity was measured with other probes or another reference")
    if abs(measured.differing_share - recorded.differing_share) > max(REPEAT_SHARE, 0.5 * recorded.differing_share):
        found.append(f"differing share: {measured.differing_share:.3g} now, {recorded.differing_share:.3g} in the manifest")
    now, then = measured.hole_psnr_db, recorded.hole_psnr_db
    # Differences of one level in a handful of values: decibels say little there, and None (all equal) is not a number.
    few = max(measured.differing_share, recorded.differing_share) <= REPEAT_SHARE
    if not few and (now is None or then is None or abs(now - then) > REPEAT_DB):
        found.append(f"hole PSNR: {now} dB now, {then} dB in the manifest")
    return found


def worst_between(a: Sequence[Levels], b: Sequence[Levels], probe_set: Sequence[Probe]) -> float | None:
    """Hole PSNR between two artefacts on the probe where it is worst, in dB; None where they are equal."""
    values = [psnr_db(np.abs(x - y)[probe.hole]) for x, y, probe in zip(a, b, probe_set, strict=True)]
    return min((value for value in values if value is not None), default=None)


def disagreement(worst: float | None, scheme: str) -> str | None:
    """One line if two artefacts of one program are further apart than ``BETWEEN_BACKENDS_DB`` allows; None otherwise."""
    bar = BETWEEN_BACKENDS_DB.get(scheme)
    if bar is None or worst is None or worst >= bar:
        return None
    return f"hole PSNR {worst:.1f} dB between them (at least {bar:g} dB)"
