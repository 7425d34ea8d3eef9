"""What differs between the student's training and a teacher's; the loop, the state, the log and the command are shared."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from models.photo.images import Pixels

Batch = TypeVar("Batch")


class Recipe(Protocol[Batch]):
    """One run's networks, losses and products."""

    @property
    def title(self) -> str:
        """What is trained, for the progress bar."""
        ...

    def batches(self, first: int) -> Iterator[Batch]:
        """This process's batches from a step to the last, the same ones whatever ran before."""
        ...

    def images(self, step: int) -> int:
        """Pictures of a step's batch, of all processes."""
        ...

    def step(self, batch: Batch) -> dict[str, float]:
        """Take one step of every optimiser.

        Returns:
            Losses and norms of gradients, means over all processes.

        Raises:
            Diverged: one of them is not finite; the weights are those of the step before, in every process.
        """
        ...

    def page(self) -> Pixels:
        """A sheet of samples of the moving average, always of the same photos and holes; (H, W, 3) uint8."""
        ...

    def publish(self) -> None:
        """Write the moving average for use."""
        ...
