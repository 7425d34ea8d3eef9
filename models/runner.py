"""A trained network as a function on uint8 arrays: what fills photos (``models.fill``) and what evaluations measure."""

import torch

from models.fill.windows import Run
from models.generator import Generator, fold
from models.inpainter import Uint8Shell
from models.photo.images import Pixels


def torch_run(generator: Generator, size: int) -> Run:
    """The deployed form of a trained network in eager PyTorch.

    Raises:
        ValueError: the size is no multiple of ``generator.spec.multiple``.
    """
    shell = Uint8Shell(fold(generator, size, size))

    def run(*, image: Pixels, mask: Pixels) -> Pixels:
        with torch.inference_mode():
            result = shell(torch.tensor(image)[None], torch.tensor(mask)[None, :, :, None])["result"]
        return result[0].numpy()

    return run
