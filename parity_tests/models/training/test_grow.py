"""Growing a network: the larger one is the same function, its copies can part, and what cannot grow is refused."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.__main__ import main
from models.checkpoint import load_checkpoint, read_safetensors, save_checkpoint, sha256
from models.generator import DepthwiseBlock, Generator, NormalisedConv2d
from models.spec import SPECS, ModelSpec
from models.system.errors import run_main
from models.training.grow import Channels, grow
from parity_tests.support.small import SMALL, small_generator

ROUNDING = 2e-5  # of the largest output: float32 sums of some twenty layers in another order


def larger(widths: tuple[int, ...], blocks: tuple[int, ...] | None = None, name: str = "larger") -> ModelSpec:
    return dataclasses.replace(SMALL, name=name, widths=widths, blocks=blocks or SMALL.blocks)


def inputs(size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    hole = (torch.rand(2, 1, size, size, generator=rng) < 0.4).float()
    return (2 * torch.rand(2, 3, size, size, generator=rng) - 1) * (1 - hole), hole


def moved(seed: int = 0) -> Generator:
    """A network whose biases and gains are no longer those of the start, so that a forgotten one shows."""
    generator = small_generator(seed)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, NormalisedConv2d):
                module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=rng))
                module.gain.mul_(0.5 + torch.rand(module.gain.shape, generator=rng))
    return generator


def difference(one: Generator, other: Generator) -> float:
    """Largest difference of two networks' outputs, as a share of the largest output."""
    with torch.inference_mode():
        first, second = one(*inputs()), other(*inputs())
        return float((first - second).abs().max() / first.abs().max())


@settings(max_examples=15)
@given(st.lists(st.integers(0, 30), min_size=len(SMALL.widths), max_size=len(SMALL.widths)), st.integers(0, 99), st.booleans())
def test_a_grown_network_computes_the_same(more, seed, deeper):
    widths = tuple(width + extra for width, extra in zip(SMALL.widths, more, strict=True))
    blocks = tuple(count + deeper for count in SMALL.blocks)
    generator = moved(seed)
    grown = grow(generator, larger(widths, blocks), seed)
    assert grown.spec.widths == widths
    assert difference(generator, grown) < ROUNDING


def test_shares_that_do_not_add_up_are_noticed(monkeypatch):
    spread = Channels.spread.__func__

    def whole(cls, small, large, rng):
        channels = spread(cls, small, large, rng)
        return dataclasses.replace(channels, share=torch.ones_like(channels.share))

    monkeypatch.setattr(Channels, "spread", classmethod(whole))
    assert difference(moved(), grow(moved(), larger(tuple(2 * width for width in SMALL.widths)))) > 0.01


def test_copies_get_gradients_of_their_own():
    grown = grow(moved(), larger(tuple(2 * width for width in SMALL.widths))).train()
    grown(*inputs()).square().mean().backward()
    wide = grown.stem.weight.grad.flatten(1)
    half = len(wide) // 2
    nearest = torch.cdist(wide[:half], wide[half:]).min(dim=0).values
    assert bool((nearest > 1e-3 * wide.norm(dim=1).max()).any())
    assert int((nearest > 0).sum()) > 0.9 * half


def test_new_blocks_can_begin_to_learn():
    grown = grow(moved(), larger(SMALL.widths, tuple(count + 1 for count in SMALL.blocks))).train()
    grown(*inputs()).square().mean().backward()
    last = [level[-1] for level in (*grown.down, *grown.up)]
    gains = [block.project if isinstance(block, DepthwiseBlock) else block.conv2 for block in last]
    assert all(bool((layer.gain == 0).all()) and bool((layer.gain.grad != 0).any()) for layer in gains)


def test_it_leaves_the_random_state_and_the_small_network_alone():
    generator = moved()
    before, state = {k: v.clone() for k, v in generator.state_dict().items()}, torch.get_rng_state()
    grow(generator, larger(tuple(width + 3 for width in SMALL.widths)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (larger((SMALL.widths[0] - 1, *SMALL.widths[1:])), "no level may be lost or become smaller"),
        (larger((*SMALL.widths, 8), (*SMALL.blocks, 1)), "no level may be lost"),
        (dataclasses.replace(SMALL, name="other", expansion=SMALL.expansion + 1), "other has other expansion"),
        (dataclasses.replace(SMALL, name="other", noise_channels=SMALL.noise_channels + 1), "only widths and blocks can grow"),
    ],
)
def test_what_cannot_grow_is_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        grow(small_generator(), spec)


def test_a_shallower_network_is_refused():
    deep = dataclasses.replace(SMALL, name="deep", blocks=tuple(count + 1 for count in SMALL.blocks))
    with pytest.raises(ValueError, match=r"larger has blocks .* deep has .* become smaller"):
        grow(small_generator(0, deep), larger(SMALL.widths))


def test_the_command_writes_a_checkpoint_that_says_where_it_came_from(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SPECS, "larger", larger(tuple(width + 4 for width in SMALL.widths)))
    source, out = tmp_path / "small.safetensors", tmp_path / "large.safetensors"
    save_checkpoint(source, moved(), {"licence": "ours", "step": "12", "config": "{}"})
    assert main(["grow", str(source), "--spec", "larger", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    _, header = read_safetensors(out)
    assert (header["licence"], header["step"], header["grown_from_sha256"]) == ("ours", "12", sha256(source))
    assert "config" not in header
    assert difference(load_checkpoint(source), load_checkpoint(out)) < ROUNDING


def test_a_wrong_name_or_a_spec_that_is_no_larger_writes_nothing(tmp_path, capsys):
    source = tmp_path / "wide.safetensors"
    save_checkpoint(source, Generator(SPECS["wavefill-s-wide"]), {})
    for words, message in (
        (["--spec", "wavefill-s", "--out", "out.safetensors"], "no level may be lost or become smaller"),
        (["--spec", "wavefill-m", "--out", "out.ckpt"], "a checkpoint is called *.safetensors"),
    ):
        words[-1] = str(tmp_path / words[-1])
        assert run_main(main, ["grow", str(source), *words]) == 2
        assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["wide.safetensors"]
