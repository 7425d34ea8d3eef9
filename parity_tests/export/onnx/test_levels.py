"""The Haar transforms that read and give whole levels, and the stem's whole blocks of channels."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.onnx.backend import build_model
from export.onnx.graph import Graph
from export.onnx.levels import analyse_levels, synthesise_levels
from export.onnx.rewrite import pad_stem
from export.program import Program
from models.inpainter import Uint8Shell
from models.spec import TWO_LEVEL_GAINS
from models.system.privacy import import_onnxruntime
from models.wavelet import PacketAnalysis
from parity_tests.support.formats.onnx_cells import HASH, SIZE, hole, photo, small_program
from parity_tests.support.small import SMALL, small_generator
from quantize.schemes import SCHEMES

NOISY = dataclasses.replace(SMALL, name="noisy", noise_channels=2)


@pytest.fixture(scope="module")
def noisy() -> onnx.ModelProto:
    return build_model(Program(small_generator(spec=NOISY), SIZE, SCHEMES["fp32"], "uint8", HASH))


def run(model, *outputs, mask=None):
    """Values of a model on the photo, those asked for or its result."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for name in outputs:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(list(outputs) or ["result"], {"image": photo(), "mask": hole() if mask is None else mask})


def constants_of(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_bands_are_rounded_once(noisy):
    """Against a transform in float64: what is computed in float32 is the nearest float32 to it, nothing less."""
    (bands,) = run(noisy, "core/analysis/Div")
    known = 1 - (hole() >= 128).astype(np.float64)
    pixels = (photo() / 127.5 - 1) * known
    both = torch.from_numpy(np.concatenate([pixels, 1 - known], axis=3).transpose(0, 3, 1, 2))
    exact = PacketAnalysis(4, TWO_LEVEL_GAINS).double()(both).numpy()
    step = np.spacing(np.abs(exact).astype(np.float32))
    assert np.abs(bands - exact).max() > 0  # they are not float64 after all
    assert np.all(np.abs(bands - exact) <= step * 0.5001 + 1e-15)


def test_pictures_are_those_of_pytorch_and_known_pixels_are_kept(noisy):
    (result,) = run(noisy)
    with torch.inference_mode():
        eager = Uint8Shell(small_generator(spec=NOISY))(torch.from_numpy(photo()), torch.from_numpy(hole()))["result"].numpy()
    difference = np.abs(result.astype(int) - eager)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    keep = np.broadcast_to(hole() < 128, result.shape)
    assert np.array_equal(result[keep], photo()[keep])
    assert {0, 255} <= set(result[~keep].tolist()), "the fill must reach both ends for the clip to be seen"


def test_the_shell_has_few_passes_left(noisy):
    operators = [node.op_type for node in noisy.graph.node if node.name.startswith("shell/")]
    assert "Floor" not in operators
    assert "Div" not in operators
    assert operators.count("Mul") == 2
    half = build_model(small_program("fp16"))
    assert "Floor" in [node.op_type for node in half.graph.node], "half precision does not hold sums of levels"


def test_the_stem_reads_whole_blocks_of_zeros_that_are_not_in_the_file(noisy):
    weight = constants_of(noisy)["core/stem.weight"]
    plain = small_generator(spec=NOISY).stem.folded().weight.detach().numpy()
    assert weight.shape == (8, 80, 3, 3)
    assert np.array_equal(weight[:, :66], plain)
    assert not weight[:, 66:].any()
    (joined,) = run(noisy, "core/grain/Concat")
    assert joined.shape[1] == 80
    assert not joined[:, 66:].any()
    side = joined.shape[2]
    without = Program(small_generator(), SIZE, SCHEMES["fp32"], "uint8", HASH)
    noise_and_weights = 4 * (2 * side * side + 8 * 16 * 9)
    grown = len(noisy.SerializeToString()) - len(build_model(without).SerializeToString())
    assert grown < noise_and_weights + 1000


def test_a_network_without_noise_has_whole_blocks_already():
    graph = Graph.of(build_model(small_program("fp32")))
    before = len(graph.nodes)
    pad_stem(graph)
    assert len(graph.nodes) == before


@pytest.mark.parametrize(
    ("rewrite", "said"), [(analyse_levels, "core/Concat|is made by"), (synthesise_levels, "is read by")], ids=["in", "out"]
)
def test_another_shell_is_refused(rewrite, said):
    """A bare core has none, and one that was rewritten is not rewritten again."""
    for io in ("float", "uint8"):
        with pytest.raises(ValueError, match=said):
            rewrite(Graph.of(build_model(small_program("fp32", io))))
