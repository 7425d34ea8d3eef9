"""Losses against formulas written out in numpy, and what every loss must hold to."""

import numpy as np
import pytest
import pywt
import torch

from models.losses import LOSSES
from models.losses.hole_l1 import SMALLEST_SHARE


def _sample(seed=0, size=16):
    rng = np.random.default_rng(seed)
    fill, target = rng.uniform(-1, 1, (2, 3, 3, size, size)).astype(np.float32)
    hole = (rng.random((3, 1, size, size)) < np.array([0.1, 0.4, 0.9]).reshape(3, 1, 1, 1)).astype(np.float32)
    return fill, target, hole


def _expected(name, fill, target, hole):
    values = []
    for f, t, h in zip(fill, target, hole, strict=True):
        area = max(h.sum(), SMALLEST_SHARE * h.size)
        difference = (f - t) * h
        if name == "hole_l1":
            total = np.abs(difference).sum()
        elif name == "hole_l2":
            total = (difference**2).sum()
        else:
            low, details = pywt.dwt2(difference, "haar", axes=(1, 2))
            total = sum(np.abs(band).sum() for band in (low, *details))
        values.append(total / (3 * area))
    return np.mean(values)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_equals_its_formula(name):
    fill, target, hole = _sample()
    got = LOSSES[name](*map(torch.from_numpy, (fill, target, hole)))
    assert float(got) == pytest.approx(_expected(name, fill, target, hole), rel=1e-5)
    # The harness can fail: a fill that is half as far away gives another figure.
    assert float(got) != pytest.approx(_expected(name, (fill + target) / 2, target, hole), rel=1e-2)


@pytest.mark.parametrize("name", LOSSES)
def test_kept_pixels_do_not_enter(name):
    fill, target, hole = map(torch.from_numpy, _sample(1))
    elsewhere = fill + (1 - hole) * torch.randn_like(fill)
    assert torch.equal(LOSSES[name](fill * hole, target, hole), LOSSES[name](elsewhere * hole, target, hole))
    fill.requires_grad_()
    LOSSES[name](fill, target, hole).backward()
    assert not fill.grad[(hole == 0).expand_as(fill)].any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_is_the_mean_of_its_samples(name):
    fill, target, hole = map(torch.from_numpy, _sample(2))
    alone = [LOSSES[name](fill[i : i + 1], target[i : i + 1], hole[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(torch.stack(alone).mean(), LOSSES[name](fill, target, hole))


@pytest.mark.parametrize("name", LOSSES)
def test_perfect_fill_costs_nothing(name):
    _, target, hole = map(torch.from_numpy, _sample(3))
    assert float(LOSSES[name](target, target, hole)) == 0
