"""What a backend is: the protocol that `export/<name>/backend.py` files implement, and the types they exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from export.program import Program
    from quantize.schemes import Scheme

Array = NDArray[np.generic]
Runner = Callable[[Array, Array], Array]
"""(image, mask) -> result. Public artefacts: uint8 (1, H, W, 3), (1, H, W, 1) -> (1, H, W, 3). Bare cores (``--io float``):
float32 normalised (1, 3, H, W), hole (1, 1, H, W) -> fill (1, 3, H, W)."""

Action = Literal["convert", "run"]


@dataclass(frozen=True)
class Port:
    """One input or output of a saved model, as the file itself declares it."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # "uint8", "float32", "float16", "rgb", "grayscale"


@dataclass(frozen=True)
class Coverage:
    """Operators of one kind between stem and head of a quantised file.

    Attributes:
        integer: those whose inputs all come from integers and whose result goes to integers only.
        floating: the others; "int8 that is int8" has none.
    """

    integer: int
    floating: int


@dataclass(frozen=True)
class Inspection:
    """What a saved model file says of itself, read back from the file alone.

    Attributes:
        metadata: the ``wavefill.*`` entries of the format's own metadata.
        inputs: declared inputs, in order.
        outputs: declared outputs, in order.
        macs: multiply-accumulates of all convolutions, counted from the file's shapes.
        operators: how often each operator type occurs.
        coverage: what is integer, by kind (``conv``, ``add``, ``resize`` as ``quantize.coverage`` names them; others only where
            they are in the way); None for a file that quantises nothing.
        byte_weights: convolutions whose weight is stored in 8 bits.
    """

    metadata: Mapping[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    macs: int
    operators: Mapping[str, int]
    coverage: Mapping[str, Coverage] | None = None
    byte_weights: int = 0


class Backend(Protocol):
    """One target format. Toolkits are imported inside methods, so that listing backends needs none of them."""

    name: str
    model_file: str
    """Name of the model file or package inside an artefact's folder."""
    minimum_target: str
    """Oldest runtime or system that runs the artefact, in words."""
    later_targets: Mapping[str, str]
    """The same for schemes that need a later one."""

    def convert(self, program: Program, folder: Path) -> None:
        """Write ``folder / model_file``. Equal programs give equal bytes on any checkout."""
        ...

    def load(self, model: Path, threads: int) -> Runner:
        """Load a saved model into this platform's runtime (default session options)."""
        ...

    def inspect(self, model: Path) -> Inspection:
        """Read signature, metadata, MACs and operators back from the saved file."""
        ...

    def unavailable(self, action: Action) -> str | None:
        """Why ``action`` cannot be done here, in one line; None where it can."""
        ...

    def unsupported(self, scheme: Scheme) -> str | None:
        """Why this format has no such number format anywhere, in one line; None where it has."""
        ...
