"""The integer reference as a core: float in, float out, with integers alone between stem and head."""

import numpy as np
import torch
from torch import Tensor, nn

from models.generator import Generator, fold
from quantize.integer_reference import IntegerReference, entry_integers, head_values
from quantize.table import QuantizationTable


class IntegerCore(nn.Module):
    """What ``QuantizationTable.apply`` gives, computed by :class:`quantize.integer_reference.IntegerReference`.

    A shell around it (``models.inpainter``) predicts the pictures of ONNX and LiteRT files.

    Args:
        generator: the network as trained.
        table: made for it.
        size: height and width in pixels.
    """

    def __init__(self, generator: Generator, table: QuantizationTable, size: int) -> None:
        super().__init__()
        folded = fold(generator, size, size)
        self.analysis, self.noise, self.synthesis = folded.analysis, folded.grain, folded.synthesis
        self.reference = IntegerReference(generator, table)

    def forward(self, normalised: Tensor, hole: Tensor) -> Tensor:
        """(1, 3, size, size) and (1, 1, size, size) float32 in, (1, 3, size, size) float32 out."""
        bands = self.noise(self.analysis(torch.cat([normalised, hole], dim=1)))[0].numpy()
        integers = self.reference(entry_integers(bands.astype(np.float32), self.reference.entry))
        return self.synthesis(torch.from_numpy(head_values(integers, self.reference.head))[None])
