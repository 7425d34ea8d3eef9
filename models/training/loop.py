"""The training loop: one step after the other until the last, the clock or a signal; samples, saving."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType

from models.training.log import RunLog
from models.training.recipe import Batch, Recipe
from models.training.run_state import FILE

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


def run(recipe: Recipe[Batch], limits: Limits) -> None:
    """Train until the last step or for so many minutes, whichever comes first; ends with a saved state.

    In the run folder the main process writes ``state.safetensors`` (to resume), what the recipe publishes, ``log.jsonl`` (one
    line every 50 steps), ``tensorboard/`` and ``samples/``.

    Args:
        recipe: what is trained, from where.
        limits: when to stop, save and draw samples.

    Raises:
        Diverged: a loss is not finite; what was saved last stays, because the weights may be bad already.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the step in progress is finished and saved first.
    """
    state, config, engine = recipe.state, recipe.config, recipe.engine
    began = saved = time.monotonic()
    saved_step: int | None = None

    def save() -> None:
        if engine.is_main:
            # In this order: a run whose state says that it is finished has published, even if it was killed between the two.
            recipe.publish()
            state.save(recipe.folder / FILE, config)

    with (
        stop_signals() as stop,
        RunLog(recipe.folder, recipe.title, config.steps, config.rate, state.step) if engine.is_main else nullcontext() as log,
    ):
        for batch in recipe.batches(state.step):
            before = time.monotonic()
            images = recipe.images(state.step)
            figures = recipe.step(batch)
            if log:
                log.add(state.step, figures, images, time.monotonic() - before)
                if limits.sample_steps and (state.step % limits.sample_steps == 0 or state.step == config.steps):
                    log.samples(state.step, recipe.page())
            # The clock and the signals of any process stop all of them at the same step.
            if engine.any(stop.is_set() or time.monotonic() - began > 60 * limits.minutes):
                break
            if time.monotonic() - saved > limits.save_seconds:
                save()
                saved, saved_step = time.monotonic(), state.step
        # Not twice: killed while it writes the same again, a run that is finished would leave a half-written file for good.
        if saved_step != state.step:
            save()
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
