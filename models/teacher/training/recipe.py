"""A teacher's recipe: images and noise, a denoiser or a few-step generator with its opponent, a file that samplers take."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.data.photo_source import Photos
from models.photo.images import Pixels
from models.teacher.schedule import Schedule
from models.teacher.training.batches import TeacherBatch, batches
from models.teacher.training.config import TeacherConfig
from models.teacher.training.kinds import KINDS
from models.teacher.training.publish import publish, published, sample_page
from models.teacher.training.state import TeacherState
from models.teacher.training.step import teacher_step
from models.training.engine import Engine


@dataclass(frozen=True)
class Teacher:
    """A run of ``models teacher train``.

    Attributes:
        state: of the run.
        photos: where crops come from.
        config: of the run.
        folder: of the run.
        engine: this process's place.
        provenance: kept with it.
    """

    state: TeacherState
    photos: Photos
    config: TeacherConfig
    folder: Path
    engine: Engine
    provenance: dict[str, str]

    @property
    def product(self) -> Path:
        """As for ``Recipe``; so are the others."""
        return published(self.folder, self.config)

    @property
    def title(self) -> str:
        """The kind's name."""
        return self.config.kind

    @cached_property
    def _schedule(self) -> Schedule:
        return KINDS[self.config.kind].schedule(self.config.noise_steps)

    def batches(self, first: int) -> Iterator[TeacherBatch]:
        """Images, steps, noise, latents."""
        return batches(self.photos, self.config, first, self.config.share(self.engine.rank, self.engine.processes))

    def images(self, step: int) -> int:
        """The same in every step."""
        return self.config.batch

    def step(self, batch: TeacherBatch) -> dict[str, float]:
        """The kind's losses."""
        return teacher_step(self.state, batch, self.config, self.engine, self._schedule, KINDS[self.config.kind].losses)

    def page(self) -> Pixels:
        """Photo, hole and completion."""
        return sample_page(self.state, self.photos, self.config)

    def publish(self) -> None:
        """A diffusers folder, or one file."""
        publish(self.state, self.config, self.folder, self.provenance)
