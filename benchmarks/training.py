"""Training: images a second of one optimiser step, by what is trained, interleaved in one run on this host's CPU.

Every row is a configuration of `python -m models train` on the same images. Rounds go through all rows in turn, in a fresh
random order, so that whatever slows the host down slows all of them alike. Only the step is timed: networks and optimisers. What
a whole run loses to loading, logging and saving is in its ``log.jsonl`` (``networks_share``).
"""

import argparse
import dataclasses
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from benchmarks.host import describe_host, host_lines
from models.system.errors import OK, Parser
from models.system.number_arguments import whole
from models.system.text_table import table
from models.training.config import PRESETS, TrainConfig

if TYPE_CHECKING:
    from models.training.state import TrainState

SUMMARY = "images a second of a training step, by losses, layout, precision and batch, interleaved"
EXAMPLES = ("python -m benchmarks training", "python -m benchmarks training --threads 1 --rounds 20 --json")
SEED = 1
FULL = "adversarial: both discriminators"

BOTH = PRESETS["adversarial"].discriminators


@dataclass(frozen=True)
class Variant:
    """One row.

    Attributes:
        changes: of preset ``adversarial``, whose perceptual loss is left out because its network is a user's file.
        prepare: what is done to the networks before the first step; None: nothing.
    """

    changes: dict[str, object]
    prepare: Callable[["TrainState"], None] | None = None


def _contiguous(state: "TrainState") -> None:
    for network in state.networks.values():
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # not in torch's stubs


def _compiled(state: "TrainState") -> None:
    # Not the discriminators: what is compiled cannot be differentiated twice, as their penalty needs.
    state.generator.compile()


_ALONE: dict[str, object] = {"discriminators": {}, "feature_matching": 0.0, "losses": {"hole_l1": 1.0}}

VARIANTS: dict[str, Variant] = {
    "generator alone, L1": Variant(_ALONE),
    "image discriminator": Variant({"discriminators": {"image": 0.2}}),
    "wavelet discriminator": Variant({"discriminators": {"wavelet": 0.2}}),
    FULL: Variant({}),
    "and the multi-scale one": Variant({"discriminators": {**BOTH, "multiscale": 0.2}}),
    "both, no feature matching": Variant({"feature_matching": 0.0}),
    "both, no gradient penalty": Variant({"r1_gamma": 0.0}),
    "both, penalty in every step": Variant({"r1_interval": 1}),
    "both, batch 8": Variant({"stages": ((0, 128, 8),)}),
    "both, batch 32": Variant({"stages": ((0, 128, 32),)}),
    "both, fp32": Variant({"precision": "fp32"}),
    "both, contiguous layout": Variant({}, _contiguous),
    "both, torch.compile of the generator": Variant({}, _compiled),
}
"""What was tried to make a step faster; all at 128x128 and batch 16 where the row says nothing else."""


def add_arguments(parser: Parser) -> None:
    """Options of ``training``."""
    parser.add_argument(
        "--threads", type=whole(1, 1000), default=2, metavar="N", help="threads of PyTorch (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=whole(1, 1000), default=7, metavar="N", help="timed rounds (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=VARIANTS, metavar="ROW", help="measure only this row; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        ValueError: bad arguments.
        ToolchainMissing: Accelerate is not installed.
    """
    torch.set_num_threads(args.threads)
    names = args.only or list(VARIANTS)
    steps = {name: _step(VARIANTS[name]) for name in tqdm(names, desc="warming up", unit="row", disable=None)}
    rates: dict[str, list[float]] = {name: [] for name in names}
    rng = random.Random(SEED)
    for _ in tqdm(range(args.rounds), desc="measuring", unit="round", disable=None):
        for name in rng.sample(names, len(names)):
            rates[name].append(steps[name]())
    host = describe_host()
    rows = {name: {"images_per_s": statistics.median(values), "runs": sorted(values)} for name, values in rates.items()}
    if args.json:
        print(json.dumps({"host": host, "threads": args.threads, "rounds": args.rounds, "rows": rows}, indent=1))
        return OK
    print(table(["", "img/s", "slowest", "fastest"], [_cells(name, values) for name, values in rates.items()]))
    print(f"{args.threads} threads, {args.rounds} rounds, medians\n{host_lines(host)}", file=sys.stderr)
    return OK


def _cells(name: str, rates: list[float]) -> list[str]:
    return [name, *(f"{rate:.1f}" for rate in (statistics.median(rates), min(rates), max(rates)))]


def _step(variant: Variant) -> Callable[[], float]:
    """A function that trains for two steps, with and without the lazy penalty, and returns images a second."""
    from models.training.engine import Engine
    from models.training.state import TrainState
    from models.training.step import Batch, train_step

    base = dataclasses.replace(PRESETS["adversarial"], perceptual=0.0, stages=((0, 128, 16),))
    config: TrainConfig = dataclasses.replace(base, **variant.changes)  # type: ignore[arg-type]
    engine = Engine("cpu", config.precision)
    state = TrainState.fresh(config, engine.device)
    if variant.prepare:
        variant.prepare(state)
    size, count = config.stage(0)
    rng = torch.Generator().manual_seed(SEED)
    # The time of a step does not depend on what is in the images.
    photos = torch.randint(0, 256, (count, 3, size, size), generator=rng, dtype=torch.uint8)
    holes = torch.zeros(count, 1, size, size, dtype=torch.bool)
    holes[:, :, size // 4 : -size // 4, size // 4 : -size // 4] = True
    batch = Batch(photos, holes)

    def images_per_s() -> float:
        # The penalty is due in one of so many steps: both kinds are timed and weighed as they occur.
        share = 1 / config.r1_interval
        seconds = share * timed(0) + (1 - share) * timed(1)
        return count / seconds

    def timed(step: int) -> float:
        state.step = step
        began = time.perf_counter()
        train_step(state, batch, config, engine)
        return time.perf_counter() - began

    images_per_s()
    return images_per_s
