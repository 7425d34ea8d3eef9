"""OPS: what each MIL operator computes, for every operator type that our networks emit.

Definitions are those of coremltools' operator reference (``coremltools.converters.mil.mil.ops.defs``, opset iOS 17); each is
tested against numpy or coremltools' own value inference. All arguments are tensors except strings and the list of a concat.
Half-precision tensors travel as float32 that holds half-precision values: the evaluator rounds each result.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from export.errors import Unsupported

_CASTS = {"fp32": torch.float32, "fp16": torch.float32, "bool": torch.bool, "int32": torch.int32}
_INTEGERS = {"int8": (-128, 127, torch.int8), "uint8": (0, 255, torch.uint8)}


def conv(
    x: Tensor,
    weight: Tensor,
    strides: Tensor,
    pad_type: str,
    pad: Tensor,
    dilations: Tensor,
    groups: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """Correlation, (N, C, H, W) with (O, C / groups, kh, kw); ``pad`` is (top, bottom, left, right)."""
    if pad_type == "custom":
        top, bottom, left, right = (int(n) for n in pad.tolist())
        x = F.pad(x, (left, right, top, bottom))
    elif pad_type != "valid":
        raise Unsupported(f"MIL conv with pad_type {pad_type!r}; the evaluator knows 'valid' and 'custom'")
    return F.conv2d(x, weight, bias, strides.tolist(), 0, dilations.tolist(), int(groups))


def pad(x: Tensor, pad: Tensor, mode: str, constant_val: Tensor) -> Tensor:
    """Constant padding; ``pad`` is (before, after) for each of the last dimensions, first dimension first."""
    if mode != "constant":
        raise Unsupported(f"MIL pad with mode {mode!r}; the evaluator knows 'constant'")
    pairs = pad.view(-1, 2).tolist()
    return F.pad(x, [int(n) for pair in reversed(pairs) for n in pair], value=float(constant_val))


def upsample_nearest_neighbor(x: Tensor, scale_factor_height: Tensor, scale_factor_width: Tensor) -> Tensor:
    """y[i, j] = x[i // sh, j // sw]."""
    factors = float(scale_factor_height), float(scale_factor_width)
    if any(factor != int(factor) for factor in factors):
        raise Unsupported(f"MIL upsample_nearest_neighbor by {factors}; the evaluator knows whole factors")
    return x.repeat_interleave(int(factors[0]), dim=-2).repeat_interleave(int(factors[1]), dim=-1)


def concat(values: Sequence[Tensor], axis: Tensor, interleave: Tensor) -> Tensor:
    """Tensors one after the other along ``axis``."""
    if bool(interleave):
        raise Unsupported("MIL concat with interleave; the evaluator knows plain concatenation")
    return torch.cat(list(values), dim=int(axis))


def cast(x: Tensor, dtype: str) -> Tensor:
    """Change of type; to an integer it truncates, to bool it is x != 0."""
    if dtype not in _CASTS:
        raise Unsupported(f"MIL cast to {dtype!r}; the evaluator knows {', '.join(_CASTS)}")
    return x.to(_CASTS[dtype])


def quantize(
    input: Tensor, scale: Tensor, output_dtype: str, zero_point: Tensor | None = None, axis: Tensor | None = None
) -> Tensor:
    """q = clip(round(input / scale) + zero_point), halves to even."""
    if output_dtype not in _INTEGERS:
        raise Unsupported(f"MIL quantize to {output_dtype!r}; the evaluator knows {', '.join(_INTEGERS)}")
    low, high, dtype = _INTEGERS[output_dtype]
    levels = torch.round(input / _along(scale, axis, input))
    if zero_point is not None:
        levels += _along(zero_point, axis, input).float()
    return levels.clamp_(low, high).to(dtype)


def dequantize(input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: Tensor | None = None) -> Tensor:
    """x = scale (input - zero_point)."""
    levels = input.float()
    if zero_point is not None:
        levels = levels - _along(zero_point, axis, input).float()
    return levels * _along(scale, axis, input)


def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    """x = scale (quantized_data - zero_point), once, when the model is loaded: how integer weights are stored."""
    return dequantize(quantized_data, scale, zero_point, axis)


def _along(values: Tensor, axis: Tensor | None, like: Tensor) -> Tensor:
    """A scalar as it is, a vector along ``axis`` of ``like``."""
    if values.ndim == 0:
        return values
    shape = [1] * like.ndim
    shape[0 if axis is None else int(axis)] = -1
    return values.view(shape)


OPS: dict[str, Callable[..., Tensor]] = {
    "add": lambda x, y: x + y,
    "cast": cast,
    "concat": concat,
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "conv": conv,
    "dequantize": dequantize,
    "floor": lambda x: torch.floor(x),
    "greater_equal": lambda x, y: x >= y,
    "maximum": lambda x, y: torch.maximum(x, y),
    "minimum": lambda x, y: torch.minimum(x, y),
    "mul": lambda x, y: x * y,
    "pad": pad,
    "quantize": quantize,
    "real_div": lambda x, y: x / y,
    "relu": lambda x: torch.relu(x),
    "sub": lambda x, y: x - y,
    "transpose": lambda x, perm: x.permute(perm.tolist()),
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
}
"""Operator type -> function of the operator's own argument names. Any other type is refused by name."""
