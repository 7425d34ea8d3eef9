"""Runs the programs that differ in one tensor or layer, photo by photo, and keeps what it has after every photo."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from models.checkpoint import write_atomically
from models.generator import Generator, fold
from models.system.foreign import read_json, reader
from quantize.fake_quantised import FakeQuantisedCore
from quantize.samples import Sample
from quantize.sensitivity.errors import Errors, errors
from quantize.table import QuantizationTable

NONE, ALL = "float", "quantised"
"""Names of the two programs that all others are compared with."""

ALONE, BUT = "only", "all but"
"""In every other program's name: a tensor or layer is rounded alone, or alone is not."""

PARTIAL_FORMAT = "wavefill-sensitivity-part-1"

Rows = dict[str, Errors]
"""Errors of every program on one photo."""


@dataclass(frozen=True)
class Job:
    """What is measured; equal jobs have equal keys.

    Attributes:
        generator: the network as trained.
        table: its number formats.
        samples: photos and holes, all of one size.
    """

    generator: Generator
    table: QuantizationTable
    samples: Sequence[Sample]

    def key(self) -> str:
        """Hash of checkpoint, table and photos."""
        origins = [sample.origin for sample in self.samples]
        parts = [PARTIAL_FORMAT, self.table.checkpoint_sha256, self.table.sha256(), self.samples[0].photo.shape[0], origins]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def core(self) -> FakeQuantisedCore:
        """What runs its programs.

        Raises:
            ValueError: the table is of another network or checkpoint.
        """
        size = self.samples[0].photo.shape[0]
        return FakeQuantisedCore(fold(self.generator, size, size), size, self.table)


def layers_of(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What belongs to each layer: the tensor that it makes and, of a convolution, its weight; in execution order.

    Args:
        names: ``FakeQuantisedCore.names``.
    """
    made = [name for name in names if not name.endswith(".weight")]
    return {name: (name, f"{name}.weight") if f"{name}.weight" in names else (name,) for name in made}


def programs(names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Which names each program rounds: nothing, everything, and each tensor, weight and layer alone and as the only one not."""
    everything = frozenset(names)
    one = {name: frozenset([name]) for name in names}
    one |= {_layer(name): frozenset(parts) for name, parts in layers_of(names).items() if len(parts) > 1}
    found = {NONE: frozenset[str](), ALL: everything}
    found |= {f"{ALONE} {name}": parts for name, parts in one.items()}
    return found | {f"{BUT} {name}": everything - parts for name, parts in one.items()}


def _layer(name: str) -> str:
    return f"layer {name}"


def measure(job: Job, core: FakeQuantisedCore, partial: Path | None = None, *, progress: bool = True) -> dict[str, list[Errors]]:
    """Errors of every program on every photo.

    Args:
        job: what to measure.
        core: ``job.core()``.
        partial: file that keeps the photos that are done; one of another job is begun anew. None keeps nothing.
        progress: whether to show a bar on stderr (never where stderr is not a terminal).

    Returns:
        By program (:func:`programs`), a row for each photo.

    Raises:
        ValueError: ``partial`` is another kind of file.
        OSError: ``partial`` cannot be written.
    """
    done = _resumed(partial, job.key()) if partial is not None else []
    bar = tqdm(
        job.samples, desc="sensitivity", unit="photo", initial=len(done), disable=None if progress else True, mininterval=0.5
    )
    with bar:
        bar.reset(len(job.samples))
        bar.update(len(done))
        for sample in job.samples[len(done) :]:
            done.append(_photo(core, sample))
            if partial is not None:
                content = {"format": PARTIAL_FORMAT, "key": job.key(), "photos": done}
                write_atomically(partial, json.dumps(content).encode())
            bar.update()
    return {name: [rows[name] for rows in done] for name in done[0]}


def _photo(core: FakeQuantisedCore, sample: Sample) -> Rows:
    wanted = programs(core.names)
    normalised, hole = sample.tensors()
    everything = frozenset(core.names)
    found: Rows = {}
    with torch.inference_mode():
        exact = core.fill(normalised, hole, ())
        for common in (frozenset[str](), everything):
            kind = ALONE if not common else BUT
            own = {name: parts ^ common for name, parts in wanted.items() if name.startswith(kind)}
            order = sorted(own, key=lambda name: core.position(own[name]))
            fills = core.variants(normalised, hole, common, [own[name] for name in order])
            found |= {name: errors(fill, exact, sample) for name, fill in zip(order, fills, strict=True)}
            found[ALL if common else NONE] = errors(core.fill(normalised, hole, common), exact, sample)
    return found


@reader
def _read_partial(path: Path) -> Mapping[str, object]:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != PARTIAL_FORMAT:
        raise ValueError(f"{path}: not a part of a sensitivity measurement; delete it to begin anew")
    return content


def _resumed(path: Path, key: str) -> list[Rows]:
    if not path.is_file():
        return []
    content = _read_partial(path)
    photos = content["photos"] if content.get("key") == key else []
    assert isinstance(photos, list)
    return [{name: (row[0], row[1]) for name, row in rows.items()} for rows in photos]
