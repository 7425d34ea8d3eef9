"""The Core ML packages of the checkpoint that ships."""

from pathlib import Path

import numpy as np
import pytest

from export.coreml.inspect import integer_coverage
from export.program import Program
from models.checkpoint import SHIPPED, load_checkpoint, sha256
from parity_tests.support.formats.coreml_cells import BACKEND, MINIMUM_PSNR, photo, psnr_in_hole, reference
from quantize.schemes import DEFAULT_SCHEMES, SCHEMES
from quantize.table import QuantizationTable, calibration_path

BYTES = {"fp32": 6.5e6, "fp16": 3.3e6, "w8a8": 2.0e6}
BAR_DB = {**MINIMUM_PSNR, "w8a8": 40.0}
"""Of docs/parity.md; a tiny network with random weights is held to more."""
COUNTS = {"add": 26, "conv": 67, "resize": 5}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", DEFAULT_SCHEMES)
def test_shipped_checkpoint(scheme: str, shipped_artifacts: Path) -> None:
    size, table = 256, None
    if SCHEMES[scheme].calibrated:
        table = QuantizationTable.load(calibration_path(SHIPPED))
    program = Program(load_checkpoint(SHIPPED), size, SCHEMES[scheme], "uint8", sha256(SHIPPED), table)
    package = shipped_artifacts / f"wavefill-s-256-coreml-{scheme}" / BACKEND.model_file
    run, mask = BACKEND.load(package, 2), np.zeros((1, size, size, 1), np.uint8)
    mask[:, 70:190, 60:200] = 128
    for offset in (20, 200):
        image = photo(size, offset)
        got, expected = run(image, mask), reference(program, image, mask)
        assert psnr_in_hole(got, expected, mask) >= BAR_DB[scheme]
        assert np.array_equal(got[mask[..., 0] < 128], image[mask[..., 0] < 128])
        if scheme == "fp32":
            difference = np.abs(got.astype(int) - expected)
            assert difference.max() <= 1
            assert np.mean(difference > 0) <= 1e-3
    assert sum(p.stat().st_size for p in package.rglob("*") if p.is_file()) <= BYTES[scheme]
    assert BACKEND.inspect(package).macs <= 1.0e9
    counts = {kind: (c.integer, c.floating) for kind, c in integer_coverage(package).by_kind().items()}
    assert counts == {kind: (n, 0) if scheme == "w8a8" else (0, n) for kind, n in COUNTS.items()}
