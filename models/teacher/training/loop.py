"""The loop of a teacher's training: one step after the other until the last, the clock or a signal."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from models.data.photo_source import Photos
from models.photo.images import Pixels
from models.teacher.schedule import Schedule
from models.teacher.training.batches import TeacherBatch, batches
from models.teacher.training.config import TeacherConfig
from models.teacher.training.kinds import KINDS
from models.teacher.training.state import TeacherState
from models.training.engine import Engine
from models.training.log import RunLog
from models.training.loop import Limits, stop_signals
from models.training.step import finite_means

Losses = Callable[[dict[str, nn.Module], TeacherBatch, TeacherConfig, Engine, Schedule, int], dict[str, Tensor]]


def teacher_step(
    state: TeacherState, batch: TeacherBatch, config: TeacherConfig, engine: Engine, schedule: Schedule, losses: Losses
) -> dict[str, float]:
    """One step of every optimiser, all gradients taken at the weights of the step before.

    Returns:
        Losses and the norms of the gradients, means over all processes.

    Raises:
        Diverged: one of them is not finite; the weights are those of the step before, in every process.
    """
    state.zero_grad()
    figures = losses(state.networks, batch.to(engine.device), config, engine, schedule, state.step)
    for name, network in state.networks.items():
        parameters = list(network.parameters())
        engine.average_gradients(parameters)
        figures[f"{name}_gradient"] = torch.nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    values = finite_means(engine, figures, state.step)
    state.apply(config)
    return values


def run(
    state: TeacherState,
    photos: Photos,
    config: TeacherConfig,
    folder: Path,
    engine: Engine,
    *,
    limits: Limits,
    publish: Callable[[TeacherState], object],
    page: Callable[[TeacherState], Pixels],
) -> None:
    """Train until the last step or for so many minutes, whichever comes first; ends with a saved state.

    Args:
        state: to go on from.
        photos: to cut crops from.
        config: the run's.
        folder: run folder; the main process writes ``state.safetensors``, ``log.jsonl``, ``tensorboard/`` and ``samples/``.
        engine: this process's place.
        limits: when to stop, save and draw samples.
        publish: writes the averaged network for use; called before every save.
        page: draws a sheet of samples.

    Raises:
        Diverged: a loss is not finite; what was saved last stays.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the step in progress is finished and saved first.
    """
    kind = KINDS[config.kind]
    schedule = kind.schedule(config.noise_steps)
    began = saved = time.monotonic()

    def save() -> None:
        if engine.is_main:
            # In this order: a run whose state says that it is finished has published, even if it was killed between the two.
            publish(state)
            state.save(folder / "state.safetensors", config)

    with (
        stop_signals() as stop,
        RunLog(folder, config.kind, config.steps, config.rate, state.step) if engine.is_main else nullcontext() as log,
    ):
        for batch in batches(photos, config, state.step, config.share(engine.rank, engine.processes)):
            before = time.monotonic()
            figures = teacher_step(state, batch, config, engine, schedule, kind.losses)
            if log:
                log.add(state.step, figures, config.batch, time.monotonic() - before)
                if limits.sample_steps and (state.step % limits.sample_steps == 0 or state.step == config.steps):
                    log.samples(state.step, page(state))
            if engine.any(stop.is_set() or time.monotonic() - began > 60 * limits.minutes):
                break
            if time.monotonic() - saved > limits.save_seconds:
                save()
                saved = time.monotonic()
        save()
        engine.wait()
    if engine.is_main and state.step < config.steps:
        print(f"stopped and saved at step {state.step} of {config.steps}; --resume goes on", file=sys.stderr)
    if stop.is_set():
        raise KeyboardInterrupt
