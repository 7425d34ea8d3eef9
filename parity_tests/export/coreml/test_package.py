"""Core ML packages: written, read back from disk, executed, and compared with PyTorch.

On macOS 14 and later the same tests run Core ML's own ``predict``; elsewhere the MIL evaluator.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from export.backend import Coverage
from export.coreml import evaluator as mil_evaluator
from export.coreml import runtime
from export.coreml.evaluator import Evaluator
from export.coreml.inspect import integer_coverage
from export.coreml.ops import OPS
from export.coreml.package import WEIGHTS, read_program, read_spec
from export.coreml.toolkit import can_predict, coremltools
from export.program import Program
from models.conventions import PIXEL_SCALE
from models.generator import Generator, fold
from parity_tests.support.formats.coreml_cells import (
    BACKEND,
    MADE,
    MASK_VALUES,
    MINIMUM_PSNR,
    SHA256,
    SIZE,
    hole,
    photo,
    psnr_in_hole,
    reference,
    reference_core,
)
from quantize.schemes import SCHEMES


@pytest.mark.parametrize("scheme", MADE)
def test_parity(scheme: str, packages: dict[str, Path], programs: dict[str, Program]) -> None:
    image, mask = photo(SIZE, 30), hole(SIZE)
    got, expected = BACKEND.load(packages[scheme], 1)(image, mask), reference(programs[scheme], image, mask)
    assert got.dtype == np.uint8
    assert got.shape == image.shape
    assert expected[mask[..., 0] >= 128].std() > 10, "a flat reference would prove nothing"
    assert psnr_in_hole(got, expected, mask) >= MINIMUM_PSNR[scheme]
    if scheme == "fp32":
        difference = np.abs(got.astype(int) - expected)
        assert difference.max() <= 1
        assert np.mean(difference > 0) <= 1e-3


@pytest.mark.parametrize("scheme", MADE)
def test_kept_pixels_are_exact_for_every_level_and_mask_value(scheme: str, packages: dict[str, Path]) -> None:
    run = BACKEND.load(packages[scheme], 1)
    # All 256 levels of each channel, each under each mask value of interest that means keep.
    image = np.resize(np.arange(256, dtype=np.uint8), (1, SIZE, SIZE, 3))
    for value in MASK_VALUES[MASK_VALUES < 128]:
        assert np.array_equal(run(image, np.full((1, SIZE, SIZE, 1), value, np.uint8)), image)
    mask = hole(SIZE)
    kept = mask[..., 0] < 128
    assert np.array_equal(run(image, mask)[kept], image[kept])


@pytest.mark.parametrize("scheme", MADE)
def test_content_under_the_hole_is_irrelevant(scheme: str, packages: dict[str, Path]) -> None:
    run, image, mask = BACKEND.load(packages[scheme], 1), photo(SIZE), hole(SIZE)
    noise = np.random.default_rng(1).integers(0, 256, image.shape).astype(np.uint8)
    before = image.copy(), mask.copy()
    assert np.array_equal(run(image, mask), run(np.where(mask >= 128, noise, image), mask))
    assert np.array_equal(image, before[0])
    assert np.array_equal(mask, before[1])


@pytest.mark.parametrize("scheme", MADE)
def test_inspection(scheme: str, packages: dict[str, Path], programs: dict[str, Program]) -> None:
    seen = BACKEND.inspect(packages[scheme])
    assert seen.metadata == programs[scheme].metadata("ImageType")
    assert [(p.name, p.shape, p.dtype) for p in (*seen.inputs, *seen.outputs)] == [
        ("image", (1, SIZE, SIZE, 3), "rgb"),
        ("mask", (1, SIZE, SIZE, 1), "grayscale"),
        ("result", (1, SIZE, SIZE, 3), "rgb"),
    ]
    assert seen.macs == multiply_accumulates(fold(programs[scheme].generator, SIZE, SIZE))
    assert seen.operators.keys() <= OPS.keys()


def multiply_accumulates(core: torch.nn.Module) -> int:
    """Counted by watching PyTorch run: half of what its own FLOP counter says (a multiply and an add each)."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode(mode=False), torch.no_grad():
        core(torch.zeros(1, 3, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE))
    return counter.get_total_flops() // 2


def test_description_says_how_to_use_it(packages: dict[str, Path]) -> None:
    description = read_spec(packages["w8a8"])[0].description
    assert description.metadata.author
    assert description.metadata.license
    assert "128" in next(port.shortDescription for port in description.input if port.name == "mask")
    assert not any("date" in key for key in description.metadata.userDefined)


def test_integer_coverage(packages: dict[str, Path], generator: Generator) -> None:
    learned = sum(isinstance(m, torch.nn.Conv2d) for m in fold(generator, SIZE, SIZE).modules())
    # Residual blocks: one each way in level 0, one in level 1; one skip connection.
    assert integer_coverage(packages["w8a8"]).by_kind() == {
        "add": Coverage(integer=4, floating=0),
        "conv": Coverage(integer=learned, floating=0),
        "resize": Coverage(integer=1, floating=0),
    }
    floating = integer_coverage(packages["fp16"]).by_kind()
    assert floating["conv"] == Coverage(integer=0, floating=learned)
    assert floating["add"] == Coverage(integer=0, floating=4)


def test_result_is_whole_numbers_in_range(packages: dict[str, Path]) -> None:
    # So no conversion from float to pixels, whatever its rounding, changes what the program computed.
    for package in packages.values():
        image, mask = (torch.from_numpy(a.transpose(0, 3, 1, 2).astype(np.float32)) for a in (photo(SIZE), hole(SIZE)))
        result = Evaluator(read_program(package))(image=image, mask=mask)["result"]
        assert bool((result == result.round()).all())
        assert float(result.min()) >= 0
        assert float(result.max()) <= 255


@pytest.mark.parametrize("scheme", MADE)
def test_bare_core(scheme: str, programs: dict[str, Program], tmp_path: Path) -> None:
    program = dataclasses.replace(programs[scheme], io="float")
    BACKEND.convert(program, tmp_path)
    known = 1 - (hole(SIZE) >= 128).astype(np.float32).transpose(0, 3, 1, 2)
    normalised = (photo(SIZE).astype(np.float32).transpose(0, 3, 1, 2) / np.float32(PIXEL_SCALE) - 1) * known
    fill = BACKEND.load(tmp_path / BACKEND.model_file, 1)(normalised, 1 - known)
    with torch.inference_mode():
        expected = reference_core(program)(torch.from_numpy(normalised), torch.from_numpy(1 - known)).numpy()
        exact = fold(program.generator, SIZE, SIZE)(torch.from_numpy(normalised), torch.from_numpy(1 - known)).numpy()
    # fp32: sums in another order; fp16, w8: 11 bits, through 15 layers; w8a8: one value on the other side of a rounding step
    # changes all that depend on it, so two correct runs are about as far apart as each is from the network before quantisation.
    bound = (
        np.std(exact - expected) * 1.5
        if scheme == "w8a8"
        else {"fp32": 1e-6, "fp16": 3e-3, "w8": 3e-3}[scheme] * np.std(expected)
    )
    assert np.sqrt(np.mean((fill - expected) ** 2)) < bound
    assert fill.dtype == np.float32
    assert [p.name for p in BACKEND.inspect(tmp_path / BACKEND.model_file).inputs] == ["normalised", "hole"]


@pytest.mark.skipif(can_predict(), reason="the other tests run Core ML itself")
def test_the_way_into_core_ml(packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # Core ML is not here, so a stand-in with its Python interface (PIL images by name, in and out) is the evaluator.
    ct = coremltools()
    real = ct.models.MLModel

    class StandIn:
        def __init__(self, path: str, compute_units: object) -> None:
            assert compute_units == ct.ComputeUnit.CPU_ONLY
            self.path = Path(path)

        def get_spec(self) -> object:
            return real(str(self.path), skip_model_load=True).get_spec()

        def predict(self, images: dict[str, Image.Image]) -> dict[str, Image.Image]:
            assert {name: image.mode for name, image in images.items()} == {"image": "RGB", "mask": "L"}
            arrays = np.asarray(images["image"])[None], np.asarray(images["mask"])[None, :, :, None]
            return {"result": Image.fromarray(mil_evaluator.runner(self.path, 1)(*arrays)[0]).convert("RGBA")}

    expected = BACKEND.load(packages["fp32"], 1)(photo(SIZE), hole(SIZE))
    monkeypatch.setattr(ct.models, "MLModel", StandIn)
    monkeypatch.setattr(runtime, "can_predict", lambda: True)
    run = BACKEND.load(packages["fp32"], 1)
    assert np.array_equal(run(photo(SIZE), hole(SIZE)), expected)
    with pytest.raises(ValueError, match="mask: uint8"):
        run(photo(SIZE), photo(SIZE))


def test_512(generator: Generator, tmp_path: Path) -> None:
    program = Program(generator, 512, SCHEMES["fp16"], "uint8", SHA256)
    BACKEND.convert(program, tmp_path)
    image, mask = skimage.data.astronaut()[None], hole(512)
    got = BACKEND.load(tmp_path / BACKEND.model_file, 1)(image, mask)
    assert psnr_in_hole(got, reference(program, image, mask), mask) >= MINIMUM_PSNR["fp16"]
    assert np.array_equal(got[mask[..., 0] < 128], image[mask[..., 0] < 128])


def contents(package: Path) -> dict[str, bytes]:
    return {str(p.relative_to(package)): p.read_bytes() for p in sorted(package.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_same_bytes_from_another_process_in_another_folder(packages: dict[str, Path], tmp_path: Path) -> None:
    # A copy of the sources stands for another checkout; another hash seed shows up any dependence on the order of sets.
    root = Path(__file__).parents[3]
    for name in ("export", "models", "quantize"):
        shutil.copytree(root / name, tmp_path / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__", "checkpoints"))
    for name in ("__init__.py", "support", "export/__init__.py", "export/coreml"):
        copy = shutil.copytree if (root / "parity_tests" / name).is_dir() else shutil.copy
        (tmp_path / "checkout" / "parity_tests" / name).parent.mkdir(parents=True, exist_ok=True)
        copy(root / "parity_tests" / name, tmp_path / "checkout" / "parity_tests" / name)
    script = """
        import pathlib, sys
        from parity_tests.export.coreml import conftest as tests
        for module in (sys.modules["export.coreml.backend"], sys.modules["models.generator"], sys.modules["quantize.table"]):
            assert pathlib.Path(module.__file__).is_relative_to(pathlib.Path.cwd()), module
        network = tests.generator.__wrapped__()
        for name, program in tests.programs.__wrapped__(network).items():
            folder = pathlib.Path(sys.argv[1], name)
            folder.mkdir(parents=True)
            tests.BACKEND.convert(program, folder)
    """
    environment = {**os.environ, "PYTHONHASHSEED": "12", "PYTHONPATH": str(tmp_path / "checkout")}
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "out")]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path / "checkout")
    for name, package in packages.items():
        assert contents(package) == contents(tmp_path / "out" / name / BACKEND.model_file), name


def test_bytes_do_not_depend_on_what_the_process_made_before(
    packages: dict[str, Path], programs: dict[str, Program], tmp_path: Path
) -> None:
    """After three other conversions and a program built by hand; the first package came before all of them."""
    from coremltools.converters.mil.mil import Builder

    for _ in range(3):
        Builder._get_free_name("const")
    BACKEND.convert(programs["fp32"], tmp_path)
    assert contents(tmp_path / BACKEND.model_file) == contents(packages["fp32"])


def test_no_trace_of_this_machine(packages: dict[str, Path]) -> None:
    root, home = str(Path(__file__).parents[3]), str(Path.home())
    for package in packages.values():
        files = contents(package)
        assert set(files) == {"Manifest.json", "Data/com.apple.CoreML/model.mlmodel", f"Data/{WEIGHTS}/weight.bin"}
        for name, content in files.items():
            for trace in (root, home, "/tmp/", "/home/", "/Users/", "site-packages", ".py\0"):
                assert trace.encode() not in content, f"{name} holds {trace!r}"
            # Any path at all: three parts, in printable characters. The one that belongs here names the weight file.
            paths = {m.decode() for m in re.findall(rb"(?:/[A-Za-z0-9_.-]{3,}){3,}", content)} - {"/weights/weight.bin"}
            assert not paths, f"{name} holds {paths}"


def test_manifest_is_the_one_that_coremltools_reads(packages: dict[str, Path]) -> None:
    ct = coremltools()
    for package in packages.values():
        manifest = json.loads((package / "Manifest.json").read_text())
        assert manifest["fileFormatVersion"] == "1.0.0"
        assert ct.utils.load_spec(str(package)).SerializeToString(deterministic=True) == read_spec(package)[0].SerializeToString(
            deterministic=True
        )
        assert ct.models.MLModel(str(package), skip_model_load=True).weights_dir == str(package / "Data" / WEIGHTS)
