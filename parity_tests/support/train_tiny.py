"""What the tests of training share: a network, presets and images small enough for hundreds of steps, and a way to run them."""

import argparse
import dataclasses
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from models.commands import train
from models.spec import SPECS, ModelSpec
from models.training.batches import make_batch
from models.training.config import PRESETS, TrainConfig
from models.training.engine import Engine
from models.training.loop import Limits, run
from models.training.state import TrainState
from models.training.step import train_step
from models.training.student import Student

CPU = torch.device("cpu")
TINY = ModelSpec("tiny", (8, 16), (1, 1))


def register(put):
    """Enter the tiny network and its presets into the tables; ``put(table, key, value)`` is ``monkeypatch.setitem``, say."""
    put(SPECS, "tiny", TINY)
    plain = TrainConfig(
        preset="tiny",
        spec="tiny",
        stages=((0, 32, 3), (6, 64, 2)),
        steps=12,
        decay_steps=4,
        warmup_steps=2,
        precision="fp32",
    )
    # All that the full recipe has, in the same order: both discriminators, a penalty in some steps only, two sizes.
    gan = dataclasses.replace(
        plain,
        preset="tiny-gan",
        stages=((0, 32, 4), (4, 64, 2)),
        betas=(0.0, 0.99),
        discriminators={"image": 0.1, "wavelet": 0.1},
        feature_matching=0.5,
        r1_interval=3,
    )
    put(PRESETS, "tiny", plain)
    put(PRESETS, "tiny-gan", gan)


class Smooth:
    """Crops of random smooth images, functions of the random source alone: enough to lower a loss on, and no files."""

    def crop(self, size, rng):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8))
        return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))

    def crops(self, size, rngs):
        return [self.crop(size, rng) for rng in rngs]


def write_smooth(folder, count=8, seed=0):
    """The same as files of 80x72 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize((80, 72), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


@contextmanager
def one_thread():
    """Where bits are compared: sums that are split over threads may be rounded in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def alone():
    """The engine of a run of one process on the CPU."""
    return Engine("cpu", "fp32")


def go_on(config, folder, crops=None, limits=None):
    """One part of a run: what it finds in the folder is all it knows of the parts before; returns the state at its end."""
    folder.mkdir(exist_ok=True)
    file = folder / "state.safetensors"
    state = TrainState.load(file, CPU)[0] if file.exists() else TrainState.fresh(config, CPU)
    run(Student(state, crops or Smooth(), config, folder, alone(), {}), limits or Limits(sample_steps=0))
    return state


def arguments(*words):
    """The command line of ``python -m models train``, parsed."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def saved(folder):
    """Every tensor of a run's saved state."""
    return load_file(folder / "state.safetensors")


def saved_step(folder):
    """The step of a run's saved state; -1: there is none."""
    file = folder / "state.safetensors"
    if not file.exists():
        return -1
    with safe_open(file, "pt") as opened:
        return int(opened.metadata()["step"])


def different(ours, theirs):
    """Names of the tensors that differ in any bit, in two dictionaries of the same names."""
    assert ours.keys() == theirs.keys()
    return [name for name, value in ours.items() if not torch.equal(value, theirs[name])]


def relative_distances(ours, theirs):
    """Largest difference over largest value of each tensor, in two dictionaries of the same names."""
    assert ours.keys() == theirs.keys()
    return {name: float((value - theirs[name]).abs().max() / value.abs().max().clamp_min(1e-30)) for name, value in ours.items()}


def sgd_config():
    """Both discriminators, the penalty in steps 0 and 2, feature matching; gradients are not clipped."""
    config = PRESETS["tiny-gan"]
    return dataclasses.replace(
        config,
        stages=((0, 64, 4),),
        steps=3,
        r1_interval=2,
        r1_gamma=0.5,
        clip_norm=1e6,
        learning_rate=0.5,
        discriminator_rate=0.05,
    )


def sgd_steps(engine):
    """Gradients of step 0, and weights after three steps of plain gradient descent, of all networks.

    Adam divides gradients by their size, and so hides a factor that one of two runs gets wrong.
    """
    config = sgd_config()
    state = TrainState.fresh(config, engine.device)
    state.optimizers = {name: torch.optim.SGD(network.parameters()) for name, network in state.networks.items()}
    found = {f"before.{name}": value.clone() for name, value in _weights(state).items()}
    for step in range(config.steps):
        train_step(state, make_batch(Smooth(), config, step, engine.share(config, step)), config, engine)
        if step == 0:
            for network, module in state.networks.items():
                for name, parameter in module.named_parameters():
                    found[f"gradient.{network}.{name}"] = parameter.grad.clone()
    found |= {f"after.{name}": value.clone() for name, value in _weights(state).items()}
    return {name: value.contiguous() for name, value in found.items()}


def _weights(state):
    return {name: value for name, value in state.tensors().items() if "exp_avg" not in name}
