"""A generator small enough to run hundreds of times in a test, with weights that make its output cover the whole range."""

from functools import cache

import torch

from models.generator import Generator
from models.spec import ModelSpec

SMALL = ModelSpec("small", (8, 12, 16), (1, 1, 1), plain_levels=2)
"""Works on multiples of 16 pixels; has both kinds of blocks."""


@cache
def small_generator(seed: int = 0, spec: ModelSpec = SMALL) -> Generator:
    """Random weights; gains raised, so that fills span 0..255 and beyond."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(spec)
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_(0, 0.1)
            generator.head.gain.fill_(1.0)
    return generator.eval()
