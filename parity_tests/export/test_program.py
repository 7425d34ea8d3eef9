"""Program and Source: what an artefact says of itself comes from the checkpoint."""

import dataclasses

import pytest
import torch

from export.program import Program
from export.sources import read_source
from models.checkpoint import save_checkpoint
from models.generator import Generator
from models.spec import ModelSpec
from quantize.schemes import SCHEMES
from quantize.table import QuantizationTable

TINY = ModelSpec("tiny", widths=(8, 16), blocks=(1, 1))


@pytest.mark.parametrize(("header", "licence"), [({"licence": "CC0"}, "CC0"), ({}, "unstated")])
def test_the_licence_comes_from_the_checkpoint(tmp_path, header, licence):
    save_checkpoint(tmp_path / "tiny.safetensors", Generator(TINY), header)
    program = read_source(tmp_path / "tiny.safetensors", None).program(SCHEMES["fp32"], 32, "uint8")
    assert program.metadata("NHWC")["wavefill.licence"] == licence


def test_a_calibration_of_another_checkpoint_is_refused():
    table = QuantizationTable("tiny", "a" * 64, {}, {})
    program = Program(Generator(TINY), 32, SCHEMES["fp32"], "uint8", "b" * 64)
    with pytest.raises(ValueError, match="belongs to checkpoint aaaaaaaaaaaa"):
        dataclasses.replace(program, scheme=SCHEMES["w8a8"], calibration=table)
    with pytest.raises(ValueError, match="a calibration is needed"):
        dataclasses.replace(program, scheme=SCHEMES["w8a8"])
    with pytest.raises(ValueError, match="a calibration is not used"):
        dataclasses.replace(program, calibration=table)


def test_fp16_cores_compute_in_half_precision():
    program = Program(Generator(TINY), 32, SCHEMES["fp16"], "uint8", "b" * 64)
    assert {p.dtype for p in program.core().parameters()} == {torch.float16}
    assert {p.dtype for p in program.generator.parameters()} == {torch.float32}
