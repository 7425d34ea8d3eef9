"""An evaluation summed up: means, ratios, 95 % intervals, differences, groups; as plain values for JSON and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.baselines import BASELINES
from models.evaluation.metrics import distribution
from models.evaluation.metrics.energy import ENERGIES, ratios
from models.evaluation.protocol import Figures, Measured

CLASSICAL = ("telea", "navier-stokes")
"""The baselines that a network has to beat; the mean colour is only there for scale."""

RESAMPLES = 10_000
"""Bootstrap resamples; their error on the interval's ends is about 1 % of its width."""

SHARES = ((0.0, 0.2), (0.2, 0.4), (0.4, 1.0))
"""Groups of holes by their share of the image; the upper end belongs to the group."""

OUTPAINTING = ("half", "border")
"""Families of masks that widen a frame; the others erase something."""

Interval = dict[str, float]


@dataclass(frozen=True)
class Report:
    """An evaluation as plain values; ``dataclasses.asdict`` of it is its JSON.

    Attributes:
        setting: how it was run.
        images: how many.
        methods: :func:`summary` of each method, networks first.
        intervals: ends of the 95 % interval of each of these figures, by method.
        best_baseline: the better of ``CLASSICAL`` by hole PSNR.
        over_best_baseline: :func:`difference` of hole PSNR of each network to it.
        over_first_network: :func:`difference` of each further network to the first.
        distance_to_baselines: network -> classical baseline -> perceptual distance -> :func:`paired`, negative is better.
        distributions: method -> measure -> value, such as ``FD-mobilenet``; of all images at once, hence without interval.
        unavailable: measure -> why it is missing.
        groups: group of holes -> method -> means of the group.
        per_image: name, family and share of the hole, and every figure of each method by its name.
    """

    setting: dict[str, object]
    images: int
    methods: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, list[float]]]
    best_baseline: str
    over_best_baseline: dict[str, Interval]
    over_first_network: dict[str, Interval]
    distance_to_baselines: dict[str, dict[str, dict[str, Interval]]]
    distributions: dict[str, dict[str, float]]
    unavailable: dict[str, str]
    groups: dict[str, dict[str, dict[str, float]]]
    per_image: list[dict[str, object]]


def summary(figures: Sequence[Figures]) -> dict[str, float]:
    """Means over images of what is measured in pixels, and the ratios of summed energies (``metrics.energy``)."""
    means = {name: float(np.mean([f.pixels[name] for f in figures])) for name in figures[0].pixels}
    fill, photo = ({name: float(sum(e[name] for e in side)) for name in ENERGIES} for side in _sides(figures))
    return means | ratios(fill, photo)


def _sides(figures: Sequence[Figures]) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    return [f.fill for f in figures], [f.photo for f in figures]


def intervals(figures: Sequence[Figures], seed: int = 0) -> dict[str, list[float]]:
    """95 % percentile bootstrap over images (Efron, 1979) of every figure of :func:`summary`: [low, high]."""
    drawn = _resamples(len(figures), seed)
    found = {}
    for name in figures[0].pixels:
        values = np.array([f.pixels[name] for f in figures])
        found[name] = _ends(values[drawn].mean(axis=1))
    # A resample is a weighting of the images, so the sums of all energies of all resamples are one product.
    weights = np.stack([np.bincount(row, minlength=len(figures)) for row in drawn]).astype(np.float64)
    fill, photo = (weights @ np.array([[e[name] for name in ENERGIES] for e in side]) for side in _sides(figures))
    rows = [
        ratios(dict(zip(ENERGIES, a, strict=True)), dict(zip(ENERGIES, b, strict=True)))
        for a, b in zip(fill.tolist(), photo.tolist(), strict=True)
    ]
    return found | {name: _ends(np.array([row[name] for row in rows])) for name in rows[0]}


def paired(method: Sequence[Figures], other: Sequence[Figures], name: str, seed: int = 0) -> Interval:
    """Mean difference of a figure, with a paired bootstrap over images.

    Returns:
        ``mean`` and the ends ``low`` and ``high`` of the 95 % interval.
    """
    gaps = np.array([a.pixels[name] - b.pixels[name] for a, b in zip(method, other, strict=True)])
    low, high = mean_interval(gaps, seed)
    return {"mean": float(gaps.mean()), "low": low, "high": high}


def mean_interval(values: NDArray[np.float64], seed: int = 0) -> list[float]:
    """95 % percentile bootstrap of a mean: [low, high]."""
    return _ends(values[_resamples(len(values), seed)].mean(axis=1))


def difference(method: Sequence[Figures], other: Sequence[Figures], seed: int = 0) -> Interval:
    """:func:`paired` difference of hole PSNR: ``mean_db``, ``low_db`` and ``high_db``."""
    return {f"{key}_db": value for key, value in paired(method, other, "hole_psnr_db", seed).items()}


def _resamples(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def _ends(values: NDArray[np.float64]) -> list[float]:
    return [float(end) for end in np.quantile(values, (0.025, 0.975))]


def distributions(measured: Measured, inception: frozenset[str]) -> dict[str, dict[str, float]]:
    """Measures of all images at once, by method; ``photo`` is among the methods of the Inception Score only.

    Args:
        measured: with the vectors of every network.
        inception: names of networks that are the Inception network that FID and its relatives were defined on.
    """
    vectors = {key: np.stack(rows) for key, rows in measured.vectors.items()}
    found: dict[str, dict[str, float]] = {}
    for (kind, network, method), own in vectors.items():
        photos = vectors[(kind, network, "photo")]
        if method == "photo" and kind != "classes":
            continue
        values = found.setdefault(method, {})
        if kind == "features":
            values[_named("FD", "FID", network, inception)] = distribution.frechet_distance(own, photos)
            values[_named("KD", "KID", network, inception)] = distribution.kernel_distance(own, photos)
            values[f"precision-{network}"] = distribution.precision(own, photos)
            values[f"recall-{network}"] = distribution.recall(own, photos)
        elif kind == "spatial":
            values[_named("sFD", "sFID", network, inception)] = distribution.frechet_distance(own, photos)
        else:
            values[_named("IS", "Inception Score", network, inception)] = distribution.inception_score(own)
            if method != "photo":
                values[f"agreement-{network}"] = distribution.agreement(own, photos)
    return found


def _named(general: str, proper: str, network: str, inception: frozenset[str]) -> str:
    return proper if network in inception else f"{general}-{network}"


def groups(measured: Measured) -> dict[str, dict[str, dict[str, float]]]:
    """:func:`summary` by share of the hole and, where families are known, by what the hole is for; empty groups are left out."""
    members: dict[str, list[int]] = {}
    for index, (family, share) in enumerate(zip(measured.families, measured.shares, strict=True)):
        low, high = next(pair for pair in SHARES if share <= pair[1])
        members.setdefault(f"hole {100 * low:.0f}-{100 * high:.0f} %", []).append(index)
        if family is not None:
            members.setdefault("outpainting" if family in OUTPAINTING else "inpainting", []).append(index)
            members.setdefault(f"family {family}", []).append(index)
    return {
        group: {"images": {"count": float(len(which))}}
        | {method: summary([rows[i] for i in which]) for method, rows in measured.figures.items()}
        for group, which in sorted(members.items())
    }


def report(
    measured: Measured,
    setting: Mapping[str, object],
    unavailable: Mapping[str, str] | None = None,
    inception: frozenset[str] = frozenset(),
) -> Report:
    """Put an evaluation together.

    Args:
        measured: whatever is not in ``BASELINES`` is a network, the first of them the reference of the others.
        setting: how it was run.
        unavailable: measures that could not be taken, with the reason.
        inception: as for :func:`distributions`.
    """
    figures = measured.figures
    means = {name: summary(rows) for name, rows in figures.items()}
    best = max(CLASSICAL, key=lambda name: means[name]["hole_psnr_db"])
    networks = [name for name in means if name not in BASELINES]
    distances = [name for name in figures[best][0].pixels if name.endswith("_distance")]
    return Report(
        setting=dict(setting),
        images=len(measured.names),
        methods=means,
        intervals={name: intervals(rows) for name, rows in figures.items()},
        best_baseline=best,
        over_best_baseline={name: difference(figures[name], figures[best]) for name in networks},
        over_first_network={name: difference(figures[name], figures[networks[0]]) for name in networks[1:]},
        distance_to_baselines={
            name: {other: {key: paired(figures[name], figures[other], key) for key in distances} for other in CLASSICAL}
            for name in networks
            if distances
        },
        distributions=distributions(measured, inception),
        unavailable=dict(unavailable or {}),
        groups=groups(measured),
        per_image=[
            {"name": name, "family": measured.families[i], "hole_share": measured.shares[i]}
            | {key: {method: rows[i].pixels[key] for method, rows in figures.items()} for key in figures[best][0].pixels}
            for i, name in enumerate(measured.names)
        ],
    )
