"""Adversarial losses, the gradient penalty and feature matching: closed forms, finite differences, splitting of batches."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.discriminators import PatchDiscriminator
from models.losses.adversarial import ADVERSARIAL, hole_weights, r1_penalty
from models.losses.feature_matching import feature_matching


def _softplus(x):
    return math.log1p(math.exp(x))


EXPECTED = {
    # game: (one term of the discriminator's loss, of the generator's), written out for single logits
    "non_saturating": (lambda real, fake: _softplus(-real) + _softplus(fake), lambda fake: _softplus(-fake)),
    "hinge": (lambda real, fake: max(0, 1 - real) + max(0, 1 + fake), lambda fake: -fake),
}


def _maps(seed, count=2, side=4):
    """Logits of photographs and fills, and weights of their cells."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(0, 2, (2, count, 1, side, side)).astype(np.float32)
    share = rng.random((count, 1, 1, 1)) * 0.8 + 0.2
    hole = (rng.random((count, 1, 8 * side, 8 * side)) < share).astype(np.float32)
    return torch.from_numpy(real), torch.from_numpy(fake), hole_weights(torch.from_numpy(hole), (side, side))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_games_equal_their_formulas(name):
    real, fake, weights = _maps(0)
    cells = list(zip(real.flatten().tolist(), fake.flatten().tolist(), weights.flatten().tolist(), strict=True))
    of_discriminator, of_generator = EXPECTED[name]
    game = ADVERSARIAL[name]
    expected = sum(w * of_discriminator(r, f) for r, f, w in cells) / 2  # two samples
    assert float(game.discriminator(real, fake, weights)) == pytest.approx(expected, rel=1e-5)
    assert float(game.generator(fake, weights)) == pytest.approx(sum(w * of_generator(f) for _, f, w in cells) / 2, rel=1e-5)
    # The harness can fail: photographs and fills changed places.
    assert float(game.discriminator(fake, real, weights)) != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "real", "fake", "discriminator", "generator"),
    [
        ("non_saturating", 0.0, 0.0, 2 * math.log(2), math.log(2)),
        ("non_saturating", 40.0, -40.0, 0.0, 40.0),  # does not saturate: the generator's loss stays linear
        ("hinge", 0.0, 0.0, 2.0, 0.0),
        ("hinge", 1.0, -1.0, 0.0, 1.0),
        ("hinge", -3.0, 2.0, 7.0, -2.0),
    ],
)
def test_games_at_known_logits(name, real, fake, discriminator, generator):
    weights = torch.full((1, 1, 2, 2), 0.25)
    r, f = torch.full((1, 1, 2, 2), real), torch.full((1, 1, 2, 2), fake)
    assert float(ADVERSARIAL[name].discriminator(r, f, weights)) == pytest.approx(discriminator, abs=1e-6)
    assert float(ADVERSARIAL[name].generator(f, weights)) == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_side_pulls_its_way(name):
    """Descent raises logits of photographs and lowers those of fills for the discriminator; the generator raises the latter."""
    real, fake = torch.zeros(1, 1, 2, 2, requires_grad=True), torch.zeros(1, 1, 2, 2, requires_grad=True)
    weights = torch.full((1, 1, 2, 2), 0.25)
    of_real, of_fake = torch.autograd.grad(ADVERSARIAL[name].discriminator(real, fake, weights), (real, fake))
    (of_fill,) = torch.autograd.grad(ADVERSARIAL[name].generator(fake, weights), fake)
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    assert (of_fill < 0).all()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_kept_cells_do_not_enter(name):
    real, fake, _ = _maps(1)
    hole = torch.zeros(2, 1, 32, 32)
    hole[:, :, :8] = 1  # the uppermost of four rows of cells
    weights = hole_weights(hole, (4, 4))
    game = ADVERSARIAL[name]
    kept, filled = (slice(None), slice(None), slice(1, 4)), (slice(None), slice(None), slice(0, 1))
    before = game.discriminator(real, fake, weights), game.generator(fake, weights)
    for cells, enters in ((kept, False), (filled, True)):
        other_real, other_fake = real.clone(), fake.clone()
        other_real[cells] -= 3
        other_fake[cells] += 3
        assert torch.equal(game.discriminator(other_real, other_fake, weights), before[0]) != enters
        assert torch.equal(game.generator(other_fake, weights), before[1]) != enters


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 6), columns=st.integers(1, 6), cell=st.sampled_from([2, 8, 32]))
@settings(max_examples=40)
def test_weights_are_shares_of_the_hole(seed, rows, columns, cell):
    rng = np.random.default_rng(seed)
    hole = (rng.random((3, 1, rows * cell, columns * cell)) < rng.random((3, 1, 1, 1))).astype(np.float32)
    hole[:, :, 0, 0] = 1  # not empty
    boxes = hole.reshape(3, rows, cell, columns, cell).sum((2, 4), dtype=np.float64)
    weights = hole_weights(torch.from_numpy(hole), (rows, columns))[:, 0].numpy()
    np.testing.assert_allclose(weights, boxes / boxes.sum((1, 2), keepdims=True), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(weights.sum((1, 2)), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL)
@given(seed=st.integers(0, 2**32 - 1), half=st.integers(1, 3))
@settings(max_examples=25)
def test_a_batch_is_the_mean_of_its_halves(name, seed, half):
    real, fake, weights = _maps(seed, 2 * half)
    parts = (slice(half), slice(half, None))
    game = ADVERSARIAL[name]
    halves = torch.stack([game.discriminator(real[p], fake[p], weights[p]) for p in parts])
    torch.testing.assert_close(halves.mean(), game.discriminator(real, fake, weights), rtol=1e-5, atol=1e-6)
    halves = torch.stack([game.generator(fake[p], weights[p]) for p in parts])
    torch.testing.assert_close(halves.mean(), game.generator(fake, weights), rtol=1e-5, atol=1e-6)


def test_penalty_of_a_linear_discriminator_is_the_norm_of_its_weights():
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(2, 3, 8, 8, generator=rng)
    real = torch.randn(5, 3, 8, 8, generator=rng).requires_grad_()
    one, two = ((real * v).sum((1, 2, 3)) for v in w)
    torch.testing.assert_close(r1_penalty(real, [one]), w[0].square().sum())
    # Several maps of logits are added before the norm is taken.
    torch.testing.assert_close(r1_penalty(real, [one, two]), (w[0] + w[1]).square().sum())


def _tiny_discriminator():
    torch.manual_seed(3)
    return PatchDiscriminator(3, (4, 5)).double()


def _penalty(network, photos):
    real = photos.clone().requires_grad_()
    return r1_penalty(real, [network(real).logits])


def test_penalty_equals_finite_differences():
    # Logits are rounded to float32 by the network; in float64, so that differences of them can be taken.
    network = _tiny_discriminator()
    photos = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(4))

    def score(x):
        for layer in network.layers:
            x = torch.nn.functional.leaky_relu(layer(x), 0.2)
        return network.last(x).sum()

    step = 1e-5
    total = 0.0
    with torch.no_grad():
        for index in range(photos.numel()):
            up, down = photos.clone(), photos.clone()
            up.view(-1)[index] += step
            down.view(-1)[index] -= step
            total += float((score(up) - score(down)) / (2 * step)) ** 2
    assert float(_penalty(network, photos).detach()) == pytest.approx(total / 2, rel=1e-4)  # mean over two samples


def test_penalty_is_differentiated_again():
    network = _tiny_discriminator()
    photos = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    _penalty(network, photos).backward()
    for name in ("layers.0.weight", "layers.1.gain", "last.weight"):
        parameter = network.get_parameter(name)
        flat, step = parameter.data.view(-1), 1e-4
        value = float(flat[1])
        ends = []
        for shift in (step, -step):
            flat[1] = value + shift
            ends.append(float(_penalty(network, photos).detach()))
        flat[1] = value
        assert float(parameter.grad.view(-1)[1]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-2, abs=1e-6), name
        assert float(parameter.grad.abs().max()) > 0, name


def test_penalty_of_a_batch_is_the_mean_of_its_halves():
    network = _tiny_discriminator()
    photos = torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    halves = torch.stack([_penalty(network, photos[:2]), _penalty(network, photos[2:])])
    torch.testing.assert_close(halves.mean(), _penalty(network, photos), rtol=1e-6, atol=0)


def _features(seed, count):
    rng = np.random.default_rng(seed)
    shapes = [(count, 5, 8, 8), (count, 7, 4, 4), (count, 2, 1, 1)]
    fake, real = ([rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(2))
    hole = (rng.random((count, 1, 16, 16)) < rng.uniform(0.1, 0.9, (count, 1, 1, 1))).astype(np.float32)
    hole[:, :, 3, 3] = 1
    return fake, real, hole


def _matching(fake, real, hole):
    return feature_matching([torch.from_numpy(f) for f in fake], [torch.from_numpy(r) for r in real], torch.from_numpy(hole))


def _matching_expected(fake, real, hole):
    """Cell by cell: the mean over layers and samples of the mean distance, weighed by the hole's share of the cell."""
    values = []
    for a, b in zip(fake, real, strict=True):
        cell = 16 // a.shape[2]
        for n in range(len(a)):
            sums = [0.0, 0.0]
            for y in range(a.shape[2]):
                for x in range(a.shape[3]):
                    area = float(hole[n, 0, y * cell : (y + 1) * cell, x * cell : (x + 1) * cell].sum())
                    sums[0] += area * float(np.abs(a[n, :, y, x] - b[n, :, y, x]).mean())
                    sums[1] += area
            values.append(sums[0] / sums[1])
    return np.mean(values)


def test_feature_matching_equals_its_formula():
    fake, real, hole = _features(0, 3)
    got = float(_matching(fake, real, hole))
    assert got == pytest.approx(_matching_expected(fake, real, hole), rel=1e-5)
    # The harness can fail: the whole image instead of the hole.
    assert got != pytest.approx(_matching_expected(fake, real, np.ones_like(hole)), rel=1e-4)


@given(seed=st.integers(0, 2**32 - 1), half=st.integers(1, 3))
@settings(max_examples=25)
def test_feature_matching_of_a_batch_is_the_mean_of_its_halves(seed, half):
    fake, real, hole = _features(seed, 2 * half)
    halves = [
        float(_matching([f[part] for f in fake], [r[part] for r in real], hole[part]))
        for part in (slice(half), slice(half, None))
    ]
    assert np.mean(halves) == pytest.approx(float(_matching(fake, real, hole)), rel=1e-5)


def test_feature_matching_teaches_the_generator_only():
    fake, real = torch.randn(1, 2, 4, 4, requires_grad=True), torch.randn(1, 2, 4, 4, requires_grad=True)
    hole = torch.zeros(1, 1, 8, 8)
    hole[:, :, :2] = 1
    feature_matching([fake], [real], hole).backward()
    assert real.grad is None
    assert fake.grad[:, :, 0].all()
    assert not fake.grad[:, :, 1:].any(), "kept cells"
