"""Masks fixed in a file, with the seed that they were drawn from: an evaluation that can be repeated elsewhere to the bit."""

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import write_atomically
from models.data.masks import MASKS, Mask, sample_mask
from models.system.foreign import reader

FORMAT = "wavefill-masks-1"

MAX_PIXELS = 1 << 30
"""Of all masks of a file together, a byte each once they are read: 16,384 masks of 256x256."""

_ARRAYS = ("format", "seed", "size", "families", "bits")
_OTHERS_BYTES = 1 << 24
"""Room for everything but the bits: names of families, headers."""


@dataclass(frozen=True)
class MaskFile:
    """Masks of one size.

    Attributes:
        holes: (N, size, size) bool, True inside the hole; none empty or full.
        families: N names of rows of ``MASKS``.
        seed: mask i was drawn from ``default_rng([seed, i])``.
    """

    holes: NDArray[np.bool_]
    families: tuple[str, ...]
    seed: int

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.holes.shape[1])

    @staticmethod
    def draw(size: int, count: int, seed: int) -> "MaskFile":
        """Draw masks, each from a generator of its own, so that the first N do not depend on how many follow.

        Raises:
            ValueError: more pixels than a file may hold.
        """
        check_extent(count, size)
        drawn = [sample_mask(size, np.random.default_rng([seed, index])) for index in range(count)]
        return MaskFile(np.stack([mask for _, mask in drawn]), tuple(name for name, _ in drawn), seed)

    def write(self, path: Path) -> None:
        """Write atomically: a NumPy archive with one bit a pixel; equal masks give equal bytes.

        Raises:
            OSError: the file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=np.array(FORMAT),
            seed=np.array(self.seed),
            size=np.array(self.size),
            families=np.array(self.families),
            bits=np.packbits(self.holes.reshape(len(self.holes), -1), axis=1),
        )
        write_atomically(path, buffer.getvalue())

    @staticmethod
    @reader
    def read(path: Path) -> "MaskFile":
        """Read what :meth:`write` wrote.

        Raises:
            ValueError: missing, damaged, another format, or a mask that is empty or full.
        """
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        try:
            arrays = _read_archive(path)
            if str(arrays["format"]) != FORMAT:
                raise ValueError(f"its format is {str(arrays['format'])[:80]!r}, not {FORMAT!r}")
            size, seed = _whole(arrays["size"], "size"), _whole(arrays["seed"], "seed")
            families, bits = tuple(str(name) for name in arrays["families"]), arrays["bits"]
            check_extent(len(families), size)
            if bits.shape != (len(families), -(-size * size // 8)) or bits.dtype != np.uint8:
                raise ValueError(f"{bits.shape} {bits.dtype} for {len(families)} masks of {size}x{size} pixels, one bit each")
            holes = np.unpackbits(bits.astype(np.uint8), axis=1, count=size * size).reshape(-1, size, size).astype(bool)
        except OSError:
            raise
        except Exception as error:  # whatever zip, zlib and NumPy raise on damaged ones: see models.system.foreign
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            raise ValueError(f"{path}: not a file of masks that `python -m models masks` wrote ({kind}{error})") from error
        covered = holes.mean(axis=(1, 2))
        bad = np.flatnonzero((covered == 0) | (covered == 1))
        if len(bad) or not len(holes) or not set(families) <= set(MASKS):
            what = f"mask {bad[0]} is {'full' if covered[bad[0]] else 'empty'}" if len(bad) else "no masks, or an unknown family"
            raise ValueError(f"{path}: {what}")
        return MaskFile(holes, families, seed)

    def mask(self, index: int) -> tuple[str, Mask]:
        """(family, mask) of an image; more images than masks begin again with the first."""
        return self.families[index % len(self.families)], self.holes[index % len(self.holes)]


def check_extent(count: int, size: int) -> None:
    """Refuse what would not fit into memory.

    Raises:
        ValueError: no pixels, or more than ``MAX_PIXELS``.
    """
    if count < 1 or size < 1 or count * size * size > MAX_PIXELS:
        raise ValueError(f"{count} masks of {size}x{size}: 1 to {MAX_PIXELS:,} pixels in all are allowed")


def _whole(array: NDArray[np.generic], name: str) -> int:
    if array.shape != () or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not a whole number")
    return int(array)


def _read_archive(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a file, of which a small one can say that it unpacks to any length.

    NumPy would unpack whatever the archive says, and make room for whatever an array's header says, before it looks at the data.

    Raises:
        ValueError: other arrays than are needed, too much of them, or a header that does not fit its data.
        Exception: what zip, zlib and NumPy raise on damaged ones.
    """
    room = MAX_PIXELS // 8 + _OTHERS_BYTES
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if sorted(names) != sorted(f"{name}.npy" for name in _ARRAYS):
            raise ValueError(f"it holds {', '.join(names)[:80] or 'nothing'}")
        if sum(info.file_size for info in archive.infolist()) > room:
            raise ValueError(f"unpacked it would have more than {room:,} bytes")
        for name in _ARRAYS:
            with archive.open(f"{name}.npy") as member:
                arrays[name] = _array(member.read())
    return arrays


def _array(content: bytes) -> NDArray[np.generic]:
    """An array of a ``.npy`` file, as a view of its bytes.

    Raises:
        ValueError: another version, Fortran order, Python objects, or another number of values than the header says.
    """
    file = io.BytesIO(content)
    if (version := np.lib.format.read_magic(file)) != (1, 0):
        raise ValueError(f"array format {version}, not (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or dtype.fields is not None or dtype.subdtype is not None or fortran or dtype.itemsize == 0:
        raise ValueError(f"an array of {dtype}")
    values = content[file.tell() :]
    if len(values) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(values)} bytes for an array of {dtype} {shape}")
    return np.frombuffer(values, dtype).reshape(shape)
