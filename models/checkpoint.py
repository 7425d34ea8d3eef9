"""Checkpoints: safetensors with the ModelSpec in the header. Strict to read, atomic to write, never a pickle."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from models.generator import Generator
from models.photo.place import write_atomically as write_atomically
from models.spec import SPECS, ModelSpec
from models.system.files import sha256 as sha256
from models.system.foreign import reader

FORMAT = "wavefill-checkpoint-1"
Network = TypeVar("Network", bound=nn.Module)
MAX_PARAMETERS = 1_000_000_000
"""Most numbers that are read from one file, or that a network may have to be built for one: 4 GB. A training state of the
largest row of ``SPECS`` has a twentieth of that, VGG-16 a seventh, the largest published unconditional DDPM half."""

SHIPPED = Path(__file__).parent / "checkpoints" / "wavefill-s.safetensors"
"""The trained checkpoint that the repository carries."""


def save_checkpoint(path: Path, generator: Generator, provenance: Mapping[str, str]) -> None:
    """Write a checkpoint under its final name only once it is complete.

    Args:
        path: file to write, ``*.safetensors``.
        generator: the network; its parameters are saved as float32.
        provenance: how the weights came about (data, steps, seed ...), text, kept in the header.

    Raises:
        OSError: the disk is full or the folder cannot be written; a previous file of that name is left as it was.
    """
    tensors = {name: value.detach().float().contiguous().cpu() for name, value in generator.state_dict().items()}
    header = {**provenance, "format": FORMAT, "spec": generator.spec.to_json()}
    write_atomically(path, sorted_header(save(tensors, metadata=header)))


def sorted_header(content: bytes) -> bytes:
    """A safetensors file with the entries of its header sorted: the library writes them in random order, so that equal weights
    would not give equal files."""
    length = int.from_bytes(content[:8], "little")
    text = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format wants tensors aligned to 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@reader
def load_checkpoint(path: Path) -> Generator:
    """Read a checkpoint and build its generator, on the CPU, in eval mode.

    Args:
        path: a file that :func:`save_checkpoint` wrote.

    Returns:
        The generator, with the architecture that the header names.

    Raises:
        ValueError: no such file, a pickle, truncated, no wavefill checkpoint, another architecture, extra or missing
            tensors, wrong shapes, or values that are not finite.
    """
    tensors, header = read_safetensors(path)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: not a wavefill checkpoint (its header says format {header.get('format')!r}, not {FORMAT!r})")
    try:
        spec = ModelSpec.from_json(header.get("spec", ""))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if spec != SPECS.get(spec.name, spec):
        raise ValueError(f"{path}: its spec is called {spec.name} but is another architecture than {spec.name}")
    if spec.name in SPECS:  # of known size; the meta device would bring in SymPy, 80 MB and a second
        generator = Generator(spec)
        check_tensors(path, tensors, generator.state_dict())
    else:
        generator = build_as_stored(path, tensors, lambda: Generator(spec))
    generator.load_state_dict(tensors)
    return generator.eval()


def build_as_stored(path: Path, tensors: Mapping[str, Tensor], build: Callable[[], Network]) -> Network:
    """Build a network for tensors that a file holds, once they are known to fit.

    It is built on the meta device first, which takes no memory: what a header asks for is compared with what is there before
    anything of that size is made.

    Args:
        path: of the file, for the messages.
        tensors: by the names of the network's ``state_dict``.
        build: makes the network; called twice.

    Raises:
        ValueError: as :func:`check_tensors`, or more than ``MAX_PARAMETERS``.
    """
    with torch.device("meta"):
        expected = build().state_dict()
    count = sum(value.numel() for value in expected.values())
    if count > MAX_PARAMETERS:
        raise ValueError(f"{path}: its header asks for {count:,} parameters; at most {MAX_PARAMETERS:,} are read")
    check_tensors(path, tensors, expected)
    return build()


@reader
def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file.

    Raises:
        ValueError: missing, a pickle, truncated, not safetensors, or more than ``MAX_PARAMETERS``.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; a checkpoint is one file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open("rb") as file:
        magic = file.read(2)
    if magic in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise ValueError(
            f"{path}: this is a pickle (torch.save); only safetensors checkpoints are read, because a pickle runs code"
        )
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            count = sum(math.prod(file.get_slice(name).get_shape()) for name in names)
            if count > MAX_PARAMETERS:
                raise ValueError(f"{path}: {count:,} parameters; at most {MAX_PARAMETERS:,} are read")
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path}: truncated or not a safetensors file ({error})") from error


def check_tensors(path: Path, got: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Compare names, shapes and finiteness.

    Raises:
        ValueError: naming the first few offenders.
    """
    missing, extra = sorted(expected.keys() - got.keys()), sorted(got.keys() - expected.keys())
    if missing or extra:
        raise ValueError(f"{path}: tensors do not fit its spec; missing: {_some(missing)}; extra: {_some(extra)}")
    shapes = [
        f"{n} {tuple(got[n].shape)} instead of {tuple(expected[n].shape)}" for n in expected if got[n].shape != expected[n].shape
    ]
    if shapes:
        raise ValueError(f"{path}: tensors do not fit its spec; wrong shapes: {_some(shapes)}")
    check_finite(path, got)


def check_finite(path: Path, got: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are no floating-point numbers, or hold some that are not finite.

    Raises:
        ValueError: naming the first few offenders.
    """
    whole = [f"{name} {value.dtype}" for name, value in got.items() if not value.is_floating_point()]
    if whole:
        raise ValueError(f"{path}: tensors must be floating point: {_some(whole)}")
    broken = [name for name, value in got.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise ValueError(f"{path}: not a number or infinite in {_some(broken)}")


def _some(names: list[str]) -> str:
    return (", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")) or "none"
