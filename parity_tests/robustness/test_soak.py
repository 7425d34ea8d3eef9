"""Runners in long use: memory does not grow, and threads that share one get what a single thread gets."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import export
from export.__main__ import main
from parity_tests.robustness.soak import SIZE, requests

ROOT = Path(__file__).parents[2]
ARTEFACT = "tiny-32-{}-{}"
WARM_UP, INFERENCES = 1_000, 10_000
GROWTH = 0.01


@pytest.fixture(scope="module", params=["onnx", "litert"])
def artefact(request, tiny_checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("soak")
    words = [request.param, "--checkpoint", tiny_checkpoint, "--size", SIZE, "--scheme", "fp32", "--out", out]
    assert main([str(word) for word in words]) == 0
    return out / ARTEFACT.format(request.param, "fp32")


def grown(artefact, *flags):
    command = [sys.executable, "-m", "parity_tests.robustness.soak", str(artefact), str(WARM_UP), str(INFERENCES), *flags]
    return float(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=1500).stdout)


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_does_not_grow(artefact):
    growth = grown(artefact)
    print(f"growth over {INFERENCES} inferences: {growth:.3%}")
    assert growth < GROWTH


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_that_grows_is_caught(artefact):
    assert grown(artefact, "--keep") > GROWTH


@pytest.mark.slow
def test_threads_may_share_a_runner(artefact):
    run = export.load(artefact, threads=1)
    inputs = list(requests(400))
    alone = [run(image=image, mask=mask) for image, mask in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: run(image=pair[0], mask=pair[1]), inputs))
    np.testing.assert_array_equal(together, alone)
