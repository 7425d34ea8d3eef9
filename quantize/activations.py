"""Is there room in half precision? The largest activations of each layer, and of the sums inside it.

fp16 ends at 65504. Phone accelerators may also add up in it, in an order of their own; sum |x| |w| + |b| bounds every partial sum
of a convolution in every order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.conventions import PIXEL_MAX, PIXEL_SCALE
from models.evaluation.metrics.pixels import decibels
from models.generator import Generator, fold
from quantize.samples import Hook, Sample, run_watched

HALF_MAX = 65504.0
HEADROOM = 16
"""How many times larger than anything seen fp16's end must be: photos that were not looked at, sums before they are scaled."""
BAR = HALF_MAX / HEADROOM
"""4094: the largest allowed activation."""


@dataclass(frozen=True)
class Extreme:
    """What one layer reached.

    Attributes:
        output: largest |output|.
        partial: bound of every partial sum, in any order; None for what is no convolution.
    """

    output: float
    partial: float | None


def extremes(
    generator: Generator, samples: Sequence[Sample], *, on_sample: Callable[[], object] = lambda: None
) -> dict[str, Extreme]:
    """Run the folded network in float32 and note the largest values of every module.

    Args:
        generator: the network as trained.
        samples: of one size.
        on_sample: called after each, for a progress bar.

    Returns:
        By module path, in execution order; a block's own row is its residual sum.

    Raises:
        ValueError: values that are not finite.
    """
    size = samples[0].photo.shape[0]
    folded = fold(generator, size, size)
    outputs: dict[str, float] = {}
    partials: dict[str, float] = {}

    def watch(name: str) -> Hook:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            largest = float(output.abs().max())
            if not np.isfinite(largest):
                raise ValueError(f"{name}: {largest}; the network gives no finite result")
            outputs[name] = max(outputs.get(name, 0.0), largest)
            if isinstance(module, nn.Conv2d):
                bias = None if module.bias is None else module.bias.abs()
                shape = (module.stride, module.padding, module.dilation, module.groups)
                bound = F.conv2d(inputs[0].abs(), module.weight.abs(), bias, *shape)  # type: ignore[arg-type]
                partials[name] = max(partials.get(name, 0.0), float(bound.max()))

        return hook

    run_watched(folded, samples, {name: watch(name) for name, _ in folded.named_modules() if name}, on_sample=on_sample)
    return {name: Extreme(value, partials.get(name)) for name, value in outputs.items()}


def half_psnr_db(generator: Generator, sample: Sample) -> float:
    """Hole PSNR between the network in torch's half precision on the processor and in fp32; infinite where no level differs.

    Raises:
        ValueError: half precision overflows.
    """
    size = sample.photo.shape[0]
    folded, (normalised, hole) = fold(generator, size, size), sample.tensors()
    with torch.no_grad():
        exact = folded(normalised, hole)
        half = folded.half()(normalised.half(), hole.half()).float()
    if not bool(torch.isfinite(half).all()):
        raise ValueError("half precision overflows: the fill has values that are not finite")
    levels = [torch.floor((fill + 1) * PIXEL_SCALE + 0.5).clamp(0, PIXEL_MAX)[0] for fill in (exact, half)]
    difference = (levels[0] - levels[1])[:, torch.from_numpy(sample.hole)].double()
    found = decibels(float((difference**2).mean()))
    return math.inf if found is None else found
