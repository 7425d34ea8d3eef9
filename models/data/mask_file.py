"""Masks fixed in a file, with the seed that they were drawn from: an evaluation that can be repeated elsewhere to the bit."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import write_atomically
from models.data.masks import MASKS, Mask, sample_mask

FORMAT = "wavefill-masks-1"


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
        """Draw masks, each from a generator of its own, so that the first N do not depend on how many follow."""
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
    def read(path: Path) -> "MaskFile":
        """Read what :meth:`write` wrote.

        Raises:
            ValueError: missing, damaged, another format, or a mask that is empty or full.
        """
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if str(archive["format"]) != FORMAT:
                    raise ValueError(f"its format is {str(archive['format'])!r}, not {FORMAT!r}")
                size, families = int(archive["size"]), tuple(str(name) for name in archive["families"])
                bits = archive["bits"]
                if bits.shape != (len(families), -(-size * size // 8)):
                    raise ValueError(f"{bits.shape} bytes of {len(families)} masks of {size}x{size} pixels")
                holes = np.unpackbits(bits, axis=1, count=size * size).reshape(-1, size, size).astype(bool)
                seed = int(archive["seed"])
        except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: not a file of masks that `python -m models masks` wrote ({error})") from error
        covered = holes.mean(axis=(1, 2))
        bad = np.flatnonzero((covered == 0) | (covered == 1))
        if len(bad) or not len(holes) or not set(families) <= set(MASKS):
            what = f"mask {bad[0]} is {'full' if covered[bad[0]] else 'empty'}" if len(bad) else "no masks, or an unknown family"
            raise ValueError(f"{path}: {what}")
        return MaskFile(holes, families, seed)

    def mask(self, index: int) -> tuple[str, Mask]:
        """(family, mask) of a picture; more pictures than masks begin again with the first."""
        return self.families[index % len(self.families)], self.holes[index % len(self.holes)]
