"""The shipped calibration: it belongs to the shipped checkpoint, and quantising costs no visible quality."""

import dataclasses

import numpy as np
import pytest
import skimage.data
import torch

from models.checkpoint import SHIPPED, load_checkpoint, sha256
from models.data.masks import sample_mask
from models.evaluation.metrics.pixels import hole_psnr
from models.generator import fold
from models.inpainter import Uint8Shell
from quantize.coverage import expected_counts, float_operators, region_counts
from quantize.integer_reference import IntegerReference
from quantize.table import Activation, QuantizationTable, calibration_path

LOSS_BAR_DB = 0.15
"""Hole PSNR to the true photo may drop by this much (0.02 was measured on 25 validation photos, 0.05 on these)."""
FIDELITY_BAR_DB = 36
"""Hole PSNR of the quantised against the float fill (44 on validation photos, 40 on these, 21 with the planted scale)."""


@pytest.fixture(scope="module")
def program():
    return QuantizationTable.load(calibration_path(SHIPPED))


@pytest.fixture(scope="module")
def folded():
    return fold(load_checkpoint(SHIPPED), 256, 256)


def test_the_table_is_that_of_the_checkpoint_and_names_its_photos(program):
    assert program.checkpoint_sha256 == sha256(SHIPPED)
    photos = program.provenance["photos"]
    assert len({photo["sha256"] for photo in photos}) >= 128
    assert all(photo["photo"] and not photo["photo"].startswith("/") and photo["mask"] for photo in photos)


def test_float32_tells_every_bias_from_its_neighbours(program):
    """A bias is a whole number of steps; beyond 2^23 of them a format may store the number next to it."""
    layers = IntegerReference(load_checkpoint(SHIPPED), program).convolutions()
    assert len(layers) == expected_counts(load_checkpoint(SHIPPED).spec)["conv"]
    assert max(np.abs(one.bias).max() for one in layers.values()) < 2**23


@pytest.mark.slow
def test_the_shipped_network_is_integer_from_stem_to_head(program, folded):
    example = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)
    graph = torch.export.export(program.apply(folded, 256), example).module()
    assert float_operators(graph) == []
    assert dict(region_counts(graph)) == expected_counts(load_checkpoint(SHIPPED).spec)


def scenes():
    rng = np.random.default_rng(7)
    for photo in (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()):
        for _ in range(2):
            top, left = (int(rng.integers(0, side - 255)) for side in photo.shape[:2])
            yield np.ascontiguousarray(photo[top : top + 256, left : left + 256]), sample_mask(256, rng)[1]


def fills(core):
    shell = Uint8Shell(core).eval()
    with torch.no_grad():
        for photo, hole in scenes():
            mask = torch.from_numpy(np.where(hole, 255, 0).astype(np.uint8))[None, ..., None]
            yield shell(torch.from_numpy(photo)[None], mask)["result"][0].numpy()


@pytest.mark.slow
def test_quantising_costs_no_visible_quality_and_a_wrong_scale_does(program, folded):
    exact = list(fills(folded))

    def measure(table):
        quantised = list(fills(table.apply(folded, 256)))
        rows = list(zip(quantised, exact, scenes(), strict=True))
        loss = np.mean([hole_psnr(f, photo, hole) - hole_psnr(q, photo, hole) for q, f, (photo, hole) in rows])
        return loss, np.mean([hole_psnr(q, f, hole) for q, f, (_, hole) in rows])

    loss, fidelity = measure(program)
    assert loss <= LOSS_BAR_DB
    assert fidelity >= FIDELITY_BAR_DB
    head = program.activations["head"]
    planted = {**program.activations, "head": Activation(head.scale / 4, head.zero_point)}
    loss, fidelity = measure(dataclasses.replace(program, activations=planted))
    assert fidelity < FIDELITY_BAR_DB
