"""Core ML packages that are wrong: planted errors are noticed, damage is refused in one line."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from export.coreml.evaluator import Evaluator
from export.coreml.inspect import integer_coverage
from export.coreml.package import WEIGHTS, read_program, read_spec, write_package
from export.coreml.toolkit import can_predict
from export.errors import Unsupported
from export.program import Program
from parity_tests.support.formats.coreml_cells import (
    BACKEND,
    MADE,
    MINIMUM_PSNR,
    SIZE,
    hole,
    photo,
    psnr_in_hole,
    reference,
)
from quantize.schemes import SCHEMES


def copy_with(package: Path, folder: Path, change) -> Path:
    """A copy of a package whose model description ``change`` has altered in place."""
    spec, weights = read_spec(package)
    change(spec)
    write_package(spec, (weights / "weight.bin").read_bytes(), folder / "changed.mlpackage")
    return folder / "changed.mlpackage"


def operations(spec):
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    return block.operations


def swap_relu(spec) -> None:
    next(op for op in operations(spec) if op.type == "relu").type = "floor"


def swap_comparison(spec) -> None:
    op = next(op for op in operations(spec) if op.type == "sub")
    x, y = (op.inputs[name].arguments[0].name for name in "xy")
    op.inputs["x"].arguments[0].name, op.inputs["y"].arguments[0].name = y, x


@pytest.mark.skipif(can_predict(), reason="Core ML itself need not accept a damaged program")
@pytest.mark.parametrize("change", [swap_relu, swap_comparison])
def test_a_planted_operator_is_noticed(change, packages: dict[str, Path], programs: dict[str, Program], tmp_path: Path) -> None:
    image, mask = photo(SIZE, 30), hole(SIZE)
    got = BACKEND.load(copy_with(packages["fp32"], tmp_path, change), 1)(image, mask)
    assert psnr_in_hole(got, reference(programs["fp32"], image, mask), mask) < MINIMUM_PSNR["fp32"]


@pytest.mark.parametrize("scheme", MADE)
def test_planted_weight_bytes_are_noticed(
    scheme: str, packages: dict[str, Path], programs: dict[str, Program], tmp_path: Path
) -> None:
    damaged = shutil.copytree(packages[scheme], tmp_path / "damaged.mlpackage")
    file = damaged / "Data" / WEIGHTS / "weight.bin"
    content = bytearray(file.read_bytes())
    # Every pixel uses the stem; what is flipped is a high bit of 200 of its values.
    stem = stem_values(packages[scheme])
    start = content.find(stem.tobytes())
    assert start > 0
    for i in range(start + stem.itemsize - 1, start + 200 * stem.itemsize, stem.itemsize):
        content[i] ^= 0x40 if SCHEMES[scheme].quantised else 0x80
    file.write_bytes(content)
    image, mask = photo(SIZE, 30), hole(SIZE)
    got = BACKEND.load(damaged, 1)(image, mask)
    assert psnr_in_hole(got, reference(programs[scheme], image, mask), mask) < MINIMUM_PSNR[scheme]


def stem_values(package: Path) -> np.ndarray:
    """The stem's weight as stored."""
    stem = [op for op in read_program(package).function.operations if op.op_type == "conv"][1].weight.op
    return np.asarray(stem.quantized_data.val if stem.op_type == "constexpr_affine_dequantize" else stem.val.val)


def test_planted_float_convolution_is_counted(packages: dict[str, Path], tmp_path: Path) -> None:
    def bypass(spec) -> None:
        # The second integer convolution reads the float result of the first: its own quantise and dequantise are skipped.
        convs = [op for op in operations(spec) if op.type == "conv"]
        convs[2].inputs["x"].arguments[0].name = convs[1].outputs[0].name

    counts = integer_coverage(copy_with(packages["w8a8"], tmp_path, bypass)).by_kind()["conv"]
    assert counts.floating >= 2  # the first now also goes to a float user, the second reads floats


# ---------------------------------------------------------------- bad input


def test_unknown_operator_is_named(packages: dict[str, Path], tmp_path: Path) -> None:
    def change(spec) -> None:
        next(op for op in operations(spec) if op.type == "relu").type = "tanh"

    with pytest.raises(Unsupported, match="tanh"):
        Evaluator(read_program(copy_with(packages["fp32"], tmp_path, change)))


def test_damaged_packages_are_refused(packages: dict[str, Path], tmp_path: Path) -> None:
    for name in ("Manifest.json", "Data/com.apple.CoreML/model.mlmodel", f"Data/{WEIGHTS}/weight.bin"):
        for keep in (0, 100):
            damaged = shutil.copytree(packages["w8a8"], tmp_path / f"{Path(name).name}-{keep}.mlpackage")
            (damaged / name).write_bytes((damaged / name).read_bytes()[:keep])
            with pytest.raises(ValueError, match=re.escape(str(damaged))):
                BACKEND.inspect(damaged)
    with pytest.raises(ValueError, match="not a Core ML package"):
        BACKEND.inspect(tmp_path / "nothing.mlpackage")


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 32, 32, 1), np.uint8), r"image: uint8 \(1, 32, 32, 3\) given"),
        (np.zeros((1, 64, 64, 3), np.float32), np.zeros((1, 64, 64, 1), np.uint8), "image: float32"),
        (np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3), np.uint8), "mask: uint8"),
    ],
)
def test_wrong_arrays_are_refused(image: np.ndarray, mask: np.ndarray, message: str, packages: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=message):
        BACKEND.load(packages["fp32"], 1)(image, mask)


def test_available_where_coremltools_is() -> None:
    assert BACKEND.unavailable("convert") is None
    assert BACKEND.unavailable("run") is None
