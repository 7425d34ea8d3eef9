"""The same files in another build of the runtime, for WebAssembly: another compiler, other kernels, other widths of vectors."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import export
from benchmarks.phone import assets
from export.parity import probes
from export.tolerances import TOLERANCES

RUNNER = Path(__file__).with_name("run_model.mjs")
SIZE = 256

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here"),
    pytest.mark.skipif(not assets.RUNTIME.is_dir(), reason="`make phone` has not installed onnxruntime-web"),
]


def both(folder, tmp_path):
    """Results of an artefact for the probes of the parity check, here and in WebAssembly; and their holes."""
    run, given = export.load(folder, threads=1), probes(SIZE)
    masks = [np.ascontiguousarray(probe.mask.reshape(SIZE, SIZE)) for probe in given]
    inputs, outputs = tmp_path / "inputs.bin", tmp_path / "outputs.bin"
    inputs.write_bytes(b"".join(probe.image.tobytes() + mask.tobytes() for probe, mask in zip(given, masks, strict=True)))
    command = ["node", RUNNER, assets.HERE, folder / "model.onnx", str(SIZE), inputs, outputs]
    subprocess.run(command, check=True, timeout=120)
    theirs = np.fromfile(outputs, np.uint8).reshape(len(given), SIZE, SIZE, 3)
    ours = np.stack([run(image=probe.image, mask=mask) for probe, mask in zip(given, masks, strict=True)])
    return ours.astype(int), theirs.astype(int), np.stack(masks) >= 128


def test_w8a8_gives_the_same_integers(shipped_artifacts, tmp_path):
    """Sums of tensors are the same in every runtime (``quantize/ties.py``), products are integers anyway.

    What is left is the float of the Haar transform before the first integer. Another processor may add it up otherwise, and
    one value that falls on the other side of a rounding step changes a whole hole: so not every probe has to be equal, but half.
    """
    ours, theirs, holes = both(shipped_artifacts / "wavefill-s-256-onnx-w8a8", tmp_path)
    equal = [np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True)]
    assert sum(equal) >= len(equal) / 2
    bar = TOLERANCES["w8a8"].hole_psnr_db
    assert bar is not None
    for one, other, hole in zip(ours, theirs, holes, strict=True):
        assert np.mean((one - other)[hole] ** 2) <= 255**2 / 10 ** (bar / 10)
        np.testing.assert_array_equal(one[~hole], other[~hole])


@pytest.mark.parametrize("scheme", ["fp32", "fp16"])
def test_floats_are_a_level_apart_at_most(shipped_artifacts, tmp_path, scheme):
    ours, theirs, holes = both(shipped_artifacts / f"wavefill-s-256-onnx-{scheme}", tmp_path)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs)[holes].mean() <= 1e-3
    np.testing.assert_array_equal(ours[~holes], theirs[~holes])
