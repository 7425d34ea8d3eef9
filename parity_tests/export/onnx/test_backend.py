"""ONNX artefacts against PyTorch, through ONNX Runtime with default session options."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.backend import Port
from export.errors import ToolchainMissing
from export.onnx.backend import OnnxBackend, read_model
from parity_tests.support.formats.onnx_cells import (
    ALLOWED_OPERATORS,
    SIZE,
    converted,
    eager,
    hole,
    hole_psnr,
    hole_values,
    photo,
    shipped_program,
    small_program,
)
from quantize.schemes import DEFAULT_SCHEMES

ROOT = Path(__file__).parents[3]
SCHEMES = ("fp32", "fp16", "w8", "w8a16", "w8a8")
MASK_VALUES = (0, 1, 127, 128, 254, 255)
SIZE_BARS = {"fp32": 6.5e6, "fp16": 3.3e6, "w8": 2.0e6, "w8a16": 2.0e6, "w8a8": 2.0e6}
"""Bytes of the model file of wavefill-s."""


@pytest.fixture(scope="module")
def small_models(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    return {scheme: converted(small_program(scheme), folder / scheme) for scheme in SCHEMES}


def assert_parity(scheme: str, result: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> None:
    """The bars of docs/parity.md; written out here, not taken from export.tolerances."""
    if scheme in ("fp32", "w8"):
        difference = np.abs(hole_values(result, mask) - hole_values(reference, mask))
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 1e-3
    else:
        assert hole_psnr(result, reference, mask) >= {"fp16": 50, "w8a16": 55, "w8a8": 36}[scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_small_network_computes_what_pytorch_computes(small_models, scheme):
    run = OnnxBackend().load(small_models[scheme], threads=1)
    assert_parity(scheme, run(photo(), hole()), eager(small_program(scheme), photo(), hole()), hole())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_kept_pixels_are_the_photo(small_models, scheme):
    run = OnnxBackend().load(small_models[scheme], threads=1)
    blocks = np.random.default_rng(0).choice(MASK_VALUES, (8, 8)).astype(np.uint8)
    mask = np.kron(blocks, np.ones((8, 8), np.uint8))[None, :, :, None]
    assert set(np.unique(mask)) == set(MASK_VALUES)
    image = np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    result, keep = run(image, mask), np.broadcast_to(mask < 128, image.shape)
    assert np.array_equal(result[keep], image[keep])
    assert (result[~keep] != image[~keep]).mean() > 0.9, "the hole must be filled, not copied"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_content_under_the_hole_does_not_matter(small_models, scheme):
    run = OnnxBackend().load(small_models[scheme], threads=1)
    noisy = np.where(hole() >= 128, 255 - photo(), photo())
    assert np.array_equal(run(noisy, hole()), run(photo(), hole()))


def test_threads_do_not_change_the_result(small_models):
    one, two = (OnnxBackend().load(small_models["w8a8"], threads=n)(photo(), hole()) for n in (1, 2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_inspection_reads_the_file(small_models, scheme):
    found = OnnxBackend().inspect(small_models[scheme])
    assert found.metadata == small_program(scheme).metadata("NHWC")
    assert found.inputs == (Port("image", (1, SIZE, SIZE, 3), "uint8"), Port("mask", (1, SIZE, SIZE, 1), "uint8"))
    assert found.outputs == (Port("result", (1, SIZE, SIZE, 3), "uint8"),)
    assert set(found.operators) <= ALLOWED_OPERATORS


@pytest.mark.parametrize("scheme", SCHEMES)
def test_macs_are_those_of_the_architecture(small_models, scheme):
    # SMALL: widths 8, 12, 16, one block a level; sides 16, 8, 4 at size 64. Written out by hand.
    fine, middle, coarse = 16 * 16, 8 * 8, 4 * 4
    plain = {8: 2 * 8 * 8 * 9, 12: 2 * 12 * 12 * 9}
    depthwise = 16 * 25 + 2 * 16 * 32
    expected = fine * (64 * 4 * 16 + 64 * 8 * 9 + 2 * plain[8] + 8 * 48 * 9 + 48 * 48)  # analysis, stem, blocks, head, synthesis
    expected += middle * (8 * 12 * 4 + 2 * plain[12] + 12 * 8) + coarse * (12 * 16 * 4 + depthwise + 16 * 12)
    assert OnnxBackend().inspect(small_models[scheme]).macs == expected


def test_bare_core_takes_and_gives_float32(tmp_path):
    program = small_program("fp16", io="float")
    model = converted(program, tmp_path)
    found = OnnxBackend().inspect(model)
    assert [(port.name, port.dtype) for port in (*found.inputs, *found.outputs)] == [
        ("normalised", "float32"),
        ("hole", "float32"),
        ("fill", "float32"),
    ]
    assert found.metadata == program.metadata("NHWC")
    clear = (hole() < 128).transpose(0, 3, 1, 2).astype(np.float32)
    normalised = (photo().transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1) * clear
    fill = OnnxBackend().load(model, threads=1)(normalised, 1 - clear)
    assert fill.shape == (1, 3, SIZE, SIZE)
    assert fill.dtype == np.float32
    levels = np.clip(np.floor((fill + 1) * 127.5 + 0.5), 0, 255).transpose(0, 2, 3, 1)
    assert hole_psnr(levels, eager(small_program("fp16"), photo(), hole()), hole()) >= 50


# ------------------------------------------------------------------------------------------------------ planted errors
def spoil_weight(model: onnx.ModelProto) -> None:
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "core/stem.weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), weight.name))


def spoil_zero_point(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.name == "core/stem/Conv/DequantizeLinear")
    shifted = next(
        numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == node.input[2]
    ) + np.uint8(9)
    model.graph.initializer.append(numpy_helper.from_array(np.array(shifted), "planted"))
    node.input[2] = "planted"


def spoil_bias(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.name == "core/head/bias/DequantizeLinear")
    scale = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float32(2), scale.name))


def spoil_threshold(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "GreaterOrEqual")
    level = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    level.CopyFrom(numpy_helper.from_array(np.array(129, np.float32), level.name))


@pytest.mark.parametrize(
    ("scheme", "spoil"),
    [("fp32", spoil_weight), ("w8a8", spoil_zero_point), ("w8a8", spoil_bias), ("fp16", spoil_threshold)],
)
def test_planted_errors_fail_the_parity_bars(small_models, tmp_path, scheme, spoil):
    model = read_model(small_models[scheme])
    spoil(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    result = OnnxBackend().load(path, threads=1)(photo(), hole())
    with pytest.raises(AssertionError):
        assert_parity(scheme, result, eager(small_program(scheme), photo(), hole()), hole())


# ----------------------------------------------------------------------------------------------------------- bad input
def test_bad_files_are_refused_in_one_line(small_models, tmp_path):
    broken = tmp_path / "model.onnx"
    broken.write_bytes(small_models["fp32"].read_bytes()[:-500])
    for path in (tmp_path / "missing.onnx", broken):
        for action in (OnnxBackend().inspect, lambda path: OnnxBackend().load(path, threads=1)):
            with pytest.raises(ValueError, match=r"\.onnx: ") as caught:
                action(path)
            assert "\n" not in str(caught.value)
    empty = tmp_path / "empty.onnx"
    empty.touch()
    with pytest.raises(ValueError, match="no operators"):
        OnnxBackend().inspect(empty)
    with pytest.raises(ValueError, match="threads=0"):
        OnnxBackend().load(small_models["fp32"], threads=0)


def test_missing_toolkits_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert OnnxBackend().unavailable("convert") == "not installed: onnx, onnxscript (pip install 'wavefill[export]')"
    with pytest.raises(ToolchainMissing, match="onnxruntime"):
        OnnxBackend().load(tmp_path / "model.onnx", threads=1)


# -------------------------------------------------------------------------------------------------------- reproducible
EXPORT = """
import sys
from pathlib import Path
from parity_tests.support.formats.onnx_cells import converted, small_program
for scheme in ("fp32", "w8a8"):
    converted(small_program(scheme), Path(sys.argv[1]) / scheme)
"""


@pytest.mark.thorough
def test_bytes_do_not_depend_on_process_or_folder(tmp_path):
    """Two processes with other hash seeds, thread counts, working folders and a copied checkout."""
    copy = tmp_path / "elsewhere" / "checkout"
    for package in ("models", "quantize", "export", "parity_tests"):
        for source in (ROOT / package).rglob("*.py"):
            target = copy / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    made = []
    for seed, checkout in enumerate((ROOT, copy)):
        out = tmp_path / f"out{seed}"
        environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": str(seed + 1)}
        finished = subprocess.run(
            [sys.executable, "-c", EXPORT, str(out)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        made.append({scheme: (out / scheme / "model.onnx").read_bytes() for scheme in ("fp32", "w8a8")})
    assert made[0] == made[1]
    for content in made[0].values():
        for folder in (ROOT, tmp_path, Path.home()):
            assert str(folder).encode() not in content


@pytest.mark.slow
@pytest.mark.parametrize("scheme", DEFAULT_SCHEMES)
def test_shipped_network(shipped_artifacts, scheme):
    program = shipped_program(scheme)
    model = shipped_artifacts / f"wavefill-s-256-onnx-{scheme}" / OnnxBackend.model_file
    assert model.stat().st_size <= SIZE_BARS[scheme]
    image, mask = photo(256), hole(256)
    result = OnnxBackend().load(model, threads=2)(image, mask)
    assert_parity(scheme, result, eager(program, image, mask), mask)


@pytest.mark.thorough
def test_shipped_network_at_512(tmp_path):
    program = shipped_program("w8a8", size=512)
    image, mask = photo(512, 0, 0), hole(512)
    result = OnnxBackend().load(converted(program, tmp_path), threads=2)(image, mask)
    assert_parity("w8a8", result, eager(program, image, mask), mask)
