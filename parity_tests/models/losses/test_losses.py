"""Losses against formulas written out in numpy, and what every loss must hold to."""

import numpy as np
import pytest
import pywt
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.losses import LOSSES
from models.losses.coarse import pooled, scale_coarse_gradient, smooth
from models.losses.hole_l1 import SMALLEST_SHARE

DISTANCES = [name for name in LOSSES if name != "hole_tv"]
"""Losses that are zero for a perfect fill; the total variation of a photo is not."""


def _sample(seed=0, size=16, count=3):
    rng = np.random.default_rng(seed)
    fill, target = rng.uniform(-1, 1, (2, count, 3, size, size)).astype(np.float32)
    shares = np.resize([0.1, 0.4, 0.9], count).reshape(count, 1, 1, 1)
    hole = (rng.random((count, 1, size, size)) < shares).astype(np.float32)
    return fill, target, hole


def _total_variation(fill, target, hole):
    """Pair by pair, as the definition reads."""
    image = np.where(hole > 0, fill, target).astype(np.float64)
    height, width = hole.shape[1:]
    total = 0.0
    for y in range(height):
        for x in range(width):
            for below, right in ((y + 1, x), (y, x + 1)):
                if below < height and right < width and (hole[0, y, x] or hole[0, below, right]):
                    total += np.abs(image[:, y, x] - image[:, below, right]).sum()
    return total


def _smooth(image):
    """A mean over 4x4 pixels of a mean over 4x4 pixels, zero outside the image."""
    weights = np.convolve([0.25] * 4, [0.25] * 4)
    rows = scipy.ndimage.convolve1d(image, weights, axis=1, mode="constant")
    return scipy.ndimage.convolve1d(rows, weights, axis=2, mode="constant")


def _expected(name, fill, target, hole):
    values = []
    for f, t, h in zip(fill, target, hole, strict=True):
        area = max(h.sum(), SMALLEST_SHARE * h.size)
        difference = (f - t) * h
        if name == "hole_l1":
            total = np.abs(difference).sum()
        elif name == "hole_l2":
            total = (difference**2).sum()
        elif name == "hole_log_l2":
            values.append(np.log1p((difference**2).sum() / (3 * area) / 1e-3))
            continue
        elif name in ("coarse_l1", "coarse_l2"):
            means = _smooth(difference)
            total = (np.abs(means) if name == "coarse_l1" else means**2).sum()
        elif name == "band_l1":
            low, details = pywt.dwt2(difference, "haar", axes=(1, 2))
            total = sum(np.abs(band).sum() for band in (low, *details))
        elif name == "hole_tv":
            total = _total_variation(f, t, h)
        else:
            pytest.fail(f"write out the formula of {name} here")
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
def test_a_speck_does_not_outweigh_a_hole(name):
    """One pixel of 16x16 counts as 2 % of the image."""
    fill, target, _ = _sample(4)
    hole = np.zeros((3, 1, 16, 16), np.float32)
    hole[:, :, 8, 8] = 1
    got = LOSSES[name](*map(torch.from_numpy, (fill, target, hole)))
    assert float(got) == pytest.approx(_expected(name, fill, target, hole), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_kept_pixels_of_the_fill_do_not_enter(name):
    fill, target, hole = map(torch.from_numpy, _sample(1))
    elsewhere = fill + (1 - hole) * torch.randn_like(fill)
    inside = fill + hole * 0.1
    loss = LOSSES[name](fill, target, hole)
    torch.testing.assert_close(LOSSES[name](elsewhere, target, hole), loss, rtol=1e-6, atol=0)
    assert not torch.isclose(LOSSES[name](inside, target, hole), loss, rtol=1e-3), "those of the hole must"
    fill.requires_grad_()
    LOSSES[name](fill, target, hole).backward()
    assert not fill.grad[(hole == 0).expand_as(fill)].any()
    assert fill.grad[(hole == 1).expand_as(fill)].any()


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 2**32 - 1), half=st.integers(1, 3), size=st.sampled_from([8, 12, 32]))
@settings(max_examples=25)
def test_a_batch_is_the_mean_of_its_halves(name, seed, half, size):
    """What makes two processes with half a batch each equal to one with all of it; holes differ in size by a factor of nine."""
    fill, target, hole = map(torch.from_numpy, _sample(seed, size, 2 * half))
    halves = [LOSSES[name](fill[part], target[part], hole[part]) for part in (slice(half), slice(half, None))]
    torch.testing.assert_close(torch.stack(halves).mean(), LOSSES[name](fill, target, hole), rtol=1e-5, atol=1e-7)


def test_a_sum_over_the_batch_would_not_be_such_a_mean():
    """The property can fail: dividing by the area of all holes together weighs large holes more."""
    fill, target, hole = map(torch.from_numpy, _sample(2, count=2))

    def pooled(part):
        return (torch.abs(fill - target) * hole)[part].sum() / (3 * hole[part].sum())

    alone = torch.stack([pooled(slice(1)), pooled(slice(1, None))])
    assert not torch.isclose(alone.mean(), pooled(slice(None)), rtol=1e-3)


@pytest.mark.parametrize("name", DISTANCES)
def test_perfect_fill_costs_nothing(name):
    _, target, hole = map(torch.from_numpy, _sample(3))
    assert float(LOSSES[name](target, target, hole)) == 0


def test_a_flat_image_has_no_variation():
    _, _, hole = map(torch.from_numpy, _sample(3))
    flat = torch.full((3, 3, 16, 16), 0.25)
    assert float(LOSSES["hole_tv"](flat, flat, hole)) == 0
    assert float(LOSSES["hole_tv"](flat + 0.5, flat, hole)) > 0, "the seam counts"


def test_texture_is_free_for_coarse_losses():
    """Patterns of periods 2 and 4 have no moving mean, wherever they begin; a change of tone costs as much as in pixels."""
    target, hole = torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    hole[..., 8:24, 8:24] = 1
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    for pattern in ((rows + columns) % 2, (columns + 1) % 4 // 2, (rows + 3) % 4 // 2):
        texture = (0.5 - pattern.float()).expand(1, 3, -1, -1)
        inside = smooth(texture)
        assert torch.count_nonzero(inside) == 0
        assert float(LOSSES["hole_l1"](texture, target, hole)) == pytest.approx(0.5)
        assert float(LOSSES["coarse_l1"](texture, target, hole)) < 0.1, "only the hole's edge cuts it"
    assert float(LOSSES["coarse_l1"](target + 0.3, target, hole)) == pytest.approx(0.3)


def test_the_form_for_gpus_is_the_same_mean():
    image = torch.rand(2, 3, 40, 37, generator=torch.Generator().manual_seed(3)) - 0.5
    torch.testing.assert_close(pooled(image), smooth(image), rtol=0, atol=1e-6)


def test_coarse_losses_have_no_grid():
    """The same hole and error cost the same wherever they lie; means over blocks of 4x4 preferred every fourth place."""
    fill, target, hole = (torch.from_numpy(array) for array in _sample(7, size=32))
    outside = torch.ones_like(hole)
    outside[..., 8:20, 8:20] = 0
    hole = hole * (1 - outside)
    for name in ("coarse_l1", "coarse_l2"):
        here = float(LOSSES[name](fill, target, hole))
        for shift in (1, 2, 3):
            there = [image.roll((shift, 2 * shift), (2, 3)) for image in (fill, target, hole)]
            assert float(LOSSES[name](*there)) == pytest.approx(here, rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_coarse_gradient_is_scaled(share):
    """The values stay; of the gradient, the moving mean keeps a share and all that is finer stays whole."""
    image = torch.randn(2, 3, 24, 24, dtype=torch.float64, requires_grad=True)
    wanted = torch.zeros(2, 3, 24, 24, dtype=torch.float64)
    wanted[..., 6:18, 6:18] = torch.randn(2, 3, 12, 12, dtype=torch.float64)  # away from the border, where padding counts
    scaled = scale_coarse_gradient(image, share)
    assert torch.allclose(scaled, image)
    (gradient,) = torch.autograd.grad((scaled * wanted).sum(), image)
    means = torch.stack([torch.from_numpy(_smooth(one.numpy())) for one in wanted])
    assert torch.allclose(gradient, wanted - (1 - share) * means)


def test_a_decibel_costs_the_same_in_every_photo():
    """Twice the error costs ln 4 more wherever the error is far above the floor, in a busy photo as in a calm one; the squared
    error's price differs by their energies, here a hundredfold."""
    target, hole = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)

    def price(name, error):
        return float(LOSSES[name](target + 2 * error, target, hole) - LOSSES[name](target + error, target, hole))

    assert price("hole_log_l2", 1.0) == pytest.approx(np.log(4), rel=2e-3)
    assert price("hole_log_l2", 0.1) == pytest.approx(np.log(4), rel=0.1), "near the floor a little less"
    assert price("hole_log_l2", 0.001) < 0.01, "what is right already has no price"
    assert price("hole_l2", 1.0) == pytest.approx(100 * price("hole_l2", 0.1))
