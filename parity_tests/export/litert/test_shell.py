"""LiteRT's shell computes what the other formats' does, in fewer passes."""

import numpy as np
import pytest
import torch

from export.litert.delegate import core_operators
from export.litert.flatbuffer import read
from export.litert.inspect import operators_of
from export.litert.layout import ChannelsLastShell
from export.parity import EDGE_VALUES
from models.generator import fold
from models.inpainter import Uint8Shell
from parity_tests.support.formats.litert_models import SIZE, saved
from parity_tests.support.small import small_generator


def pictures():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    mask = rng.choice(np.array(EDGE_VALUES, np.uint8), (1, SIZE // 8, SIZE // 8, 1)).repeat(8, 1).repeat(8, 2)
    return torch.from_numpy(image), torch.from_numpy(mask)


@pytest.mark.parametrize("gain", [1.0, 40.0], ids=["as it is", "far beyond both ends"])
def test_it_equals_the_shell_of_the_other_formats_bit_for_bit(gain):
    core = fold(small_generator(), SIZE, SIZE)
    core.head.weight.data *= gain
    with torch.inference_mode():
        expected, found = (shell(core)(*pictures())["result"] for shell in (Uint8Shell, ChannelsLastShell))
    assert torch.equal(found, expected)
    hole = (pictures()[1] >= 128).expand(found.shape)
    assert {0, 255} <= set(found[hole].tolist())
    assert not torch.equal(found[hole], pictures()[0][hole])


def test_only_the_joining_of_hole_and_image_multiplies_by_one_channel():
    """A product of three interleaved colours with one mask took a millisecond of eight."""
    operators = operators_of(read(saved("fp32")))
    first = core_operators(read(saved("fp32")))[0]
    assert first.type == "CONCATENATION"
    place = [operator.outputs[0].name for operator in operators].index(first.outputs[0].name)
    before = [operator.type for operator in operators[:place]]
    assert before.count("CONV_2D") + before.count("DEPTHWISE_CONV_2D") == 1
    products = [operator for operator in operators if operator.type in ("MUL", "SUB") and len(operator.outputs[0].shape) == 4]
    assert products
    for product in products:
        assert {value.shape[-1] for value in product.inputs if len(value.shape) == 4} == {product.outputs[0].shape[-1]}
    assert "FLOOR" not in [operator.type for operator in operators]
