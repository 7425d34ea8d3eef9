"""The training loop: batches as a function of (seed, step), one optimiser step, progress, saving."""

import json
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

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


def losses(state: TrainState, batch: Batch, config: TrainConfig, device: torch.device) -> dict[str, Tensor]:
    """Forward pass; every loss of the configuration, unweighted."""
    target = batch.photos.to(device, non_blocking=True).float() / PIXEL_SCALE - 1
    target = target.to(memory_format=torch.channels_last)
    hole = batch.holes.to(device, non_blocking=True).float()
    dtype = autocast_dtype(config, device)
    with torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        fill = state.generator(target * (1 - hole), hole)
    return {name: LOSSES[name](fill.float(), target, hole) for name in config.losses}


def train_step(state: TrainState, batch: Batch, config: TrainConfig, device: torch.device) -> dict[str, float]:
    """One optimiser step.

    Returns:
        The unweighted losses and the gradient's norm.

    Raises:
        Diverged: a loss or the gradient is not finite; the weights are those of the step before.
    """
    found = losses(state, batch, config, device)
    total = sum((config.losses[name] * value for name, value in found.items()), start=torch.zeros((), device=device))
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
    """Train until the last step or for so many minutes, whichever comes first; always ends with a saved state.

    Writes into ``folder``: ``state.safetensors`` (to resume), ``checkpoint.safetensors`` (the moving average, to use) and
    ``log.jsonl`` (one line every 50 steps).
    """
    device = next(state.generator.parameters()).device
    began = saved = time.monotonic()
    # A terminal is refreshed every two seconds, a log file every half minute.
    pause = 2.0 if sys.stderr.isatty() else 30.0
    bar = tqdm(total=config.steps, initial=state.step, desc=f"training {config.spec}", unit="step", mininterval=pause)
    images, sums, counted = 0, dict.fromkeys((*config.losses, "gradient_norm"), 0.0), 0
    try:
        for batch in batches(cache, config, state.step):
            for name, value in train_step(state, batch, config, device).items():
                sums[name] += value
            counted, images = counted + 1, images + len(batch.photos)
            now = time.monotonic()
            bar.update()
            if state.step % 50 == 0 or state.step == config.steps:
                means = {name: round(value / counted, 5) for name, value in sums.items()}
                speed = round(images / (now - began), 1)
                line = {"step": state.step, **means, "learning_rate": config.rate(state.step - 1), "images_per_s": speed}
                with (folder / "log.jsonl").open("a") as log:
                    log.write(json.dumps(line) + "\n")
                bar.set_postfix(hole_l1=means.get("hole_l1"), img_s=speed)
                sums, counted = dict.fromkeys(sums, 0.0), 0
            if now - saved > 180:
                save(state, config, folder, provenance)
                saved = now
            if now - began > 60 * minutes:
                print(f"stopped after {minutes:g} minutes at step {state.step} of {config.steps}", file=sys.stderr)
                break
    finally:
        bar.close()
        save(state, config, folder, provenance)


def save(state: TrainState, config: TrainConfig, folder: Path, provenance: dict[str, str]) -> None:
    """Write the state to resume from and the checkpoint to use."""
    state.save(folder / "state.safetensors", config)
    save_checkpoint(folder / "checkpoint.safetensors", state.average, {**provenance, "step": str(state.step)})
