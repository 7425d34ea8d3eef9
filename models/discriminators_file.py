"""Discriminators as a file: what a generator was trained against, in half precision, for whoever goes on training it.

They are no part of the inpainter and no artefact has them. A run that begins without them has to teach new ones before these say
anything of worth about the fills of a network that is good already.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.checkpoint import check_tensors, read_safetensors, sorted_header, write_atomically
from models.discriminators import DISCRIMINATORS
from models.spec import ModelSpec
from models.system.foreign import reader

FORMAT = "wavefill-discriminators-1"


def file_name(spec: str) -> str:
    """Name in a run folder and beside a shipped checkpoint."""
    return f"{spec}.discriminators.safetensors"


def save_discriminators(path: Path, networks: Mapping[str, nn.Module], spec: ModelSpec, provenance: Mapping[str, str]) -> None:
    """Write discriminators under the final name only once the file is complete.

    Half precision: an entry of a normalised weight is about 1 and is kept to 0.0005, a fraction of one step of the optimiser.

    Args:
        path: file to write.
        networks: by their rows in ``DISCRIMINATORS``.
        spec: of the generator whose fills they have seen.
        provenance: how they came about, text.

    Raises:
        OSError: the disk is full or the folder cannot be written; a previous file of that name is left as it was.
    """
    tensors = {
        f"{row}.{name}": value.detach().half().contiguous().cpu()
        for row, network in networks.items()
        for name, value in network.state_dict().items()
    }
    header = {**provenance, "format": FORMAT, "spec": spec.to_json(), "discriminators": ", ".join(sorted(networks))}
    write_atomically(path, sorted_header(save(tensors, metadata=header)))


def is_discriminators(path: Path) -> bool:
    """Whether a file says that it holds discriminators.

    Raises:
        ValueError: no safetensors file.
    """
    return read_safetensors(path)[1].get("format") == FORMAT


@reader
def load_discriminators(path: Path, spec: ModelSpec, rows: list[str]) -> dict[str, dict[str, Tensor]]:
    """Weights of discriminators, as ``state_dict`` of each row.

    Args:
        path: a file that :func:`save_discriminators` wrote.
        spec: of the generator that they are to judge.
        rows: of ``DISCRIMINATORS`` that are needed; the file may hold more.

    Returns:
        float32 tensors by name, by row.

    Raises:
        ValueError: no such file, another kind, of another spec, without a row that is needed, or of other widths than the row's.
    """
    tensors, header = read_safetensors(path)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: not discriminators (its header says format {header.get('format')!r}, not {FORMAT!r})")
    own = ModelSpec.from_json(header.get("spec", ""))
    if own != spec:
        same = f", another architecture than {spec.name}" if own.name == spec.name else ""
        raise ValueError(f"{path}: discriminators of a {own.name}{same}; the configuration says {spec.name}")
    held = sorted({name.partition(".")[0] for name in tensors})
    lacking = [row for row in rows if row not in held]
    if lacking:
        raise ValueError(f"{path}: holds discriminators {', '.join(held)}; the configuration has {', '.join(rows)}")
    found = {}
    for row in rows:
        weights = {name.removeprefix(f"{row}."): value for name, value in tensors.items() if name.startswith(f"{row}.")}
        with torch.device("meta"):
            expected = DISCRIMINATORS[row]().state_dict()
        check_tensors(path, weights, expected)
        found[row] = {name: value.float() for name, value in weights.items()}
    return found
