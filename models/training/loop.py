"""The training loop: one step after the other until the last, the clock or a signal; samples, saving."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from models.checkpoint import save_checkpoint
from models.data.batches import batches
from models.data.pairs import PairShards
from models.data.photo_source import Photos
from models.training.config import TrainConfig
from models.training.engine import Engine
from models.training.log import RunLog, sample_sheet
from models.training.state import TrainState
from models.training.step import Perceptual, train_step

SAVE_SECONDS = 180.0
"""A killed run loses at most this much work."""


@dataclass(frozen=True)
class Limits:
    """When a part of a run stops, saves and shows.

    Attributes:
        minutes: stop after so long.
        save_seconds: write the state this often.
        sample_steps: draw a sample sheet every so many steps; 0: never.
    """

    minutes: float = float("inf")
    save_seconds: float = SAVE_SECONDS
    sample_steps: int = 1000


def run(
    state: TrainState,
    photos: Photos,
    config: TrainConfig,
    folder: Path,
    engine: Engine,
    *,
    provenance: dict[str, str],
    limits: Limits,
    perceptual: Perceptual | None = None,
    pairs: PairShards | None = None,
    workers: int = 0,
) -> None:
    """Train until the last step or for so many minutes, whichever comes first; ends with a saved state.

    Writes into ``folder``, in the main process only: ``state.safetensors`` (to resume), ``checkpoint.safetensors`` (the moving
    average, to use), ``log.jsonl`` (one line every 50 steps), ``tensorboard/`` and ``samples/``. ``workers`` as for ``batches``.

    Raises:
        Diverged: a loss is not finite; what was saved last stays, because the weights may be bad already.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the step in progress is finished and saved first.
    """
    began = saved = time.monotonic()
    with (
        stop_signals() as stop,
        RunLog(folder, config.spec, config.steps, config.rate, state.step) if engine.is_main else nullcontext() as log,
    ):
        for batch in batches(photos, config, state.step, engine.share, pairs, workers):
            before = time.monotonic()
            images = config.stage(state.step)[1]
            figures = train_step(state, batch, config, engine, perceptual)
            if log:
                log.add(state.step, figures, images, time.monotonic() - before)
                if limits.sample_steps and (state.step % limits.sample_steps == 0 or state.step == config.steps):
                    log.samples(state.step, sample_sheet(state, photos, config))
            # The clock and the signals of any process stop all of them at the same step.
            if engine.any(stop.is_set() or time.monotonic() - began > 60 * limits.minutes):
                break
            if engine.is_main and time.monotonic() - saved > limits.save_seconds:
                save(state, config, folder, provenance)
                saved = time.monotonic()
        if engine.is_main:
            save(state, config, folder, provenance)
        engine.wait()
    if engine.is_main and state.step < config.steps:
        print(f"stopped and saved at step {state.step} of {config.steps}; --resume goes on", file=sys.stderr)
    if stop.is_set():
        raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into an event, so that no step is left half done; a second one stops at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def save(state: TrainState, config: TrainConfig, folder: Path, provenance: dict[str, str]) -> None:
    """Write the checkpoint to use and the state to resume from, in this order: a run whose state says that it is finished has its
    checkpoint, even if it was killed between the two."""
    save_checkpoint(folder / "checkpoint.safetensors", state.average, {**provenance, "step": str(state.step)})
    state.save(folder / "state.safetensors", config)
