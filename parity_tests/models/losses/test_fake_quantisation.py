"""Rounding inside training: the grid is the quantiser's, gradients pass, and after it rounding moves a fill less."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint import SHIPPED, load_checkpoint
from models.data.masks import sample_mask
from models.generator import Generator
from models.losses.fake_quantisation import (
    ACTIVATION_STEPS,
    WEIGHT_STEPS,
    fake_quantise_activation,
    fake_quantise_weight,
    fake_quantised_fill,
    fake_quantised_layers,
)
from models.losses.hole_l2 import hole_l2
from models.training.batches import make_batch
from models.training.config import PRESETS
from models.training.state import TrainState
from models.training.step import train_step
from parity_tests.support.train_tiny import CPU, TINY, Smooth, alone, register
from quantize.affine import affine_parameters, weight_integers, weight_scales
from quantize.table import QuantizationTable, calibration_path


@given(st.integers(0, 2**31), st.integers(1, 3))
def test_weights_lie_on_the_quantisers_grid(seed, kernel):
    weight = np.random.default_rng(seed).normal(size=(4, 3, kernel, kernel)).astype(np.float32)
    scales = weight_scales(weight)
    expected = weight_integers(weight, scales) * scales.reshape(-1, 1, 1, 1)
    assert fake_quantise_weight(torch.from_numpy(weight)).numpy() == pytest.approx(expected, rel=1e-5, abs=1e-7)


@given(st.integers(0, 2**31), st.floats(-2, 2), st.floats(1e-3, 1e3))
def test_activations_lie_on_a_grid_through_zero_of_each_sample(seed, shift, scale):
    x = (np.random.default_rng(seed).normal(size=(2, 3, 4, 4)) * scale + shift * scale).astype(np.float32)
    got = fake_quantise_activation(torch.from_numpy(x)).numpy()
    for sample, rounded in zip(x, got, strict=True):
        step = 255 / 127 * affine_parameters(float(sample.min()), float(sample.max()))[0]
        places = rounded / step
        assert places == pytest.approx(np.rint(places), abs=1e-3)
        assert np.abs(rounded - sample).max() <= 0.5001 * step
        assert len(np.unique(np.rint(places))) > 1


def test_nothing_but_zeros_stays_zero():
    assert torch.equal(fake_quantise_activation(torch.zeros(2, 1, 3, 3)), torch.zeros(2, 1, 3, 3))
    assert torch.equal(fake_quantise_weight(torch.zeros(2, 1, 3, 3)), torch.zeros(2, 1, 3, 3))


def _grid_gradient(x, slope, steps):
    """What the width of the grid adds (Esser et al., 2020, eq. 3), one channel or sample at a time, as the formula reads.

    ``steps`` is that of the rule; (n, values) float64 each.
    """
    extra = np.zeros_like(x)
    for row, weights, own in zip(x, slope, extra, strict=True):
        if steps == WEIGHT_STEPS:
            ends = {int(np.abs(row).argmax()): np.sign(row[np.abs(row).argmax()])}
            width = np.abs(row).max()
        else:
            ends = {int(row.argmax()): 1.0, int(row.argmin()): -1.0}  # both signs occur in these samples
            width = row.max() - row.min()
        places = row * steps / width
        for place, sign in ends.items():
            own[place] = sign / steps * (weights * (np.round(places) - places)).sum()
    return extra


@pytest.mark.parametrize(("rule", "steps"), [(fake_quantise_weight, WEIGHT_STEPS), (fake_quantise_activation, ACTIVATION_STEPS)])
def test_gradients_pass_as_if_nothing_were_rounded_but_for_the_width_of_the_grid(rule, steps):
    rng = torch.Generator().manual_seed(5)
    x = torch.randn(2, 3, 4, 4, generator=rng, dtype=torch.float64).requires_grad_()
    slope = torch.randn(2, 3, 4, 4, generator=rng, dtype=torch.float64)
    (rule(x) * slope).sum().backward()
    extra = _grid_gradient(x.detach().flatten(1).numpy(), slope.flatten(1).numpy(), steps)
    np.testing.assert_allclose((x.grad - slope).flatten(1).numpy(), extra, atol=1e-9)
    assert (extra != 0).sum() == (2 if steps == WEIGHT_STEPS else 4), "only the ends of the range move the grid"


def test_the_quantised_programs_tensors_are_rounded_and_no_others():
    table = QuantizationTable.load(calibration_path(SHIPPED)).activations
    generator = load_checkpoint(SHIPPED)
    assert {name.replace("grain", "analysis") for name in fake_quantised_layers(generator)} == set(table)


def _example(count=2):
    rng = np.random.default_rng(3)
    side = 32
    holes = torch.from_numpy(np.stack([sample_mask(side, rng)[1] for _ in range(count)]))[:, None].float()
    photos = torch.stack([torch.tensor(Smooth().crop(side, rng)).permute(2, 0, 1) for _ in range(count)]).float() / 127.5 - 1
    return photos, holes


def test_the_network_is_left_as_it_was():
    generator = Generator(TINY)
    before = copy.deepcopy(generator.state_dict())
    photos, holes = _example()
    with torch.no_grad():
        plain = generator(photos * (1 - holes), holes)
        rough = fake_quantised_fill(generator, photos * (1 - holes), holes)
        again = generator(photos * (1 - holes), holes)
    assert torch.equal(plain, again)
    assert not torch.equal(plain, rough)
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def test_a_batch_is_rounded_sample_by_sample():
    """Splitting a batch over processes changes nothing; with one range for all samples it would."""
    generator = Generator(TINY)
    photos, holes = _example(3)
    photos[1] *= 0.1
    with torch.no_grad():
        together = fake_quantised_fill(generator, photos * (1 - holes), holes)
        apart = torch.cat(
            [fake_quantised_fill(generator, photos[i : i + 1] * (1 - holes[i : i + 1]), holes[i : i + 1]) for i in range(3)]
        )
    # Convolutions of other batches add up in another order; a value between two steps may then fall to the other side.
    assert (together - apart).abs().mean() < 0.02 * (together - generator(photos * (1 - holes), holes)).abs().mean()


def test_training_with_it_brings_the_rounded_fill_nearer(monkeypatch):
    """From the same weights, on the same batch, with and without: the planted error is a weight of zero."""
    register(monkeypatch.setitem)
    config = dataclasses.replace(PRESETS["tiny"], stages=((0, 64, 4),), steps=60, decay_steps=0, learning_rate=5e-3)
    config = dataclasses.replace(config, losses={"hole_l1": 1.0}, fake_quantisation_interval=1)
    batch, engine = make_batch(Smooth(), config, 0), alone()
    distance = {}
    for weight in (0.0, 3000.0):
        changed = dataclasses.replace(config, fake_quantisation=weight)
        state = TrainState.fresh(changed, CPU)
        for _ in range(config.steps):
            figures = train_step(state, batch, changed, engine)
        real, hole = batch.photos.float() / 127.5 - 1, batch.holes.float()
        with torch.no_grad():
            fill = state.generator(real * (1 - hole), hole)
            distance[weight] = float(hole_l2(fake_quantised_fill(state.generator, real * (1 - hole), hole), fill, hole))
        assert ("fake_quantisation" in figures) == (weight > 0)
    assert distance[3000.0] < 0.7 * distance[0.0]
