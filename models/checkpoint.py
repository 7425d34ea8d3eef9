"""Checkpoints: safetensors with the ModelSpec in the header. Strict to read, atomic to write, never a pickle."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.generator import Generator
from models.spec import SPECS, ModelSpec
from models.temporary import temporary_file

FORMAT = "wavefill-checkpoint-1"
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


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file beside ``path`` and rename it: a reader sees the old file or the new one, whole.

    What a killed process left of the same name is deleted.

    Raises:
        OSError: naming ``path``; a previous file of that name is left as it was, and no other file stays behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as (descriptor, temporary):
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            # Temporary files are private; give the usual permissions back.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
    except OSError as error:
        # The system names the temporary file, which means nothing to a user.
        raise OSError(error.errno, error.strerror, str(path)) from error


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
    generator = Generator(spec)
    check_tensors(path, tensors, generator.state_dict())
    generator.load_state_dict(tensors)
    return generator.eval()


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file.

    Raises:
        ValueError: missing, a pickle, truncated, or not safetensors.
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
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
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
    whole = [f"{name} {value.dtype}" for name, value in got.items() if not value.is_floating_point()]
    if whole:
        raise ValueError(f"{path}: tensors must be floating point: {_some(whole)}")
    broken = [name for name, value in got.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise ValueError(f"{path}: not a number or infinite in {_some(broken)}")


def _some(names: list[str]) -> str:
    return (", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")) or "none"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
