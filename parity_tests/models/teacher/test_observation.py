"""Operators: pseudo-inverse, adjoint, compositions; what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.teacher.observation import BlockAverage, Compose, Grey, Keep, NonLinearObservation, Observation

MASK = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3)) > 0.4
GREY_MASK = MASK[:, :, :4, :4]

OPERATORS = {
    "keep": Keep(MASK),
    "grey": Grey(),
    "blocks of 4": BlockAverage(4),
    "grey blocks": Compose(Grey(), BlockAverage(2)),
    "blocks of grey": Compose(BlockAverage(2), Grey()),
    "kept grey": Compose(Keep(MASK), Grey()),
    "kept grey blocks": Compose(Keep(GREY_MASK), Compose(BlockAverage(2), Grey())),
}


def images(seed, dtype=torch.float64):
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("name", OPERATORS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_pseudo_inverse(name, seed):
    """A A^+ = I on measurements; <A x, y> = gram <x, A^+ y>, so A^+ = A^T / gram and A A^T = gram I."""
    operator = OPERATORS[name]
    x = images(seed)
    y = operator.measured(torch.randn(operator.apply(x).shape, generator=torch.Generator().manual_seed(seed + 1)).double())
    assert (operator.apply(operator.pinv(y)) - y).abs().max() < 1e-6
    assert float((operator.apply(x) * y).sum()) == pytest.approx(operator.gram * float((x * operator.pinv(y)).sum()), abs=1e-9)


@pytest.mark.parametrize("name", OPERATORS)
def test_corrected_images_fit(name):
    operator = OPERATORS[name]
    y = operator.apply(images(0))
    observation = Observation(operator, y)
    x = images(1)
    fitted = observation.corrected(x)
    assert observation.mismatch(fitted).max() < 1e-6
    assert observation.mismatch(x).max() > 0.1
    # What the measurement does not see is left alone, and half a correction goes half the way.
    assert ((fitted - observation.part(fitted)) - (x - observation.part(x))).abs().max() < 1e-9
    assert torch.allclose(observation.corrected(x, 0.5), (x + fitted) / 2)


def test_kept_pixels_are_exact():
    x, y = images(2, torch.float32), images(3, torch.float32)
    observation = Observation(Keep(MASK), y)
    kept = MASK.expand_as(x)
    assert torch.equal(observation.corrected(x)[kept], y[kept])
    assert torch.equal(observation.corrected(x)[~kept], x[~kept])


class Doubled(Grey):
    """Planted: a pseudo-inverse that is twice too large."""

    def pinv(self, y):
        return 2 * super().pinv(y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Observation(Doubled(), images(0)[:, :1]), "not the identity"),
        (lambda: Observation(Compose(BlockAverage(4), Keep(MASK)), torch.zeros(2, 3, 2, 2)), "not the identity"),
        (lambda: Observation(Grey(), images(0)[:, :1], sigma_y=-0.1), "sigma_y is -0.1"),
        (lambda: Observation(Grey(), images(0)[:, :1], sigma_y=float("nan")), "sigma_y"),
        (lambda: Observation(Grey(), images(0)[:, :1] / 0), "finite"),
        (lambda: BlockAverage(3).apply(images(0)), "blocks of 3x3"),
        (lambda: NonLinearObservation(torch.round, lambda y: y + 0.7, torch.zeros(1, 1, 2, 2)), "off by"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
