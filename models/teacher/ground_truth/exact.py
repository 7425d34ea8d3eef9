"""Priors whose denoiser and posterior are known in closed form: the ground truth that samplers are measured against.

An image is a vector here, row by row. For a Gaussian, everything is Gaussian: x given x + sigma n, and x given A x
(Bishop, *Pattern Recognition and Machine Learning*, 2006, eq. 2.113 to 2.117). A mixture adds the responsibilities.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians over images of one shape; with one component, a Gaussian field.

    Attributes:
        weights: (K,) positive, adding up to 1.
        means: (K, D).
        covariances: (K, D, D), positive semi-definite.
        shape: (C, H, W) of an image, D = C H W.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor
    shape: tuple[int, int, int]

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Exact draws, (count, C, H, W)."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=rng)
        roots = symmetric_root(self.covariances)
        noise = torch.randn(count, self.means.shape[1], generator=rng, dtype=self.means.dtype)
        return (self.means[which] + torch.einsum("nij,nj->ni", roots[which], noise)).view(count, *self.shape)

    def denoiser(self, x: Tensor, sigma: float) -> Tensor:
        """E[x_0 | x_0 + sigma n = x], a :class:`~models.teacher.denoiser.Denoiser`; exact, differentiable."""
        flat = x.flatten(1)
        answers, logs = [], []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            noisy = covariance + sigma**2 * torch.eye(len(mean), dtype=mean.dtype)
            # sigma can be 1e-2 and the field smooth: in float64, or the inverse loses what it is there for.
            gain = torch.linalg.solve(noisy.double(), covariance.double()).to(mean.dtype)
            answers.append(mean + (flat - mean) @ gain)
            if len(self.weights) == 1:
                return answers[0].view_as(x)  # its share is 1
            logs.append(torch.log(weight) + _log_normal(flat - mean, noisy))
        shares = torch.softmax(torch.stack(logs), 0)
        return torch.einsum("kn,knd->nd", shares, torch.stack(answers)).view_as(x)

    def posterior(self, matrix: Tensor, y: Tensor, sigma_y: float = 0.0) -> "Mixture":
        """The images given y = A x + sigma_y n.

        Args:
            matrix: A, (M, D), of full row rank.
            y: (M,).
            sigma_y: noise of the measurement.

        Returns:
            A mixture with the same number of components; kept directions have no variance where sigma_y is 0.
        """
        logs, means, covariances = [], [], []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            seen = matrix @ covariance @ matrix.T + sigma_y**2 * torch.eye(len(y), dtype=y.dtype)
            gain = torch.linalg.solve(seen, matrix @ covariance).T
            means.append(mean + gain @ (y - matrix @ mean))
            rest = covariance - gain @ matrix @ covariance
            covariances.append((rest + rest.T) / 2)
            logs.append(torch.log(weight) + _log_normal((y - matrix @ mean)[None], seen)[0])
        return Mixture(torch.softmax(torch.stack(logs), 0), torch.stack(means), torch.stack(covariances), self.shape)

    def log_likelihood(self, x: Tensor, sigma: float, matrix: Tensor, y: Tensor, sigma_y: float = 0.0) -> Tensor:
        """log p(y | x_0 + sigma n = x), (N,), of one component: what a perfect classifier would say. For guidance.

        Raises:
            ValueError: several components.
        """
        if len(self.weights) != 1:
            raise ValueError("the exact likelihood is that of a single Gaussian")
        mean, covariance = self.means[0], self.covariances[0]
        gain = torch.linalg.solve(covariance + sigma**2 * torch.eye(len(mean), dtype=mean.dtype), covariance)
        left = covariance - covariance @ gain
        spread = matrix @ left @ matrix.T + sigma_y**2 * torch.eye(len(y), dtype=y.dtype)
        clean = mean + (x.flatten(1) - mean) @ gain
        return _log_normal(y - clean @ matrix.T, spread)

    def mean(self) -> Tensor:
        """(D,)."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """(D, D), of the whole mixture."""
        apart = self.means - self.mean()
        return torch.einsum("k,kij->ij", self.weights, self.covariances) + torch.einsum("k,ki,kj->ij", self.weights, apart, apart)

    def responsibilities(self, x: Tensor, ridge: float = 1e-6) -> Tensor:
        """Share of each component in given images, (N, K); ``ridge`` is added to the covariances, which may be singular."""
        flat = x.flatten(1)
        eye = ridge * torch.eye(flat.shape[1], dtype=flat.dtype)
        rows = zip(self.weights, self.means, self.covariances, strict=True)
        return torch.softmax(torch.stack([torch.log(w) + _log_normal(flat - m, c + eye) for w, m, c in rows], 1), 1)


def gaussian_field(side: int, length: float, *, mean: float = 0.0, dtype: torch.dtype = torch.float64) -> Mixture:
    """A grey image of side x side pixels with covariance exp(-d^2 / (2 length^2)) of pixels d apart, variance 1.

    Args:
        side: of the image.
        length: of the correlation, in pixels.
        mean: of every pixel.
        dtype: of all its tables.
    """
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    places = torch.stack([rows.flatten(), columns.flatten()], 1).to(torch.float64)
    covariance = torch.exp(-torch.cdist(places, places).square() / (2 * length**2)).to(dtype)
    count = side * side
    means = torch.full((1, count), mean, dtype=dtype)
    return Mixture(torch.ones(1, dtype=dtype), means, covariance[None], (1, side, side))


def symmetric_root(covariance: Tensor) -> Tensor:
    """The symmetric S with S S = covariance, (..., D, D); noise times S has that covariance.

    Of all roots it is the one that no library chooses: the signs of eigenvectors, and their directions where eigenvalues are
    equal, are LAPACK's to choose and differ between processors, and they cancel in V sqrt(L) V^T. A Cholesky factor is as unique
    and does not exist where a covariance is singular, as a posterior with kept pixels is.

    Args:
        covariance: (..., D, D), symmetric; eigenvalues below 0 are rounding and count as 0.
    """
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt().unsqueeze(-2)) @ vectors.mT


def keep_matrix(known: Tensor) -> Tensor:
    """Rows of the identity for the kept pixels of a mask of (H, W) or (D,) bool."""
    flat = known.flatten()
    return torch.eye(len(flat), dtype=torch.float64)[flat]


def _log_normal(apart: Tensor, covariance: Tensor) -> Tensor:
    """log N(apart; 0, covariance), (N,)."""
    root = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(root, apart.T, upper=False)
    count = covariance.shape[0]
    return -0.5 * (white.square().sum(0) + count * math.log(2 * math.pi)) - torch.log(torch.diagonal(root)).sum()
