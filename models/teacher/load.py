"""A teacher from a path, ready to be walked by one sampler: a diffusers folder for most, a generator's file for others."""

from dataclasses import dataclass
from pathlib import Path

from models.teacher.denoiser import Denoiser
from models.teacher.diffusers_folder import load_diffusers
from models.teacher.few_step_file import LatentDenoiser, load_few_step
from models.teacher.schedule import Schedule, calls
from models.teacher.settings import SamplerSettings


@dataclass(frozen=True)
class LoadedTeacher:
    """What fills holes, and what must be known to use it.

    Attributes:
        denoiser: of square images in [-1, 1].
        schedule: the steps to walk.
        size: side of the images it was trained on, in pixels.
        sha256: of its weights and configuration, for provenance.
    """

    denoiser: Denoiser | LatentDenoiser
    schedule: Schedule
    size: int
    sha256: str


def load_teacher(path: Path, settings: SamplerSettings, device: str = "cpu", size: int | None = None) -> LoadedTeacher:
    """Read the teacher that a sampler needs.

    Args:
        path: of ``--denoiser``.
        settings: sampler and steps.
        device: of the network.
        size: refuse a teacher of another image size.

    Raises:
        ValueError: files are missing or damaged, or it is a teacher for other samplers, of another size or with fewer steps.
        ToolchainMissing: diffusers is not installed.
    """
    if settings.row.few_step:
        if path.is_dir():
            example = f"a file such as {path / 'generator.safetensors'}"
            raise ValueError(f"{path}: {settings.name} needs a generator trained for it, {example}, not a folder")
        few = load_few_step(path, device)
        if few.kind != settings.name:
            raise ValueError(f"{path}: a generator for the sampler {few.kind}, not for {settings.name}")
        if settings.steps not in (None, few.schedule.steps):
            raise ValueError(f"--steps: {settings.steps} given, but {path} was trained for {few.schedule.steps}; leave it out")
        found = LoadedTeacher(few.denoiser, few.schedule, few.size, few.sha256)
    else:
        if path.is_file():
            raise ValueError(f"{path}: {settings.name} needs a denoiser, a folder in the layout of diffusers, not a file")
        teacher = load_diffusers(path, device)
        assert settings.steps is not None, "parse_settings fills it in"
        found = LoadedTeacher(teacher.denoiser, teacher.schedule.respaced(settings.steps), teacher.size, teacher.sha256)
    if size is not None and size != found.size:
        raise ValueError(f"--size: {size} given, but {path} was trained on images of {found.size}")
    return found


def network_calls(settings: SamplerSettings, schedule: Schedule) -> int:
    """Calls of the network for one image.

    Raises:
        ValueError: a travel out of range.
    """
    knobs = {**settings.row.knobs, **settings.knobs}
    if "travel_length" not in knobs:
        return schedule.steps
    return calls(schedule.travel(int(str(knobs["travel_length"])), int(str(knobs["travel_repeat"]))))
