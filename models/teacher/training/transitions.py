"""The game of Denoising Diffusion GANs: x_{t-1} as it follows from x_t for photographs, against x_{t-1} by way of a drawn x_0."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.losses.adversarial import r1_penalty
from models.teacher.schedule import Schedule


@dataclass(frozen=True)
class Transition:
    """A pair of neighbouring states of the forward process: x_{t-1}, x_t (N, ...), and t (N,) from 1."""

    before: Tensor
    now: Tensor
    steps: Tensor


def diffuse(clean: Tensor, steps: Tensor, noise: Tensor, schedule: Schedule) -> Transition:
    """x_{t-1} from q(x_{t-1} | x_0) and x_t from q(x_t | x_{t-1}) (Ho et al., 2020, eq. 4 and 2).

    Args:
        clean: (N, ...), x_0.
        steps: (N,) int64 from 1.
        noise: (N, K, ...) standard normal; the first two of K are used.
        schedule: its variances.
    """
    alpha_bar, betas = _like(schedule.alpha_bar[steps.cpu() - 1], clean), _like(schedule.betas[steps.cpu()], clean)
    before = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise[:, 0]
    return Transition(before, (1 - betas).sqrt() * before + betas.sqrt() * noise[:, 1], steps)


def draw_before(clean: Tensor, pair: Transition, noise: Tensor, schedule: Schedule) -> Tensor:
    """x_{t-1} from q(x_{t-1} | x_t, x_0) for a batch of different steps (Ho et al., 2020, eq. 6 and 7).

    Args:
        clean: (N, ...), x_0.
        pair: its ``now`` and ``steps`` are used.
        noise: (N, ...) standard normal.
        schedule: its variances.
    """
    parts = torch.tensor([schedule.posterior(int(t)) for t in pair.steps], dtype=torch.float64)
    from_clean, from_now, variance = (_like(values, clean) for values in parts.T)
    return from_clean * clean + from_now * pair.now + variance.sqrt() * noise


def _like(values: Tensor, data: Tensor) -> Tensor:
    return values.to(data).view(-1, *(data.dim() - 1) * (1,))


@dataclass(frozen=True)
class AdversarialLosses:
    """Losses of one step, scalars.

    Attributes:
        generator: softplus(-D) of what was generated (non-saturating; Xiao et al., 2022, eq. 5).
        discriminator: softplus(-D) of photographs + softplus(D) of what was generated (eq. 4).
        reconstruction: mean |generated x_0 - x_0| (Phung et al., 2023, eq. 9).
        penalty: squared norm of D's gradient at photographs' x_{t-1}; None where it was not asked for.
    """

    generator: Tensor
    discriminator: Tensor
    reconstruction: Tensor
    penalty: Tensor | None


def adversarial_losses(
    generator: nn.Module,
    discriminator: nn.Module,
    clean: Tensor,
    steps: Tensor,
    noise: Tensor,
    latents: Tensor,
    schedule: Schedule,
    *,
    with_penalty: bool,
) -> AdversarialLosses:
    """Losses of both networks at the same weights; the generator's does not reach the discriminator's parameters.

    Args:
        generator: (x_t, t, z) -> x_0.
        discriminator: (x_{t-1}, x_t, t) -> (N,) logits.
        clean: (N, ...), x_0 of photographs.
        steps: (N,) int64 from 1.
        noise: (N, 3, ...) standard normal.
        latents: (N, L) standard normal.
        schedule: of a few steps.
        with_penalty: whether to take the gradient penalty.
    """
    pair = diffuse(clean, steps, noise, schedule)
    answer = generator(pair.now, steps, latents).float()
    fake = draw_before(answer, pair, noise[:, 2], schedule)
    both = discriminator(
        torch.cat([pair.before, fake.detach()]), torch.cat([pair.now, pair.now]), torch.cat([steps, steps])
    ).float()
    own = F.softplus(-both[: len(clean)]).mean() + F.softplus(both[len(clean) :]).mean()
    discriminator.requires_grad_(False)
    try:
        generator_loss = F.softplus(-discriminator(fake, pair.now, steps).float()).mean()
    finally:
        discriminator.requires_grad_(True)
    penalty = None
    if with_penalty:
        # In float32 whatever is around it: second derivatives are beyond what bf16 resolves.
        with torch.autocast(clean.device.type, enabled=False):
            real = pair.before.detach().requires_grad_()
            penalty = r1_penalty(real, [discriminator(real, pair.now, steps)])
    return AdversarialLosses(generator_loss, own, (answer - clean).abs().mean(), penalty)
