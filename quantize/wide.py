"""The two formats beside w8a8, derived from what there is already: w8 from a checkpoint, w8a16 from its w8a8 table.

Neither needs photos of its own. Weights get 8 bits and the scales that follow from them. Sixteen bits of an activation are so
many that no range has to be searched for: each tensor's is :data:`ROOM` times what the w8a8 table found for it, on both sides of
zero, which leaves 14 bits to what is common and clips nothing that was seen.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.generator import Generator, fold, with_plain_convolutions
from quantize.affine import weight_integers, weight_scales
from quantize.algorithms.changes import Changes
from quantize.schemes import SCHEMES
from quantize.table import Activation, QuantizationTable

ROOM: Final = 4
"""How much wider than in 8 bits a range is in 16. Eight bits clip what is rare to have finer steps for the rest; with sixteen
clipping is the only error left to see. Photos that nobody calibrated with have room, too."""

WIDE_WEIGHT_MAX: Final = SCHEMES["w8"].weight_max
assert SCHEMES["w8a16"].weight_max == WIDE_WEIGHT_MAX


class EightBitConv2d(nn.Module):
    """A convolution whose weight is stored in 8 bits and used in float.

    Args:
        convolution: a plain convolution with a bias, as ``models.generator.fold`` leaves them.
    """

    weight: Tensor
    weight_scale: Tensor
    weight_zero_point: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        exact = convolution.weight.detach().float().cpu().numpy()
        scales = weight_scales(exact, WIDE_WEIGHT_MAX)
        assert convolution.bias is not None
        self.register_buffer("weight", torch.from_numpy(weight_integers(exact, scales, WIDE_WEIGHT_MAX)))
        self.register_buffer("weight_scale", torch.from_numpy(scales))
        self.register_buffer("weight_zero_point", torch.zeros(len(scales), dtype=torch.int64))
        self.register_buffer("bias", convolution.bias.detach().clone())
        self.stride, self.padding, self.dilation = convolution.stride, convolution.padding, convolution.dilation
        self.groups = convolution.groups

    def values(self) -> Tensor:
        """What the integers stand for: (outputs, inputs / groups, kh, kw) float32, one product each."""
        numbers = (self.weight_scale, self.weight_zero_point, 0, -WIDE_WEIGHT_MAX, WIDE_WEIGHT_MAX, torch.int8)
        stood_for: Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(self.weight, *numbers)
        return stood_for

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W'), float."""
        return nn.functional.conv2d(
            x,
            self.values(),
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )


def weights_only(core: Generator, *, fold_weights: bool = True) -> Generator:
    """The w8 program of a folded generator: every learned convolution's weight in 8 bits, all else in float.

    The fixed Haar transforms are no learned convolutions; their filters are powers of two times the band gains.

    Args:
        core: ``models.generator.fold(generator, size, size)``; used up.
        fold_weights: True stores integers followed by a dequantisation (ONNX, Core ML), False what they stand for in float
            (LiteRT, whose file gets the integers back by :func:`eight_bit_weights`). Both compute the same.
    """
    import quantize.pt2e  # noqa: F401 - torchao registers torch.ops.quantized_decomposed; here, because only w8 needs it

    for parent in list(core.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                eight = EightBitConv2d(child)
                if fold_weights:
                    setattr(parent, name, eight)
                else:
                    child.weight.data = eight.values()
    return core


def eight_bit_weights(generator: Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Integers and scales of every learned convolution in w8.

    Args:
        generator: the network as trained, or folded.

    Returns:
        By parameter name (``down.0.1.conv2.weight``): int8 (outputs, inputs / groups, kh, kw) and float32 (outputs,).
    """
    multiple = generator.spec.multiple  # any size will do: weights do not depend on it
    core = weights_only(fold(generator, multiple, multiple))
    return {
        f"{name}.weight": (module.weight.numpy(), module.weight_scale.numpy())
        for name, module in core.named_modules()
        if isinstance(module, EightBitConv2d)
    }


def sixteen_bits(table: QuantizationTable, generator: Generator) -> QuantizationTable:
    """The w8a16 table that follows from a w8a8 table.

    Equalisation stays, because ranges are those of the equalised network. Corrections of biases go: they take back what rounding
    to 7 bits did. So do layers kept in float: there is no budget that 16 bits do not meet.

    Args:
        table: of w8a8.
        generator: the network as trained that it was made for.

    Raises:
        ValueError: the table is not of w8a8.
    """
    if table.scheme != "w8a8":
        raise ValueError(f"table of scheme {table.scheme}: w8a16 is derived from one of w8a8")
    from quantize.tabulate import weight_formats  # torchao is needed from here on, not for float schemes

    changes = Changes(table.changes.exponents)
    activations = {name: _sixteen(row) for name, row in table.activations.items()}
    weights = weight_formats(changes.applied(with_plain_convolutions(generator)), activations, WIDE_WEIGHT_MAX)
    return QuantizationTable(
        table.spec, table.checkpoint_sha256, activations, weights, table.provenance, scheme="w8a16", changes=changes
    )


def _sixteen(row: Activation) -> Activation:
    _, largest = SCHEMES["w8a16"].activation_range
    return Activation(float(np.float32(ROOM * max(map(abs, row.range)) / largest)), 0)
