"""The training loop: batches as a function of (seed, step), one optimiser step, progress, saving."""

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.checkpoint import save_checkpoint
from models.conventions import PIXEL_SCALE
from models.data.masks import sample_mask
from models.data.photos import PhotoCache
from models.losses import LOSSES
from models.train_config import TrainConfig
from models.train_state import TrainState

SAVE_SECONDS = 180
"""A killed run loses at most this much work."""


class Diverged(ValueError):
    """A loss is no longer a number; the message names the step and the loss."""


@dataclass(frozen=True)
class Batch:
    """Photos and holes of one step: (N, 3, H, W) uint8 and (N, 1, H, W) bool."""

    photos: Tensor
    holes: Tensor


def make_batch(cache: PhotoCache, config: TrainConfig, step: int) -> Batch:
    """The batch of a step: a function of the photos, the seed and the step, whatever ran before."""
    rng = np.random.default_rng((config.seed, step))
    size, count = config.stage(step)
    photos = np.stack([cache.crop(size, rng) for _ in range(count)])
    holes = np.stack([sample_mask(size, rng)[1] for _ in range(count)])
    return Batch(torch.from_numpy(photos).permute(0, 3, 1, 2), torch.from_numpy(holes).unsqueeze(1))


def batches(cache: PhotoCache, config: TrainConfig, first: int) -> Iterator[Batch]:
    """Batches from step ``first`` to the end, prepared one ahead in a thread while the networks run."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(make_batch, cache, config, first)
        for step in range(first, config.steps):
            batch = following.result()
            if step + 1 < config.steps:
                following = pool.submit(make_batch, cache, config, step + 1)
            yield batch


def autocast_dtype(config: TrainConfig, device: torch.device) -> torch.dtype | None:
    """bfloat16 where the configuration asks for it or, under ``auto``, where the processor multiplies it natively.

    Emulated on a CPU without such instructions, bf16 is far slower than fp32.
    """
    native = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    wanted = config.precision == "bf16" or (config.precision == "auto" and native)
    return torch.bfloat16 if wanted else None


def losses(state: TrainState, batch: Batch, config: TrainConfig) -> dict[str, Tensor]:
    """Forward pass; every loss of the configuration, unweighted."""
    device = state.device
    target = batch.photos.to(device, non_blocking=True).float() / PIXEL_SCALE - 1
    target = target.to(memory_format=torch.channels_last)
    hole = batch.holes.to(device, non_blocking=True).float()
    dtype = autocast_dtype(config, device)
    with torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        fill = state.generator(target * (1 - hole), hole)
    return {name: LOSSES[name](fill.float(), target, hole) for name in config.losses}


def train_step(state: TrainState, batch: Batch, config: TrainConfig) -> dict[str, float]:
    """One optimiser step.

    Returns:
        The unweighted losses and the gradient's norm.

    Raises:
        Diverged: a loss or the gradient is not finite; the weights are those of the step before.
    """
    found = losses(state, batch, config)
    total = sum((config.losses[name] * value for name, value in found.items()), start=torch.zeros((), device=state.device))
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.generator.parameters(), config.clip_norm)
    figures = {**{name: float(value.detach()) for name, value in found.items()}, "gradient_norm": float(norm)}
    for name, value in figures.items():
        if not math.isfinite(value):
            raise Diverged(f"step {state.step}: {name} is {value}; the run diverged (try a lower learning_rate)")
    for group in state.optimizer.param_groups:
        group["lr"] = config.rate(state.step)
    state.optimizer.step()
    state.update_average(config.ema(state.step))
    state.step += 1
    return figures


def run(
    state: TrainState, cache: PhotoCache, config: TrainConfig, folder: Path, provenance: dict[str, str], minutes: float
) -> None:
    """Train until the last step or for so many minutes, whichever comes first; ends with a saved state.

    Writes into ``folder``: ``state.safetensors`` (to resume), ``checkpoint.safetensors`` (the moving average, to use) and
    ``log.jsonl`` (one line every 50 steps).

    Raises:
        Diverged: a loss is not finite; what was saved last stays, because the weights may be bad already.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the step in progress is finished and saved first.
    """
    began = saved = time.monotonic()
    # A terminal is refreshed every two seconds, a log file every half minute.
    pause = 2.0 if sys.stderr.isatty() else 30.0
    bar = tqdm(total=config.steps, initial=state.step, desc=f"training {config.spec}", unit="step", mininterval=pause)
    window = _Window(began)
    with stop_signals() as stop, bar:
        for batch in batches(cache, config, state.step):
            window.add(train_step(state, batch, config), len(batch.photos))
            bar.update()
            if state.step % 50 == 0 or state.step == config.steps:
                _log(window.line(state.step, config.rate(state.step - 1)), folder, bar)
            now = time.monotonic()
            if stop.is_set() or now - began > 60 * minutes:
                break
            if now - saved > SAVE_SECONDS:
                save(state, config, folder, provenance)
                saved = now
        save(state, config, folder, provenance)
    if state.step < config.steps:
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


class _Window:
    """Sums of the figures since the last line of the log."""

    def __init__(self, began: float) -> None:
        self.began, self.images = began, 0
        self.sums: dict[str, float] = {}
        self.steps = 0

    def add(self, figures: dict[str, float], images: int) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps, self.images = self.steps + 1, self.images + images

    def line(self, step: int, rate: float) -> dict[str, float]:
        means = {name: round(value / self.steps, 5) for name, value in self.sums.items()}
        speed = round(self.images / (time.monotonic() - self.began), 1)
        self.sums, self.steps = {}, 0
        return {"step": step, **means, "learning_rate": rate, "images_per_s": speed}


def _log(line: dict[str, float], folder: Path, bar: "tqdm[NoReturn]") -> None:
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    bar.set_postfix(hole_l1=line.get("hole_l1"), img_s=line["images_per_s"])


def save(state: TrainState, config: TrainConfig, folder: Path, provenance: dict[str, str]) -> None:
    """Write the state to resume from and the checkpoint to use."""
    state.save(folder / "state.safetensors", config)
    save_checkpoint(folder / "checkpoint.safetensors", state.average, {**provenance, "step": str(state.step)})
