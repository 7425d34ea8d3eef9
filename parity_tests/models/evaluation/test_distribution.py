"""Distances of distributions against SciPy, loops and torchmetrics."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.inception import InceptionScore

from models.evaluation.metrics.distribution import (
    NEIGHBOURS,
    accuracy,
    agreement,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision,
    recall,
)

RNG = np.random.default_rng(0)
PHOTOS = RNG.normal(0, 1, (60, 8))
FILLS = RNG.normal(0.3, 1.4, (60, 8)) @ (np.eye(8) + 0.1)


def test_frechet_distance_equals_scipys_matrix_root():
    m1, m2, c1, c2 = FILLS.mean(0), PHOTOS.mean(0), np.cov(FILLS.T), np.cov(PHOTOS.T)
    expected = np.square(m1 - m2).sum() + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
    assert frechet_distance(FILLS, PHOTOS) == pytest.approx(expected, abs=1e-4)
    assert frechet_distance(PHOTOS, PHOTOS) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_equals_the_sums_of_its_definition():
    def kernel(x, y):
        return (float(x @ y) / 8 + 1) ** 3

    n = 60
    within = [sum(kernel(s[i], s[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1)) for s in (FILLS, PHOTOS)]
    across = sum(kernel(x, y) for x in FILLS for y in PHOTOS) / n**2
    assert kernel_distance(FILLS, PHOTOS) == pytest.approx(sum(within) - 2 * across, abs=1e-4)
    assert kernel_distance(FILLS, PHOTOS) == kernel_distance(FILLS, PHOTOS)  # nothing is drawn


def test_precision_and_recall_by_brute_force():
    def share(points, others):
        hits = 0
        for point in points:
            for other in others:
                radius = sorted(np.linalg.norm(other - third) for third in others)[NEIGHBOURS]
                if np.linalg.norm(point - other) <= radius:
                    hits += 1
                    break
        return hits / len(points)

    assert precision(FILLS, PHOTOS) == pytest.approx(share(FILLS, PHOTOS))
    assert recall(FILLS, PHOTOS) == pytest.approx(share(PHOTOS, FILLS))
    assert precision(FILLS, PHOTOS) != recall(FILLS, PHOTOS)
    assert precision(PHOTOS + 100, PHOTOS) == 0
    assert precision(PHOTOS, PHOTOS) == 1


def test_inception_score_equals_torchmetrics():
    logits = RNG.normal(0, 2, (40, 6))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    identity = torch.nn.Identity()
    identity.num_features = 6
    with warnings.catch_warnings():  # of memory for features, and of the deviation of a single split
        warnings.simplefilter("ignore", UserWarning)
        metric = InceptionScore(feature=identity, splits=1)
        metric.update(torch.from_numpy(logits))
        expected = float(metric.compute()[0])
    assert inception_score(probabilities) == pytest.approx(expected, abs=1e-4)
    assert inception_score(np.eye(6)) == pytest.approx(6)
    assert inception_score(np.full((5, 6), 1 / 6)) == pytest.approx(1)


def test_agreement_and_accuracy():
    fills, photos = np.eye(4), np.eye(4)[[0, 1, 3, 2]]
    assert agreement(fills, photos) == 0.5
    assert accuracy(fills, np.array([0, 1, 2, 0])) == 0.75


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision, recall])
def test_too_few_images_are_refused(measure):
    with pytest.raises(ValueError, match="needs at least"):
        measure(FILLS[:1], PHOTOS[:1])


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_a_shifted_set_is_further_away(measure):
    """The planted error: a distance that does not see the fills."""
    assert measure(FILLS + 2, PHOTOS) > measure(FILLS, PHOTOS) + 1
