"""How far a sampler's draws are from the posterior that they should come from, on problems whose posterior is known."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.teacher.ground_truth.exact import Mixture, gaussian_field, keep_matrix, symmetric_root
from models.teacher.guidance import Guidance
from models.teacher.observation import Keep, Observation
from models.teacher.schedule import Schedule, linear_schedule

SIDE, LENGTH, OBSERVATIONS = 4, 1.5, 8
"""A grey image of 4x4 pixels, correlated over 1.5 of them; averages are over 8 observations."""


@dataclass(frozen=True)
class Problem:
    """A prior and images of it of which some pixels are kept.

    Attributes:
        prior: of the images.
        truths: (K, 1, side, side), the images.
        known: (K, 1, side, side) bool, what is kept of each.
    """

    prior: Mixture
    truths: Tensor
    known: Tensor

    def posteriors(self) -> list[Mixture]:
        """Of each image, given its kept pixels."""
        pairs = zip(self.truths, self.known, strict=True)
        return [self.prior.posterior(keep_matrix(known), truth[known]) for truth, known in pairs]


@dataclass(frozen=True)
class Errors:
    """Means over the images of a problem; all are relative, 0 is perfect.

    Attributes:
        mean: |sample mean - posterior mean| / sqrt(trace of the posterior covariance), over the unknown pixels.
        covariance: Frobenius norm of the difference of covariances over that of the posterior's.
        floor: the covariance error of as many exact draws, sqrt((tr(S)^2 / ||S||_F^2 + 1) / n).
        shares: largest difference of a component's share in the draws from its share in the posterior; 0 for one component.
    """

    mean: float
    covariance: float
    floor: float
    shares: float


def field_problem(*, random_masks: bool = False) -> Problem:
    """A Gaussian field of which the upper half is known, or random pixels (half of them on average).

    Where bars are measured, with the upper half known, the images are not drawn: how far a method's mean is off is
    proportional to what is seen, and differs by a sixth (standard deviation) between one set of eight draws and the next.
    """
    field = gaussian_field(SIDE, LENGTH)
    if random_masks:
        return _drawn(field, random_masks)
    known = _upper_half()
    return Problem(field, _sigma_points(field, known[0].flatten()), known)


def mixture_problem(*, random_masks: bool = False) -> Problem:
    """Three components. Two of them agree in the upper half, so that a kept upper half leaves both possible below."""
    field = gaussian_field(SIDE, LENGTH)
    upper, lower = torch.zeros(SIDE, SIDE).double(), torch.zeros(SIDE, SIDE).double()
    upper[: SIDE // 2], lower[SIDE // 2 :] = 1, 1
    means = torch.stack([(upper + lower).flatten(), (0.8 * upper - lower).flatten(), (lower - upper).flatten()])
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    covariances = 0.25 * field.covariances.expand(3, -1, -1) + 0.01 * torch.eye(SIDE * SIDE, dtype=torch.float64)
    return _drawn(Mixture(weights, means, covariances, field.shape), random_masks)


def _upper_half() -> Tensor:
    known = torch.zeros(OBSERVATIONS, 1, SIDE, SIDE, dtype=torch.bool)
    known[:, :, : SIDE // 2] = True
    return known


def _drawn(prior: Mixture, random_masks: bool) -> Problem:
    truths = torch.cat([prior.sample(1, torch.Generator().manual_seed(seed)) for seed in range(OBSERVATIONS)])
    known = _upper_half()
    if random_masks:
        for seed, mask in enumerate(known):
            order = torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(100 + seed))
            mask.view(-1)[:] = False
            mask.view(-1)[order[: 4 + seed]] = True  # 4 to 11 of 16 pixels
    return Problem(prior, truths, known)


def _sigma_points(field: Mixture, known: Tensor) -> Tensor:
    """As many images as kept pixels, whose second moments over the kept pixels are the field's own.

    With S S = C, the columns of sqrt(M) S have the moments of C (Julier and Uhlmann, 1997, without the centre). Hidden pixels are
    as far from their mean as a draw is on average: were they the mean itself, a sampler that looked at them would pass.

    Args:
        field: a single Gaussian.
        known: (D,) bool with M true.
    """
    mean, covariance = field.means[0], field.covariances[0]
    count = int(known.sum())
    apart = math.sqrt(count) * symmetric_root(covariance[known][:, known])
    spread = symmetric_root(field.posterior(keep_matrix(known), mean[known]).covariance()).sum(0)
    images = mean + apart @ torch.linalg.solve(covariance[known][:, known], covariance[known]) + spread
    images[:, known] = mean[known] + apart
    return images.view(count, *field.shape)


def draw(
    sample: Callable[..., Tensor],
    problem: Problem,
    schedule: Schedule,
    count: int,
    seed: int = 0,
    *,
    conditional: bool = True,
    **knobs: object,
) -> Tensor:
    """Draws for all images of a problem at once, (K, count, D).

    Args:
        sample: a sampler's function.
        problem: what to draw from.
        schedule: T and its variances.
        count: draws for each image.
        seed: of all noise.
        conditional: whether the sampler is given the kept pixels.
        knobs: of the sampler.
    """
    rng = torch.Generator().manual_seed(seed)
    images = len(problem.truths)
    known = problem.known.repeat_interleave(count, 0)
    y = torch.where(known, problem.truths.repeat_interleave(count, 0), torch.zeros(()).double())
    x = torch.randn(images * count, 1, SIDE, SIDE, generator=rng, dtype=torch.float64)
    observation = Observation(Keep(known), y) if conditional else None
    result = sample(problem.prior.denoiser, x, schedule, observation, rng=rng, **knobs)
    return result.reshape(images, count, -1)


def errors(problem: Problem, draws: Tensor) -> Errors:
    """Compare draws, (K, count, D), with the posteriors."""
    found = []
    for posterior, one, known in zip(problem.posteriors(), draws, problem.known, strict=True):
        free = ~known.flatten()
        mean, covariance = posterior.mean()[free], posterior.covariance()[free][:, free]
        trace, norm = covariance.trace(), covariance.norm()
        shares = (problem.prior.responsibilities(one).mean(0) - posterior.weights).abs().max()
        found.append(
            (
                float((one[:, free].mean(0) - mean).norm() / trace.sqrt()),
                float((torch.cov(one[:, free].T) - covariance).norm() / norm),
                math.sqrt((float(trace) ** 2 / float(norm) ** 2 + 1) / len(one)),
                float(shares) if len(posterior.weights) > 1 else 0.0,
            )
        )
    return Errors(*(sum(column) / len(found) for column in zip(*found, strict=True)))


def exact_guidance(problem: Problem, image: int) -> Guidance:
    """log p(y | x_t) of one image of a Gaussian problem: what a perfect classifier says."""
    known = problem.known[image]
    matrix, y = keep_matrix(known), problem.truths[image][known]

    def log_density(x: Tensor, schedule: Schedule, t: int) -> Tensor:
        clean = x / math.sqrt(float(schedule.alpha_bar[t]))
        return problem.prior.log_likelihood(clean, schedule.sigma(t), matrix, y)

    return log_density


def prior_errors(problem: Problem, count: int, seed: int = 0) -> Errors:
    """Errors of draws from the prior, which know nothing of the kept pixels: what every method has to beat."""
    rng = torch.Generator().manual_seed(seed)
    draws = torch.stack([problem.prior.sample(count, rng).flatten(1) for _ in problem.truths])
    return errors(problem, draws)


def exact_errors(problem: Problem, count: int, seed: int = 0) -> Errors:
    """Errors of exact draws from the posteriors: what no method can beat but by chance."""
    rng = torch.Generator().manual_seed(seed)
    return errors(problem, torch.stack([p.sample(count, rng).flatten(1) for p in problem.posteriors()]))


def default_schedule(steps: int) -> Schedule:
    """The schedule of every figure here: Ho et al.'s, scaled to the number of steps."""
    return linear_schedule(steps)
