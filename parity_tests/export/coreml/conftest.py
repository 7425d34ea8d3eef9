"""A small network and its packages, made once for the tests of this folder."""

from pathlib import Path

import pytest
import torch

from export.program import Program
from models.generator import Generator
from parity_tests.support.formats.coreml_cells import (
    BACKEND,
    MADE,
    SHA256,
    SIZE,
    TINY,
    calibrated,
)
from quantize.schemes import SCHEMES


@pytest.fixture(scope="session")
def generator() -> Generator:
    torch.manual_seed(5)
    network = Generator(TINY).eval().requires_grad_(False)
    network.head.gain.mul_(5)  # an untrained head says "grey" everywhere; with more gain a wrong pixel shows
    return network


@pytest.fixture(scope="session")
def programs(generator: Generator) -> dict[str, Program]:
    table = calibrated(generator, SIZE)
    tables = {name: table if SCHEMES[name].calibrated else None for name in MADE}
    return {name: Program(generator, SIZE, SCHEMES[name], "uint8", SHA256, tables[name]) for name in MADE}


@pytest.fixture(scope="session")
def packages(programs: dict[str, Program], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Scheme -> a package on disk."""
    made = {}
    for name, program in programs.items():
        folder = tmp_path_factory.mktemp(name)
        BACKEND.convert(program, folder)
        made[name] = folder / BACKEND.model_file
    return made
