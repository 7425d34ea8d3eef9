"""ONNX Runtime's own format, and its usability report."""

import numpy as np
import pytest

from export.onnx.backend import OnnxBackend
from export.onnx.mobile import write_ort
from parity_tests.support.formats.onnx_cells import converted, hole, photo, small_program


@pytest.mark.parametrize("scheme", ["fp32", "w8a8"])
def test_ort_file_computes_the_same(tmp_path, scheme):
    model = converted(small_program(scheme), tmp_path / "model")
    saved = OnnxBackend().write_ort(model, tmp_path)
    assert saved == tmp_path / "model.ort"
    assert saved.read_bytes()[4:8] == b"ORTM"
    assert str(tmp_path).encode() not in saved.read_bytes()
    results = [OnnxBackend().load(path, threads=1)(photo(), hole()) for path in (model, saved)]
    difference = np.abs(results[0].astype(int) - results[1])
    assert difference.max() <= (1 if scheme == "fp32" else 0)
    assert (difference > 0).mean() <= 1e-3


def test_ort_file_lies_beside_the_model_by_default(tmp_path):
    model = converted(small_program("fp32"), tmp_path)
    assert write_ort(model) == tmp_path / "model.ort"


def test_ort_of_a_broken_file_is_refused_and_leaves_the_old_one(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"nothing of the kind")
    (tmp_path / "model.ort").write_bytes(b"previous")
    with pytest.raises(ValueError, match=r"model\.onnx: ONNX Runtime refuses it"):
        write_ort(tmp_path / "model.onnx")
    assert (tmp_path / "model.ort").read_bytes() == b"previous"


def test_usability_report_names_the_providers_and_keeps_the_core_in_one_partition(tmp_path, capfd):
    model = converted(small_program("fp32", io="float"), tmp_path)
    report = OnnxBackend().usability_report(model)
    assert "Checking NNAPI" in report
    assert "Checking CoreML MLProgram" in report
    assert "dynamic shape" not in report
    assert report.count("1 partitions") == 3, report
    assert str(tmp_path) not in report
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="no such file"):
        OnnxBackend().usability_report(tmp_path / "missing.onnx")
