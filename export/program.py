"""Program: everything a backend needs to make one artefact, and nothing about any backend."""

import functools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from models.conventions import POLARITY, RANGE, UNSTATED_LICENCE
from models.generator import Generator, fold
from models.inpainter import ImageTypeShell, Uint8Shell
from models.wavelet import BlockSynthesis
from quantize.schemes import Scheme
from quantize.table import QuantizationTable
from quantize.wide import sixteen_bits, weights_only

Io = Literal["uint8", "float"]


@dataclass(frozen=True)
class Program:
    """One cell of the matrix, before it is lowered to a format.

    Attributes:
        generator: the network as trained; never changed.
        size: height and width in pixels.
        scheme: number format.
        io: ``uint8`` for the public signature, ``float`` for the bare core.
        checkpoint_sha256: hash of the checkpoint file that the generator was read from.
        calibration: the table of scales that was found, of w8a8; given exactly when ``scheme.calibrated``.
        licence: terms of the weights, as the checkpoint's header states them.
    """

    generator: Generator
    size: int
    scheme: Scheme
    io: Io
    checkpoint_sha256: str
    calibration: QuantizationTable | None = None
    licence: str = UNSTATED_LICENCE

    def __post_init__(self) -> None:
        if self.scheme.calibrated != (self.calibration is not None):
            raise ValueError(f"scheme {self.scheme.name}: a calibration is {'needed' if self.scheme.calibrated else 'not used'}")
        if self.calibration is not None and self.calibration.checkpoint_sha256 != self.checkpoint_sha256:
            raise ValueError(
                f"the calibration belongs to checkpoint {self.calibration.checkpoint_sha256[:12]}..., "
                f"not to {self.checkpoint_sha256[:12]}..."
            )

    @functools.cached_property
    def table(self) -> QuantizationTable | None:
        """The numbers of this scheme: the calibration, or what follows from it; None where no activation is quantised."""
        if self.calibration is None or self.scheme.name == self.calibration.scheme:
            return self.calibration
        return sixteen_bits(self.calibration, self.generator)

    @property
    def float_layers(self) -> tuple[str, ...]:
        """Layers that a calibrated scheme's table keeps in float."""
        return self.table.float_layers if self.table is not None else ()

    def core(self, *, fold_weights: bool = True, by_blocks: bool = False) -> nn.Module:
        """The network to lower: folded, for this size, in this scheme's numbers.

        Args:
            fold_weights: for a quantised scheme, whether weights are integers followed by a dequantisation (what ONNX and
                Core ML lower) or float weights, followed by quantise and dequantise where activations are integers, too (what
                LiteRT lowers).
            by_blocks: the inverse Haar transform as ``models.wavelet.BlockSynthesis`` instead of ``StuffedSynthesis``.
        """
        folded = fold(self.generator, self.size, self.size)
        if by_blocks:
            folded.synthesis = BlockSynthesis(3, self.generator.spec.band_gains)
        if self.table is not None:
            return self.table.apply(folded, self.size, fold_weights=fold_weights)
        if self.scheme.quantised:
            return weights_only(folded, fold_weights=fold_weights)
        return folded.half() if self.scheme.name == "fp16" else folded

    def module(self, shell: type[Uint8Shell] | type[ImageTypeShell], *, fold_weights: bool = True) -> nn.Module:
        """The core in a shell, or the bare core where ``io`` is float."""
        core = self.core(fold_weights=fold_weights)
        if self.io == "float":
            return core
        return shell(core, torch.float16 if self.scheme.name == "fp16" else torch.float32)

    def metadata(self, layout: str) -> dict[str, str]:
        """The ``wavefill.*`` entries that every format carries in its own metadata, equal to the manifest's."""
        return {
            "wavefill.polarity": POLARITY if self.io == "uint8" else "hole: 1 fill, 0 keep",
            "wavefill.range": RANGE if self.io == "uint8" else "float, pixel / 127.5 - 1, hole cleared to 0",
            "wavefill.layout": layout if self.io == "uint8" else "NCHW",
            "wavefill.spec": self.generator.spec.name,
            "wavefill.scheme": self.scheme.name,
            "wavefill.checkpoint_sha256": self.checkpoint_sha256,
            "wavefill.licence": self.licence,
        }
