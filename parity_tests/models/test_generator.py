"""The generator: folding for deployment, its budget, its specs; and the counting of multiply-accumulates."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.generator import Generator, NormalisedConv2d, fold
from models.macs import count_macs, generator_macs, parameters
from models.spec import SPECS, ModelSpec
from parity_tests.support.small import SMALL, small_generator

FOLDED = 2e-5  # float32: other summation order in some twenty layers, outputs around 1


def inputs(size: int, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(size)
    hole = (torch.rand(batch, 1, size, size, generator=rng) < 0.4).float()
    return (2 * torch.rand(batch, 3, size, size, generator=rng) - 1) * (1 - hole), hole


def fold_error(generator: Generator, folded: nn.Module, size: int) -> float:
    """Largest difference between the trained and the deployed form."""
    with torch.inference_mode():
        return float((folded(*inputs(size, 2)) - generator(*inputs(size, 2))).abs().max())


@pytest.mark.parametrize("size", [16, 32, 80])
def test_folding_computes_the_same(size):
    assert fold_error(small_generator(), fold(small_generator(), size, size), size) < FOLDED


def test_folding_twice_is_harmless_and_leaves_the_original():
    generator = small_generator(1)
    before = copy.deepcopy(generator.state_dict())
    once = fold(generator, 32, 32)
    twice = fold(once, 32, 32)
    assert [type(m) for m in once.modules()] == [type(m) for m in twice.modules()]
    assert all(torch.equal(a, b) for a, b in zip(once.state_dict().values(), twice.state_dict().values(), strict=True))
    assert torch.equal(once(*inputs(32)), twice(*inputs(32)))
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert any(isinstance(module, NormalisedConv2d) for module in generator.modules())


def test_a_fold_that_forgets_the_gain_is_noticed(monkeypatch):
    correct = NormalisedConv2d.folded

    def without_gain(self: NormalisedConv2d) -> nn.Conv2d:
        plain = correct(self)
        with torch.no_grad():
            plain.weight /= self.gain.view(-1, 1, 1, 1)
        return plain

    monkeypatch.setattr(NormalisedConv2d, "folded", without_gain)
    assert fold_error(small_generator(), fold(small_generator(), 32, 32), 32) > 0.01


def test_nothing_of_training_is_left_in_the_deployed_graph():
    folded = fold(small_generator(), 32, 32)
    assert not any(isinstance(module, NormalisedConv2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    operators = {str(n.target) for n in torch.export.export(folded, inputs(32)).graph.nodes if n.op == "call_function"}
    assert not any("transpose" in name or "slice" in name or "norm" in name for name in operators), operators


def test_sizes_that_do_not_fit_are_refused():
    for height, width in ((24, 32), (32, 40), (0, 16), (-16, 16)):
        with pytest.raises(ValueError, match="multiples of 16"):
            fold(small_generator(), height, width)


def test_hole_is_seen():
    """The hole's channel reaches the output: a generator that ignores it would take grey photos for holes."""
    image = torch.zeros(1, 3, 32, 32)
    with torch.inference_mode():
        a, b = (small_generator()(image, torch.full((1, 1, 32, 32), value)) for value in (0.0, 1.0))
    assert not torch.allclose(a, b, atol=1e-3)


BUDGET = {
    # spec        GMACs at 256  parameters in millions
    "wavefill-s": (1.0, 1.5),
    "wavefill-s-wide": (2.0, 3.0),
    "wavefill-m": (3.0, float("inf")),
}


@pytest.mark.parametrize("name", SPECS)
def test_budget(name):
    gmacs, millions = BUDGET[name]
    generator = Generator(SPECS[name])
    assert generator_macs(generator, 256) <= gmacs * 1e9
    assert parameters(generator) <= millions * 1e6


@pytest.mark.parametrize("name", SPECS)
def test_context_reaches_4x4_or_coarser_at_256(name):
    assert 256 // SPECS[name].multiple <= 4


def test_macs_equal_torch_flop_counter():
    folded = fold(small_generator(), 48, 48)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        folded(*inputs(48))
    assert count_macs(folded, inputs(48)) == counter.get_total_flops() // 2


def test_macs_equal_the_closed_form():
    """Layer by layer by hand, for the small spec at 64 pixels: widths 8, 12, 16 at 16, 8, 4 pixels; one block a level."""

    def conv(side: int, inputs: int, outputs: int, kernel: int) -> int:
        return side * side * inputs * outputs * kernel * kernel

    def plain(side: int, width: int) -> int:
        return 2 * conv(side, width, width, 3)

    analysis, stem, head = conv(16, 4, 64, 4), conv(16, 64, 8, 3), conv(16, 8, 48, 3)
    down = plain(16, 8) + conv(8, 8, 12, 2) + plain(8, 12) + conv(4, 12, 16, 2)
    coarsest = conv(4, 1, 16, 5) + 2 * conv(4, 16, 32, 1)
    up = conv(4, 16, 12, 1) + plain(8, 12) + conv(8, 12, 8, 1) + plain(16, 8)
    synthesis = conv(32, 48, 12, 2) + conv(64, 12, 3, 2)
    expected = analysis + stem + down + coarsest + up + head + synthesis
    assert generator_macs(small_generator(), 64) == expected


def test_macs_of_a_transposed_convolution_and_of_an_unknown_operator():
    transposed = nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2)
    x = torch.zeros(1, 6, 5, 7)
    with FlopCounterMode(display=False) as counter:
        transposed(x)
    assert count_macs(transposed, (x,)) == 5 * 7 * 6 * 2 * 9 == counter.get_total_flops() // 2
    with pytest.raises(ValueError, match="linear"):
        count_macs(nn.Linear(3, 3), (torch.zeros(1, 3),))


def test_parameters_are_those_of_the_deployed_convolutions():
    folded = fold(small_generator(), 16, 16)
    convolutions = [m for m in folded.modules() if isinstance(m, nn.Conv2d)]
    assert parameters(small_generator()) == sum(m.weight.numel() + m.bias.numel() for m in convolutions)


def test_spec_round_trip_and_refusals():
    for spec in (*SPECS.values(), SMALL):
        assert ModelSpec.from_json(spec.to_json()) == spec
    assert all(name == spec.name for name, spec in SPECS.items())
    for text in ("", "[]", "{", '{"name": "x"}', '{"name": "x", "widths": [1, 2], "blocks": [1, 1], "colour": 3}'):
        with pytest.raises(ValueError, match="not a model spec"):
            ModelSpec.from_json(text)
    with pytest.raises(ValueError, match="one for each width"):
        ModelSpec("x", (8, 8), (1,))
    with pytest.raises(ValueError, match="each 1 to 4096"):
        ModelSpec("x", (8, 0), (1, 1))
