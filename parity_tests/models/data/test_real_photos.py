"""What the shipped network promises, measured on a folder of real photos and one of masks.

    pytest parity_tests/models/data/test_real_photos.py --photos=DIR --masks=DIR

Centre crops of 256 pixels, photo i with mask i mod n; use photos that the network was not trained on.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import SHIPPED, load_checkpoint
from models.data.photos import find_photos
from models.evaluation.baselines import BASELINES
from models.evaluation.protocol import Fill, evaluate, read_cases, run_fill
from models.evaluation.report import difference, report
from models.generator import fold
from models.inpainter import Uint8Shell
from models.runner import torch_run
from quantize.table import Activation, QuantizationTable, calibration_path

pytestmark = pytest.mark.slow

SIZE = 256
GAIN_BAR_DB = 0.0
"""Mean hole PSNR above the better of Telea and Navier-Stokes; adversarial weights spend PSNR on texture."""
LOSS_BAR_DB = 0.15
"""Mean hole PSNR that 8 bits may cost."""
QUANTISED_PHOTOS = 40
"""Enough for the loss, which hardly differs between photos; a quantised program in PyTorch is slow."""


@pytest.fixture(scope="module")
def folders(request) -> tuple[list[Path], list[Path]]:
    """Photos and masks of the folders that were given."""
    photos, masks = (request.config.getoption(name) for name in ("--photos", "--masks"))
    if not (photos and masks):
        pytest.skip("give --photos=DIR and --masks=DIR")
    return find_photos(Path(photos)), find_photos(Path(masks))


def quantised_fill(table: QuantizationTable) -> Fill:
    """The w8a8 program as a method of ``models.evaluation.protocol``."""
    shell = Uint8Shell(table.apply(fold(load_checkpoint(SHIPPED), SIZE, SIZE), SIZE)).eval()

    def fill(photo, hole):
        mask = torch.from_numpy(np.where(hole, 255, 0).astype(np.uint8))
        with torch.no_grad():
            return shell(torch.from_numpy(photo.copy())[None], mask[None, ..., None])["result"][0].numpy()

    return fill


def test_the_network_beats_the_classical_baselines(folders):
    methods = {"network": run_fill(torch_run(load_checkpoint(SHIPPED), SIZE)), **BASELINES}
    measured = evaluate(read_cases(*folders, SIZE, seed=0), methods)
    figures, result = measured.figures, report(measured, {})
    assert result.over_best_baseline["network"]["mean_db"] >= GAIN_BAR_DB
    # The planted failure: a fill without content does not reach the bar.
    assert difference(figures["mean"], figures[result.best_baseline])["mean_db"] < GAIN_BAR_DB


def test_eight_bits_cost_next_to_nothing(folders):
    photos, masks = folders
    table = QuantizationTable.load(calibration_path(SHIPPED))
    head = table.activations["head"]
    planted = {**table.activations, "head": Activation(head.scale / 4, head.zero_point)}
    methods = {
        "fp32": run_fill(torch_run(load_checkpoint(SHIPPED), SIZE)),
        "w8a8": quantised_fill(table),
        "planted": quantised_fill(dataclasses.replace(table, activations=planted)),
    }
    figures = evaluate(read_cases(photos[:QUANTISED_PHOTOS], masks, SIZE, seed=0), methods).figures
    assert difference(figures["fp32"], figures["w8a8"])["mean_db"] <= LOSS_BAR_DB
    assert difference(figures["fp32"], figures["planted"])["mean_db"] > LOSS_BAR_DB
