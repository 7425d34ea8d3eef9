"""The ground truth itself, against integrals taken numerically on a grid."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from models.teacher.ground_truth.closed_form import draw, field_problem, mixture_problem
from models.teacher.ground_truth.exact import Mixture, gaussian_field, keep_matrix, symmetric_root
from models.teacher.samplers import SAMPLERS
from models.teacher.schedule import linear_schedule

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


def test_the_likelihood_of_a_noisy_image():
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


EIGH = torch.linalg.eigh
GROUP = 1e-9
"""Eigenvalues closer than this share of the largest are taken for equal; rounding parts them by some 1e-16."""


def other_lapack(matrix):
    """What another LAPACK may answer: other signs, and another basis wherever eigenvalues are equal."""
    values, vectors = EIGH(matrix)
    shape = vectors.shape
    vectors = vectors.reshape(-1, *shape[-2:]).clone()
    rng = torch.Generator().manual_seed(9)
    for row, basis in zip(values.reshape(-1, shape[-1]), vectors, strict=True):
        begins = [0, *(k for k in range(1, len(row)) if row[k] - row[k - 1] > GROUP * row[-1]), len(row)]
        for first, last in itertools.pairwise(begins):
            axis = torch.randn(last - first, generator=rng, dtype=row.dtype)
            axis /= axis.norm()
            # A reflection: of one vector its sign, of several a mixture.
            basis[:, first:last] @= torch.eye(last - first, dtype=row.dtype) - 2 * torch.outer(axis, axis)
    return torch.return_types.linalg_eigh((values, vectors.view(shape)))


def random_outcomes():
    """Everything here that is drawn: images, exact draws of singular posteriors, and what a sampler makes of them."""
    problems = [make(random_masks=masks) for make in (field_problem, mixture_problem) for masks in (False, True)]
    rng = torch.Generator().manual_seed(0)
    found = [problem.truths for problem in problems]
    found += [posterior.sample(16, rng) for problem in problems for posterior in problem.posteriors()]
    found += [draw(SAMPLERS["repaint"].sample, problem, linear_schedule(50), 8, travel_repeat=2) for problem in problems]
    return torch.cat([one.flatten() for one in found])


def test_nothing_depends_on_what_lapack_may_choose(monkeypatch):
    expected = random_outcomes()
    monkeypatch.setattr(torch.linalg, "eigh", other_lapack)
    # Rounding of a variance of 0 is 1e-16 of the field's, and a root of it 1e-8.
    assert float((random_outcomes() - expected).abs().max()) < 1e-6


def test_another_lapack_is_an_eigendecomposition_with_other_vectors():
    """The harness can fail: eigenvectors times roots of eigenvalues, which is a root too, is another one with it."""
    covariance = gaussian_field(4, 1.5).covariances[0]
    (values, vectors), (same, others) = EIGH(covariance), other_lapack(covariance)
    assert torch.equal(values, same)
    assert torch.allclose(others @ torch.diag(same) @ others.T, covariance, atol=1e-12)
    assert int((torch.diff(values) < GROUP * values[-1]).sum()) > 0, "the square's symmetry makes eigenvalues equal"
    roots = [v * values.clamp_min(0).sqrt() for v in (vectors, others)]
    assert float((roots[0].abs() - roots[1].abs()).abs().max()) > 0.1, "more than signs"


def test_the_symmetric_root_is_one():
    for covariance in (gaussian_field(4, 1.5).covariances, PRIOR.covariances, torch.zeros(1, 2, 2).double()):
        root = symmetric_root(covariance)
        assert torch.allclose(root @ root, covariance, atol=1e-12)
        assert torch.allclose(root, root.mT, atol=1e-12)


def test_observations_have_the_moments_of_the_field():
    """Over the kept pixels exactly; hidden pixels are as far from the posterior's mean as its draws are on average."""
    problem = field_problem()
    seen = problem.truths.flatten(1)[:, problem.known[0].flatten()]
    expected = problem.prior.covariance()[:8, :8]
    assert torch.allclose(seen.T @ seen / len(seen), expected, atol=1e-12)
    for truth, posterior in zip(problem.truths, problem.posteriors(), strict=True):
        apart, covariance = (truth.flatten() - posterior.mean())[8:], posterior.covariance()[8:, 8:]
        # A squared Mahalanobis distance of draws has the number of dimensions as its mean.
        assert float(apart @ torch.linalg.solve(covariance, apart)) == pytest.approx(8, rel=1e-6)
