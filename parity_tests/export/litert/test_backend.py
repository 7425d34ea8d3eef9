"""LiteRT artefacts compute what PyTorch computes, say what they are, and are made of equal bytes everywhere."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from export.backend import Port
from export.parity import core_inputs, probes
from export.program import Program
from models.generator import Generator
from models.inpainter import Uint8Shell
from models.spec import SPECS
from parity_tests.support.formats.litert_models import BACKEND, SIZE, program, saved
from quantize.schemes import SCHEMES

ROOT = Path(__file__).parents[3]
QUICK = ["fp32", "fp16", pytest.param("w8a8", marks=pytest.mark.slow)]


def eager(scheme, image, mask):
    """PyTorch's result; fp16 artefacts are compared with fp32."""
    module = program("fp32" if scheme == "fp16" else scheme).module(Uint8Shell)
    with torch.no_grad():
        return module(torch.from_numpy(image.copy()), torch.from_numpy(mask.copy()))["result"].numpy()


def both(scheme):
    """(result of the file, result of PyTorch, image, hole) for each probe."""
    run = BACKEND.load(saved(scheme), threads=1)
    for probe in probes(SIZE):
        image, mask = probe.image[None], probe.mask[None]
        yield run(image, mask), eager(scheme, image, mask), image, mask[..., 0] >= 128


def hole_psnr(pairs):
    squares = np.concatenate([(got.astype(float) - wanted)[hole].ravel() ** 2 for got, wanted, _, hole in pairs])
    return np.inf if squares.max() == 0 else 10 * np.log10(255**2 / squares.mean())


def test_fp32_is_at_most_one_level_from_pytorch():
    for got, wanted, _, _ in both("fp32"):
        difference = np.abs(got.astype(int) - wanted)
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 1e-3


def test_fp16_is_50_db_from_pytorch_fp32():
    assert hole_psnr(both("fp16")) >= 50


@pytest.mark.slow
def test_w8a8_is_40_db_from_the_quantised_program():
    assert hole_psnr(both("w8a8")) >= 40


def test_the_harness_sees_a_wrong_filter(tmp_path):
    """Planted error: a Haar filter of the synthesis with a wrong sign."""
    from export.litert import flatbuffer

    model = flatbuffer.read(saved("fp32"))
    tensors = flatbuffer.graph(model).tensors
    last = [op for op in flatbuffer.graph(model).operators if flatbuffer.operator_name(model, op) == "CONV_2D"][-1]
    buffer = model.buffers[tensors[last.inputs[1]].buffer]
    values = np.frombuffer(bytes(buffer.data), "<f4").copy()
    values[np.abs(values).argmax()] *= -1
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    planted = tmp_path / "model.tflite"
    planted.write_bytes(flatbuffer.pack(model))
    run = BACKEND.load(planted, threads=1)
    probe = probes(SIZE)[0]
    wrong, right = run(probe.image[None], probe.mask[None]), eager("fp32", probe.image[None], probe.mask[None])
    assert np.abs(wrong.astype(int) - right).max() > 1


@pytest.mark.parametrize("scheme", QUICK)
def test_kept_pixels_are_the_photo_and_the_hole_is_not_read(scheme):
    run = BACKEND.load(saved(scheme), threads=1)
    for probe in probes(SIZE):
        image, noisy, mask = probe.image[None].copy(), probe.noisy[None], probe.mask[None].copy()
        result = run(image, mask)
        kept = mask[..., 0] < 128
        assert result.dtype == np.uint8
        assert result.shape == image.shape
        np.testing.assert_array_equal(result[kept], image[kept])
        np.testing.assert_array_equal(run(noisy, mask), result)
        # Inputs are left alone, and a result is not overwritten by the next run.
        np.testing.assert_array_equal(image, probe.image[None])
        np.testing.assert_array_equal(mask, probe.mask[None])
        before = result.copy()
        run(255 - image, np.full_like(mask, 255))
        np.testing.assert_array_equal(result, before)


@pytest.mark.parametrize("scheme", ["fp32", pytest.param("w8a8", marks=pytest.mark.slow)])
def test_a_bare_core_computes_the_fill(scheme):
    probe = probes(SIZE)[0]
    normalised, hole = core_inputs(probe.image, probe.hole)
    got = BACKEND.load(saved(scheme, "float"), threads=1)(normalised, hole)
    with torch.no_grad():
        wanted = program(scheme, "float").core()(torch.from_numpy(normalised), torch.from_numpy(hole)).numpy()
    if scheme == "fp32":
        np.testing.assert_allclose(got, wanted, atol=2e-5)
    else:
        # Compared as an error, because it can be none at all: a peak of 2, at least 40 dB.
        assert np.square(got - wanted)[..., probe.hole].mean() <= 4 / 10**4


@pytest.mark.parametrize("scheme", QUICK)
def test_ports_and_metadata_are_read_from_the_file(scheme):
    inspection = BACKEND.inspect(saved(scheme))
    assert inspection.inputs == (Port("image", (1, SIZE, SIZE, 3), "uint8"), Port("mask", (1, SIZE, SIZE, 1), "uint8"))
    assert inspection.outputs == (Port("result", (1, SIZE, SIZE, 3), "uint8"),)
    assert dict(inspection.metadata) == program(scheme).metadata("NHWC")


def test_ports_of_a_bare_core():
    inspection = BACKEND.inspect(saved("fp32", "float"))
    assert inspection.inputs == (
        Port("normalised", (1, 3, SIZE, SIZE), "float32"),
        Port("hole", (1, 1, SIZE, SIZE), "float32"),
    )
    assert inspection.outputs == (Port("fill", (1, 3, SIZE, SIZE), "float32"),)
    assert dict(inspection.metadata) == program("fp32", "float").metadata("NCHW")


@pytest.mark.parametrize("scheme", QUICK)
def test_macs_are_what_pytorch_counts(scheme):
    core = program("fp32").core(by_blocks=True)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        core(torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE))
    repeated = 3 * SIZE * SIZE  # the shell's 1x1 convolution, which repeats the hole for each colour
    assert BACKEND.inspect(saved(scheme)).macs == counter.get_total_flops() // 2 + repeated


@pytest.mark.parametrize("scheme", QUICK)
def test_no_older_runtime_is_promised_than_the_file_needs(scheme):
    from export.litert import flatbuffer

    needed = flatbuffer.read_metadata(flatbuffer.read(saved(scheme)))["min_runtime_version"]
    assert tuple(map(int, needed.split("."))) <= (2, 3, 0)
    assert "2.3" in BACKEND.minimum_target


@pytest.mark.parametrize("scheme", QUICK)
def test_constants_are_aligned_and_no_path_is_inside(scheme):
    content = saved(scheme).read_bytes()
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if not buffer.DataIsNone() and buffer.DataLength() >= 16:
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            assert start % 16 == 0, f"buffer {i} starts at {start}"
    for path in (ROOT, Path.home(), Path(sys.prefix), saved(scheme).parent):
        assert str(path).encode() not in content
    assert b".py" not in content


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [*(pytest.param(s, marks=pytest.mark.thorough) for s in SCHEMES if s != "w8a8"), "w8a8"])
def test_another_process_makes_the_same_bytes(scheme, tmp_path):
    code = (
        "import sys, pathlib; from parity_tests.support.formats.litert_models import BACKEND, program;"
        f"BACKEND.convert(program({scheme!r}), pathlib.Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "4711"}
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (finished.stdout, finished.stderr) == ("", "")
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (saved(scheme), tmp_path / BACKEND.model_file)}
    assert len(digests) == 1


def test_conversion_and_loading_print_nothing(tmp_path, capfd):
    BACKEND.convert(program("fp32", size=32), tmp_path)
    BACKEND.load(tmp_path / BACKEND.model_file, threads=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, SIZE, SIZE, 1), np.uint8), r"image: uint8 \(1, 32, 32, 3\) given"),
        (np.zeros((1, SIZE, SIZE, 3), np.uint8), np.zeros((1, SIZE, SIZE, 3), np.uint8), "mask: uint8 .* given"),
        (np.zeros((1, SIZE, SIZE, 3), np.float32), np.zeros((1, SIZE, SIZE, 1), np.uint8), "image: float32 .* given"),
    ],
)
def test_other_inputs_are_refused(image, mask, message):
    with pytest.raises(ValueError, match=message):
        BACKEND.load(saved("fp32"), threads=1)(image, mask)


def test_files_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match="no such file"):
        BACKEND.inspect(path)
    path.write_bytes(b"not a flatbuffer at all")
    with pytest.raises(ValueError, match="not a LiteRT file"):
        BACKEND.inspect(path)
    whole = saved("fp32").read_bytes()
    for length in (12, 1000, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="truncated or damaged"):
            BACKEND.inspect(path)
        with pytest.raises(ValueError, match="truncated or damaged"):
            BACKEND.load(path, threads=1)


def test_a_missing_toolkit_is_named(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "litert_torch" else real(name, *a))
    assert "litert_torch" in BACKEND.unavailable("convert")
    assert BACKEND.unavailable("run") is None


@pytest.mark.thorough
def test_a_size_of_512_computes_the_same(tmp_path):
    torch.manual_seed(0)
    large = Program(Generator(SPECS["wavefill-s"]).eval(), 512, SCHEMES["fp32"], "uint8", "0" * 64)
    BACKEND.convert(large, tmp_path)
    probe = probes(512)[2]
    got = BACKEND.load(tmp_path / BACKEND.model_file, threads=2)(probe.image[None], probe.mask[None])
    with torch.no_grad():
        module = large.module(Uint8Shell)
        wanted = module(torch.from_numpy(probe.image[None]), torch.from_numpy(probe.mask[None]))["result"].numpy()
    assert np.abs(got.astype(int) - wanted).max() <= 1
