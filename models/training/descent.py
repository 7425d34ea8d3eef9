"""The end of every step, whatever is trained: gradients over all processes, clipped, looked at, and taken."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.training.run_config import RunConfig
from models.training.run_state import RunState

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.engine import Engine


class Diverged(ValueError):
    """A loss is no longer a number; the message names the step and the loss."""


def descend(state: RunState, config: RunConfig, engine: "Engine", figures: Mapping[str, Tensor]) -> dict[str, float]:
    """Average the gradients over processes, clip the norm of each network's, and let every optimiser take its step.

    Args:
        state: whose networks hold the gradients of this step.
        config: ``clip_norm`` and the schedules are used.
        engine: this process's place.
        figures: losses of the step, scalars.

    Returns:
        The losses and the norms before clipping, means over all processes.

    Raises:
        Diverged: one of them is not finite; the weights are those of the step before, in every process.
    """
    norms = {}
    for name, network in state.networks.items():
        parameters = list(network.parameters())
        engine.average_gradients(parameters)
        norms[f"{name}_gradient" if name else "gradient"] = torch.nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    values = _finite_means(engine, {**figures, **norms}, state.step)
    state.apply(config)
    return values


def _finite_means(engine: "Engine", figures: Mapping[str, Tensor], step: int) -> dict[str, float]:
    """Scalars averaged over all processes.

    Raises:
        Diverged: one of them is not finite, in every process alike.
    """
    values = engine.means({name: value.detach() for name, value in figures.items()})
    for name, value in values.items():
        if not math.isfinite(value):
            raise Diverged(f"step {step}: {name} is {value}; the run diverged (try a lower learning_rate)")
    return values
