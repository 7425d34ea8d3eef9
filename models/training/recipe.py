"""What differs between the student's training and a teacher's; the loop, the state, the log and the command are shared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from models.data.photo_source import Photos
from models.photo.images import Pixels
from models.training.engine import Engine
from models.training.run_config import RunConfig
from models.training.run_state import RunState

Batch = TypeVar("Batch")


class Recipe(Protocol[Batch]):
    """One run's networks, losses and products."""

    @property
    def state(self) -> RunState:
        """Networks, optimisers, step."""
        ...

    @property
    def config(self) -> RunConfig:
        """The run's."""
        ...

    @property
    def photos(self) -> Photos:
        """Where crops come from."""
        ...

    @property
    def folder(self) -> Path:
        """The run folder."""
        ...

    @property
    def engine(self) -> Engine:
        """This process's place."""
        ...

    @property
    def product(self) -> Path:
        """What :meth:`publish` writes, a file or a folder."""
        ...

    @property
    def title(self) -> str:
        """What is trained, for the progress bar."""
        ...

    def batches(self, first: int) -> Iterator[Batch]:
        """This process's batches from a step to the last, the same ones whatever ran before."""
        ...

    def images(self, step: int) -> int:
        """Images of a step's batch, of all processes."""
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
