"""The public signature: for any photo, any mask and any core, kept pixels stay and the hole's content does not matter."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from models.generator import fold
from models.inpainter import ImageTypeShell, Uint8Shell
from parity_tests.support.small import small_generator

SIZE = 16
EDGES = (0, 1, 127, 128, 254, 255)
photos = arrays(np.uint8, (1, SIZE, SIZE, 3))
masks = arrays(np.uint8, (1, SIZE, SIZE, 1), elements=st.sampled_from(EDGES) | st.integers(0, 255))
few = settings(deadline=None, max_examples=60)


class Extreme(nn.Module):
    """A core that answers far outside [-1, 1], as an untrained or overflowing one does."""

    def forward(self, normalised: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
        return torch.where(normalised > 0, 3e4, -3e4).to(normalised.dtype)


CORES = {
    "fp32": (fold(small_generator(), SIZE, SIZE), torch.float32),
    "fp16": (fold(small_generator(), SIZE, SIZE).half(), torch.float16),
    "extreme": (Extreme(), torch.float32),
}


def fill(core: str, photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    network, dtype = CORES[core]
    with torch.inference_mode():
        return Uint8Shell(network, dtype)(torch.tensor(photo), torch.tensor(mask))["result"].numpy()


@pytest.mark.parametrize("core", CORES)
@given(photo=photos, mask=masks)
@few
def test_kept_pixels_are_bit_identical_and_inputs_unchanged(core, photo, mask):
    image, holes = torch.tensor(photo), torch.tensor(mask)
    network, dtype = CORES[core]
    with torch.inference_mode():
        result = Uint8Shell(network, dtype)(image, holes)["result"].numpy()
    kept = mask[0, :, :, 0] < 128
    assert result.dtype == np.uint8
    assert result.shape == photo.shape
    assert np.array_equal(result[0][kept], photo[0][kept])
    assert np.array_equal(image.numpy(), photo)
    assert np.array_equal(holes.numpy(), mask)


@pytest.mark.parametrize("core", CORES)
@given(photo=photos, other=photos, mask=masks)
@few
def test_content_under_the_hole_is_irrelevant(core, photo, other, mask):
    replaced = np.where(mask >= 128, other, photo)
    assert np.array_equal(fill(core, photo, mask), fill(core, replaced, mask))


@given(photo=photos, mask=masks)
@few
def test_only_the_threshold_of_the_mask_matters(photo, mask):
    binary = np.where(mask >= 128, 255, 0).astype(np.uint8)
    assert np.array_equal(fill("fp32", photo, mask), fill("fp32", photo, binary))


@given(photo=photos, mask=masks)
@few
def test_both_shells_compute_the_same(photo, mask):
    network, _ = CORES["fp32"]
    with torch.inference_mode():
        image, hole = (torch.tensor(a).permute(0, 3, 1, 2).float() for a in (photo, mask))
        result = ImageTypeShell(network)(image, hole).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(result, fill("fp32", photo, mask))


@pytest.mark.parametrize("value", EDGES)
def test_polarity(value):
    photo = np.full((1, SIZE, SIZE, 3), 77, np.uint8)
    result = fill("extreme", photo, np.full((1, SIZE, SIZE, 1), value, np.uint8))
    assert np.array_equal(result, photo) == (value < 128)


def test_fill_is_the_cores_answer_in_levels():
    """Independent formula: round((fill + 1) * 127.5), halves up, cut to 0..255."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    mask = (rng.random((1, SIZE, SIZE, 1)) < 0.5).astype(np.uint8) * 255
    network, _ = CORES["fp32"]
    hole = (mask >= 128).astype(np.float32)
    normalised = ((photo.astype(np.float32) / np.float32(127.5) - 1) * (1 - hole)).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        raw = network(torch.from_numpy(normalised), torch.from_numpy(hole.transpose(0, 3, 1, 2))).numpy()
    levels = np.clip(np.floor((raw + 1) * np.float32(127.5) + np.float32(0.5)), 0, 255).transpose(0, 2, 3, 1)
    assert np.array_equal(fill("fp32", photo, mask), np.where(mask >= 128, levels, photo).astype(np.uint8))
    assert len(np.unique(levels)) > 50  # the small generator really fills with a range of levels


def test_inverted_polarity_is_noticed():
    """The planted error: a user (or a backend) that hands the mask over the wrong way round."""
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((1, SIZE, SIZE, 1), np.uint8)
    mask[:, 4:12, 4:12] = 255
    kept = mask[0, :, :, 0] < 128
    assert not np.array_equal(fill("fp32", photo, 255 - mask)[0][kept], photo[0][kept])
