"""One run of the table: the student's recipe with a row's networks, through the training loop that everybody uses."""

from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.ablations.rows import Row
from benchmarks.ablations.variants import prepare
from models.checkpoint import load_checkpoint
from models.spec import SPECS
from models.training.config import TrainConfig
from models.training.run_state import FILE, read_config
from models.training.state import TrainState
from models.training.student import Student


@dataclass(frozen=True)
class Ablation(Student):
    """A student's run that writes no checkpoint: some rows have networks that only the table has."""

    @property
    def product(self) -> Path:
        """The state, which is all that is kept."""
        return self.folder / FILE

    def publish(self) -> None:
        """Nothing: what is measured is the average in the state."""


def state_of(row: Row, config: TrainConfig, folder: Path, init: Path | None, device: torch.device) -> TrainState:
    """The state of a run that begins, or of the one in its folder.

    Args:
        row: of the table.
        config: of the run.
        folder: of the run.
        init: checkpoint that the generator begins with; None: random weights.
        device: where to put the networks.

    Raises:
        ValueError: the folder holds a run of other settings, or a checkpoint of another spec.
    """
    state = TrainState.fresh(config, device)
    if init:
        start = load_checkpoint(init)
        if start.spec != SPECS[config.spec]:
            raise ValueError(f"{init}: holds a {start.spec.name}, the table's rows are {config.spec}")
        state.start_from(start)
    prepare(state, row)
    file = folder / FILE
    if file.is_file():
        _, stored = read_config(file, TrainConfig)
        if stored != config:
            names = [name for name in vars(config) if getattr(config, name) != getattr(stored, name)]
            raise ValueError(f"{folder}: holds a run of another {', '.join(names)}; choose another --out")
        state.restore(file)
    return state
