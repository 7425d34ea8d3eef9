"""The fixed noise beside the subbands: the same everywhere, without a period, and gone where a spec has none."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.generator import Generator, NoiseInput, fold
from models.spec import LARGEST_SIZE, SPECS, ModelSpec
from parity_tests.conftest import TINY
from quantize.coverage import region

NOISY = dataclasses.replace(TINY, name="grainy", noise_channels=2)


def test_noise_is_the_same_on_every_machine():
    """Pinned: a change would silently turn every trained network into another one."""
    noise = NoiseInput(2, 4, 4).noise
    row = np.frombuffer(hashlib.shake_128(b"grain 1 2").digest(4), np.uint8)
    assert np.allclose(noise[0, 1, 2].numpy(), (row - 127.5) / 127.5)
    digest = hashlib.sha256(
        (NoiseInput(2, 256, 256).noise.numpy() * 127.5 + 127.5).round().astype(np.uint8).tobytes()
    ).hexdigest()
    assert digest.startswith(PINNED)


PINNED = "99ed9bd367f2ace0"


def test_noise_is_white():
    """Uniform in [-1, 1], and no frequency stands out: periodogram ordinates of white noise are exponentially distributed."""
    noise = NoiseInput(2, 256, 256).noise[0].double().numpy()
    assert abs(noise).max() <= 1
    assert noise.var() == pytest.approx(1 / 3, rel=0.01)
    power = np.abs(np.fft.fft2(noise - noise.mean(axis=(1, 2), keepdims=True))) ** 2 / noise[0].size / noise.var()
    # The largest of n exponential values exceeds log(n) + 5 in 0.7 % of draws.
    assert power.max() < np.log(power.size) + 5
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.01


def test_planted_period_is_noticed():
    tile = NoiseInput(1, 64, 64).noise[0, 0].numpy()
    power = np.abs(np.fft.fft2(np.tile(tile, (4, 4)))) ** 2 / (256 * 256) / tile.var()
    assert power[1:, 1:].max() > np.log(256 * 256) + 5


@given(rows=st.integers(1, 32), columns=st.integers(1, 32), batch=st.integers(1, 3))
def test_every_size_sees_the_same_noise(rows, columns, batch):
    layer = NoiseInput(2, 32, 32)
    x = torch.ones(batch, 3, rows, columns)
    y = layer(x)
    assert torch.equal(y[:, :3], x)
    assert torch.equal(y[:, 3:], layer.noise[:, :, :rows, :columns].expand(batch, -1, -1, -1))
    assert torch.equal(layer.deployed(rows, columns)(x), y)


@pytest.mark.parametrize("size", [8, 24])
def test_folding_keeps_the_grain(size):
    torch.manual_seed(0)
    generator, hole = Generator(NOISY).eval(), (torch.rand(1, 1, size, size) > 0.5).float()
    image = (torch.rand(1, 3, size, size) * 2 - 1) * (1 - hole)
    with torch.no_grad():
        expected, got = generator(image, hole), fold(generator, size, size)(image, hole)
    assert torch.allclose(got, expected, atol=1e-5)
    assert fold(generator, size, size).grain.noise.shape == (1, 2, size // 4, size // 4)


def test_grain_breaks_the_symmetry_of_an_empty_hole():
    """Where everything is hole, a network without noise repeats itself away from the borders; with noise it does not."""
    repeats = {}
    for spec in (TINY, NOISY):
        torch.manual_seed(0)
        generator = Generator(spec)
        with torch.no_grad():
            fill = generator(torch.zeros(1, 3, 128, 128), torch.ones(1, 1, 128, 128))[0, :, 48:80, 48:80]
        repeats[spec.name] = torch.allclose(fill[:, :16, :16], fill[:, 16:, 16:], atol=1e-5)
    assert repeats == {"tiny": True, "grainy": False}


def test_checkpoints_of_a_spec_without_grain_stay_what_they_were():
    assert "grain" not in [name.split(".")[0] for name, _ in Generator(NOISY).named_parameters()]
    old = {k: v for k, v in dataclasses.asdict(TINY).items() if k != "noise_channels"}
    assert ModelSpec(**old) == TINY
    assert Generator(TINY).stem.weight.shape[1] + 2 == Generator(NOISY).stem.weight.shape[1]


def test_files_call_the_channels_grain():
    """As they did before the field was renamed: checkpoints stay readable and artefacts keep their bytes."""
    fields = json.loads(NOISY.to_json())
    assert fields["grain"] == NOISY.noise_channels == 2
    assert ModelSpec.from_json(NOISY.to_json()) == NOISY
    fields["noise_channels"] = fields.pop("grain")
    with pytest.raises(ValueError, match="noise_channels is called grain"):
        ModelSpec.from_json(json.dumps(fields))


@pytest.mark.parametrize("channels", [-1, 17, 1.0, True])
def test_bad_noise_channels_are_refused(channels):
    with pytest.raises(ValueError, match="noise_channels"):
        dataclasses.replace(TINY, noise_channels=channels)


def test_largest_images_have_noise():
    spec = SPECS["wavefill-s"]
    assert Generator(spec).grain.noise.shape[2] << spec.haar_levels == LARGEST_SIZE


def test_the_integer_region_begins_behind_the_grain():
    size = NOISY.multiple
    ports = (torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size))
    model = torch.export.export(fold(Generator(NOISY), size, size), ports).module(check_guards=False)
    first, second, *_ = region(model)
    assert (first.kind, first.tensor, str(first.node.target)) == ("input", "analysis", "aten.cat.default")
    assert (second.kind, second.tensor) == ("conv", "stem")
