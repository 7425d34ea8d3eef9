"""Runners in long use: memory does not grow, and threads that share one get what a single thread gets."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import skimage.data

import export
from export.__main__ import main

SIZE, ARTEFACT = 32, "tiny-32-{}-{}"
WARM_UP, INFERENCES = 1_000, 10_000
GROWTH = 0.01
PHOTO = np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture(scope="module", params=["onnx", "litert"])
def artefact(request, tiny_checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("soak")
    words = [request.param, "--checkpoint", tiny_checkpoint, "--size", SIZE, "--scheme", "fp32", "--out", out]
    assert main([str(word) for word in words]) == 0
    return out / ARTEFACT.format(request.param, "fp32")


def requests(count, size=SIZE):
    rng = np.random.default_rng(0)
    for _ in range(count):
        top, left = rng.integers(0, 512 - size, 2)
        yield PHOTO[top : top + size, left : left + size], np.where(rng.random((size, size)) < 0.3, 255, 0).astype(np.uint8)


def grown(run, warm_up, count, size=SIZE):
    """Resident memory after ``count`` inferences over that after a warm-up, less 1."""
    process = psutil.Process()
    for number, (image, mask) in enumerate(requests(warm_up + count, size)):
        if number == warm_up:
            before = process.memory_info().rss
        run(image=image, mask=mask)
    return process.memory_info().rss / before - 1


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_does_not_grow(artefact):
    growth = grown(export.load(artefact, threads=1), WARM_UP, INFERENCES)
    assert growth < GROWTH, f"{growth:.2%}"


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_that_grows_is_caught(artefact):
    run, kept = export.load(artefact, threads=1), []
    growth = grown(lambda **inputs: kept.append(run(**inputs).copy()), WARM_UP, INFERENCES)
    assert growth > GROWTH


@pytest.mark.slow
def test_threads_may_share_a_runner(artefact):
    run = export.load(artefact, threads=1)
    inputs = list(requests(400))
    alone = [run(image=image, mask=mask) for image, mask in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: run(image=pair[0], mask=pair[1]), inputs))
    np.testing.assert_array_equal(together, alone)
