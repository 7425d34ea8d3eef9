"""Channels last from end to end: no TRANSPOSE between the pixels and the network, or inside it.

PyTorch networks are NCHW and LiteRT kernels NHWC. litert-torch turns the convolutions round and cancels most transpositions,
but it leaves the concatenation of image and hole in NCHW behind one TRANSPOSE, and a uint8 NHWC shell that composites in NCHW
costs three more. So the shell composites in NHWC (its arithmetic is element by element, the layout does not matter), and the
concatenation is rewritten in the exported graph.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the field's standard abbreviation
from torch import Tensor, nn
from torch.fx import GraphModule

from models.conventions import MASK_THRESHOLD, PIXEL_MAX, PIXEL_SCALE
from models.inpainter import Uint8Shell
from quantize.coverage import QUANTISE

_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


class ChannelsLastShell(Uint8Shell):
    """:class:`models.inpainter.Uint8Shell`, computed in NHWC: the same ports and the same numbers.

    Args:
        core: float NCHW network, as for ``Uint8Shell``.
    """

    ones: Tensor

    def __init__(self, core: nn.Module) -> None:
        super().__init__(_ChannelsLastCore(core))
        self.register_buffer("ones", torch.ones(3, 1, 1, 1), persistent=False)

    def forward(self, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"result": self.composite(image.float(), mask.float()).to(torch.uint8)}

    def composite(self, image: Tensor, mask: Tensor) -> Tensor:
        """As ``Uint8Shell`` does it, bit for bit, in fewer passes over memory.

        The hole is repeated for each colour once, by a 1x1 convolution: products of three interleaved colours with one mask are
        computed three values at a time, and each of three such products took as long as all else here. The image without the
        hole serves the network and the result. Rounding down is left to the cast, which cuts off what is behind the point.

        Args:
            image: (1, H, W, 3) float, whole numbers 0..255.
            mask: (1, H, W, 1) float, 0..255; >= 128 is the hole.

        Returns:
            (1, H, W, 3) float in 0..255, equal to ``image`` outside the hole, to be cut off to whole numbers.
        """
        single = (mask >= MASK_THRESHOLD).to(image.dtype)
        hole = F.conv2d(single.permute(_TO_NCHW), self.ones).permute(_TO_NHWC)
        known = 1 - hole
        kept = image * known
        fill = self.core(kept / PIXEL_SCALE - known, single)
        levels = (fill + 1) * PIXEL_SCALE + 0.5
        levels = torch.minimum(torch.maximum(levels, levels.new_tensor(0.0)), levels.new_tensor(PIXEL_MAX))
        return kept + levels * hole


class _ChannelsLastCore(nn.Module):
    """A float NCHW core behind NHWC tensors; the converter cancels these permutations against its own."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.core = core

    def forward(self, normalised: Tensor, hole: Tensor) -> Tensor:
        fill: Tensor = self.core(normalised.permute(_TO_NCHW), hole.permute(_TO_NCHW))
        return fill.permute(_TO_NHWC)


class NamedCore(nn.Module):
    """A bare core whose output has a name, ``fill``, in the file's signature."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.core = core

    def forward(self, normalised: Tensor, hole: Tensor) -> dict[str, Tensor]:
        return {"fill": self.core(normalised, hole)}


def zero_inputs(size: int) -> dict[str, Tensor]:
    """Zeros in the shape of a core's inputs: ``normalised`` (1, 3, size, size), ``hole`` (1, 1, size, size)."""
    return {"normalised": torch.zeros(1, 3, size, size), "hole": torch.zeros(1, 1, size, size)}


def with_channels_last_concatenation(core: nn.Module, size: int) -> GraphModule:
    """Export a core and let it concatenate along the last axis, between permutations that the converter cancels.

    It concatenates image and hole and, where its spec has noise channels, subbands and noise.

    Args:
        core: a folded generator or its quantised program; left as it is.
        size: height and width in pixels.

    Returns:
        The exported graph, equal in value to the core.

    Raises:
        ValueError: the core concatenates nothing, or along another axis.
    """
    exported = torch.export.export(core, tuple(zero_inputs(size).values())).module(check_guards=False)
    graph = exported.graph
    found = graph.find_nodes(op="call_function", target=torch.ops.aten.cat.default)
    axes = [list(node.args[1:]) for node in found]
    if not found or any(axis != [1] for axis in axes):
        raise ValueError(f"{len(found)} concatenations in the core, along {axes}; all must be along the channels, axis 1")
    permute, multiply = torch.ops.aten.permute.default, torch.ops.aten.mul.Tensor
    for node in found:
        wide = any(str(user.target) == QUANTISE and user.args[-1] == torch.int16 for user in node.users)
        with graph.inserting_before(node):
            parts = [graph.call_function(multiply, (part, 0.5)) for part in node.args[0]] if wide else node.args[0]
            turned = [graph.call_function(permute, (part, list(_TO_NHWC))) for part in parts]
            joined = graph.call_function(torch.ops.aten.cat.default, (turned, 3))
            restored = graph.call_function(permute, (joined, list(_TO_NCHW)))
            if wide:
                restored = graph.call_function(multiply, (restored, 2.0))
        node.replace_all_uses_with(restored)
        graph.erase_node(node)
    exported.recompile()
    return exported
