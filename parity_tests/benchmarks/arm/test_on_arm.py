"""Artefacts on emulated ARM processors give this host's pictures; with the dot product, w8a8 takes half of fp32's instructions.

One probe and not all formats, because an inference takes seconds here; `python -m benchmarks arm --probes 6` takes all of it.
"""

import functools

import numpy as np
import pytest

from benchmarks.arm import android, emulator
from benchmarks.arm.bars import INTEGER_CORE, INTEGER_RATIO, misses
from benchmarks.arm.command import android_on, compared, wheels_on
from benchmarks.arm.cores import CORES
from benchmarks.arm.python import Model, run_models
from export.artifact.manifest import read_manifest
from export.parity import probes

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(emulator.unavailable() is not None, reason=str(emulator.unavailable())),
]
needs_android = pytest.mark.skipif(android.unavailable_here() is not None, reason=str(android.unavailable_here()))


def artefact(folder, backend, scheme):
    found = folder / f"wavefill-s-256-{backend}-{scheme}"
    return found, read_manifest(found)


def nothing(*_):
    """No progress bar."""


@pytest.fixture(scope="module")
def rows_of(shipped_artifacts):
    """Rows of a core, made once: w8a8 of both runtimes, and on the core whose bar needs it fp32 of ONNX Runtime."""

    @functools.cache
    def rows(name):
        formats = [("onnx", "w8a8"), ("litert", "w8a8"), *([("onnx", "fp32")] if name == INTEGER_CORE else [])]
        return wheels_on(CORES[name], [artefact(shipped_artifacts, *one) for one in formats], 1, nothing)

    return rows


@pytest.mark.parametrize("core", CORES)
def test_integers_are_the_same_to_the_bit(rows_of, core):
    rows = rows_of(core)
    assert misses(rows) == []
    assert [row.parity.max_level_difference for row in rows if row.scheme == "w8a8"] == [0, 0]


def test_integers_pay(rows_of):
    """850 million products: four in a fused instruction of fp32, at best sixteen in a dot product of w8a8; 0.38 was counted."""
    counts = {row.scheme: row.instructions for row in rows_of(INTEGER_CORE) if row.library.startswith("onnxruntime ")}
    assert 212e6 < counts["fp32"] < 850e6
    assert 53e6 < counts["w8a8"] < INTEGER_RATIO * counts["fp32"]


@needs_android
def test_the_library_that_phones_load_gives_the_same_integers(shipped_artifacts):
    rows = android_on(CORES["cortex-a76"], [artefact(shipped_artifacts, "onnx", "w8a8")], 1, nothing)
    assert rows[0].library.startswith("onnxruntime-android 1.")
    assert misses(rows) == []


def test_another_picture_is_found(shipped_artifacts):
    """The planted error: the core is given a picture with one known value changed by a level, and this host is not."""
    folder, manifest = artefact(shipped_artifacts, "onnx", "w8a8")
    core, probe = CORES["cortex-a76"], probes(256)[0]
    changed = probe.noisy.copy()
    row, column = np.argwhere(~probe.hole)[1000]
    changed[row, column, 0] ^= 1
    inputs = {"image": changed[None, None], "mask": probe.mask[None, None]}
    results, counts = run_models(core, [Model("m", "onnx", folder / manifest.model_file)], inputs)
    assert counts["m"] == []
    found = misses([compared(core, "library", (folder, manifest), [probe], results["m"][:, 0], [1])])
    assert "kept pixels differ from the photo by 1 levels" in found[0]
