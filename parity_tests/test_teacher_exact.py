"""The ground truth itself, against integrals taken numerically on a grid."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from models.teacher.exact import Mixture, gaussian_field, keep_matrix

PRIOR = Mixture(
    torch.tensor([0.6, 0.4], dtype=torch.float64),
    torch.tensor([[0.5, -0.3], [-1.0, 0.8]], dtype=torch.float64),
    torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.2, -0.05], [-0.05, 0.4]]], dtype=torch.float64),
    (1, 1, 2),
)
AXIS = np.linspace(-5, 5, 501)
GRID = np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"), -1)


def density(prior):
    parts = zip(prior.weights.numpy(), prior.means.numpy(), prior.covariances.numpy(), strict=True)
    return sum(w * multivariate_normal(m, c).pdf(GRID) for w, m, c in parts)


def expectation(weights):
    weights = weights / weights.sum()
    mean = np.einsum("ij,ijd->d", weights, GRID)
    return mean, np.einsum("ij,ija,ijb->ab", weights, GRID - mean, GRID - mean)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_the_denoiser_is_the_posterior_mean(sigma):
    x = torch.tensor([0.4, -1.2], dtype=torch.float64).view(1, 1, 1, 2)
    likelihood = np.exp(-((GRID - x.flatten().numpy()) ** 2).sum(-1) / (2 * sigma**2))
    expected, _ = expectation(density(PRIOR) * likelihood)
    assert PRIOR.denoiser(x, sigma).flatten().numpy() == pytest.approx(expected, abs=1e-6)


def test_the_posterior_is_bayes_rule():
    matrix, y, sigma_y = torch.tensor([[0.5, 1.0]], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64), 0.4
    likelihood = np.exp(-((GRID @ matrix[0].numpy() - float(y[0])) ** 2) / (2 * sigma_y**2))
    mean, covariance = expectation(density(PRIOR) * likelihood)
    posterior = PRIOR.posterior(matrix, y, sigma_y)
    assert posterior.mean().numpy() == pytest.approx(mean, abs=1e-6)
    assert posterior.covariance().numpy() == pytest.approx(covariance, abs=1e-6)


def test_a_kept_pixel_is_kept():
    posterior = PRIOR.posterior(keep_matrix(torch.tensor([True, False])), torch.tensor([0.2], dtype=torch.float64))
    assert posterior.means[:, 0].numpy() == pytest.approx([0.2, 0.2])
    assert float(posterior.covariances[:, 0].abs().max()) < 1e-12
    column = np.exp(-((AXIS[:, None] - 0.2) ** 2) / (2 * 0.01**2)) * density(PRIOR)
    assert float(posterior.mean()[1]) == pytest.approx(expectation(column)[0][1], abs=2e-3)


def test_the_likelihood_of_a_noisy_picture():
    """p(y | x_0 + sigma n = x) as an integral over x_0."""
    field = Mixture(torch.ones(1).double(), PRIOR.means[:1], PRIOR.covariances[:1], (1, 1, 2))
    matrix, y, sigma, sigma_y = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([0.3]).double(), 0.7, 0.5
    x = torch.tensor([0.4, -1.2], dtype=torch.float64).view(1, 1, 1, 2)
    weights = density(field) * np.exp(-((GRID - x.flatten().numpy()) ** 2).sum(-1) / (2 * sigma**2))
    weights /= weights.sum()
    likelihood = np.exp(-((GRID[..., 0] - 0.3) ** 2) / (2 * sigma_y**2)) / np.sqrt(2 * np.pi * sigma_y**2)
    expected = np.log((weights * likelihood).sum())
    assert float(field.log_likelihood(x, sigma, matrix, y, sigma_y)[0]) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="single Gaussian"):
        PRIOR.log_likelihood(x, sigma, matrix, y)


def test_draws_have_the_moments():
    draws = PRIOR.sample(200_000, torch.Generator().manual_seed(0)).flatten(1)
    assert draws.mean(0).numpy() == pytest.approx(PRIOR.mean().numpy(), abs=0.01)
    assert torch.cov(draws.T).numpy() == pytest.approx(PRIOR.covariance().numpy(), abs=0.01)
    assert PRIOR.responsibilities(draws.view(-1, 1, 1, 2)).mean(0).numpy() == pytest.approx([0.6, 0.4], abs=0.01)


def test_the_field():
    field = gaussian_field(4, 1.5)
    assert float(field.covariance()[0, 1]) == pytest.approx(np.exp(-1 / (2 * 1.5**2)))
    assert float(field.covariance()[0, 5]) == pytest.approx(np.exp(-2 / (2 * 1.5**2)))
