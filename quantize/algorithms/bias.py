"""Bias correction: the mean that rounding a weight moves is taken back by its bias.

Nagel et al., *Data-Free Quantization Through Weight Equalization and Bias Correction*, 2019, section 4.2: the expected error of a
convolution is E[(W' - W) x] = (W' - W) E[x], a number for each output channel. E[x] is measured, as in its appendix D.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.generator import Generator, fold
from quantize.affine import weight_integers, weight_scales
from quantize.algorithms.changes import Changes
from quantize.samples import Hook, Sample, run_watched


def correct_biases(network: Generator, samples: Sequence[Sample]) -> Changes:
    """Corrections for every convolution between the Haar transforms.

    Args:
        network: with plain convolutions.
        samples: calibration images, of one size.
    """
    size = samples[0].photo.shape[0]
    core = fold(network, size, size)
    layers = {name: layer for name, layer in core.named_modules() if isinstance(layer, nn.Conv2d)}
    moved: dict[str, list[Tensor]] = {name: [] for name in layers}

    def watch(name: str, layer: nn.Conv2d) -> Hook:
        error = rounding_error(layer.weight)
        assert isinstance(layer.padding, tuple)

        def hook(_module: nn.Module, arguments: tuple[Tensor, ...], _y: Tensor) -> None:
            # The mean over places of a convolution is that of its error, with the padding's zeros counted as they occur.
            moved[name].append(
                nn.functional.conv2d(arguments[0], error, None, layer.stride, layer.padding, groups=layer.groups).mean((0, 2, 3))
            )

        return hook

    run_watched(core, samples, {name: watch(name, layer) for name, layer in layers.items()})
    return Changes(biases={name: tuple((-torch.stack(rows).mean(0)).tolist()) for name, rows in moved.items()})


def rounding_error(weight: Tensor) -> Tensor:
    """What rounding adds to a weight."""
    exact = weight.detach().numpy()
    scales = weight_scales(exact)
    return torch.from_numpy(weight_integers(exact, scales) * scales.reshape(-1, 1, 1, 1) - exact)
