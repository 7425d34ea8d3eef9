"""One step of a teacher's training."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from models.teacher.schedule import Schedule
from models.teacher.training.batches import TeacherBatch
from models.teacher.training.config import TeacherConfig
from models.teacher.training.state import TeacherState
from models.training.descent import descend

if TYPE_CHECKING:  # it imports Accelerate, which only training needs
    from models.training.engine import Engine

Losses = Callable[[dict[str, nn.Module], TeacherBatch, TeacherConfig, "Engine", Schedule, int], dict[str, Tensor]]


def teacher_step(
    state: TeacherState, batch: TeacherBatch, config: TeacherConfig, engine: "Engine", schedule: Schedule, losses: Losses
) -> dict[str, float]:
    """One step of every optimiser, all gradients taken at the weights of the step before.

    Returns:
        Losses and the norms of the gradients, means over all processes.

    Raises:
        Diverged: one of them is not finite; the weights are those of the step before, in every process.
    """
    state.zero_grad()
    figures = losses(state.networks, batch.to(engine.device), config, engine, schedule, state.step)
    return descend(state, config, engine, figures)
