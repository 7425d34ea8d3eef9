"""Stand-ins: the published sizes, counted here once more from the files; the Fourier unit against NumPy's transform."""

import math

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.__main__ import main
from benchmarks.peers.standins import lama
from benchmarks.peers.standins.graph import GraphWriter, Tensor
from benchmarks.peers.standins.table import NOTICE, STANDINS, properties, write
from export.onnx.session import open_session
from models.system.errors import run_main
from parity_tests.support.exit_code import exit_code


def counted(model: onnx.ModelProto) -> int:
    """Multiply-accumulates from the shapes in the file, without the writer's own count."""
    graph = model.graph
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.input, *graph.output)
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        result, *read = shapes[node.output[0]], *(shapes[name] for name in node.input)
        if node.op_type == "Conv":
            total += math.prod(result) * math.prod(read[1][1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(read[0]) * math.prod(read[1][1:])
        elif node.op_type == "MatMul":
            total += math.prod(result) * read[0][-1]
    return total


def test_migan_has_the_published_size():
    writer, inputs, output = STANDINS["migan"].build(256, 0)
    assert writer.parameters == pytest.approx(5.9e6, rel=0.02)
    assert writer.macs == pytest.approx(10.9e9, rel=0.01)
    assert counted(writer.model(inputs, output, "migan", {})) == writer.macs


def test_lama_has_the_published_size(monkeypatch):
    writer, *_ = STANDINS["lama"].build(256, 0)
    assert writer.parameters == pytest.approx(51e6, rel=0.01)
    monkeypatch.setattr(lama, "BLOCKS", 1)
    writer, inputs, output = STANDINS["lama"].build(256, 0)
    assert counted(writer.model(inputs, output, "lama", {})) == writer.macs


@pytest.mark.parametrize("name", STANDINS)
def test_files_run_and_say_what_they_are(name, tmp_path, monkeypatch):
    monkeypatch.setattr(lama, "BLOCKS", 2)  # 200 MB of weights otherwise
    path = write(name, 64, tmp_path / "new")
    assert path.read_bytes() == write(name, 64, tmp_path).read_bytes()
    assert properties(path)["notice"] == NOTICE
    session = open_session(path, 1)
    rng = np.random.default_rng(0)
    feeds = {port.name: rng.random(port.shape, dtype=np.float32) for port in session.get_inputs()}
    (result,) = session.run(None, feeds)
    assert result.shape == (1, 3, 64, 64)
    assert np.isfinite(result).all()
    assert result.std() > 1e-3, "a constant picture would mean that the signal died on its way"


def test_the_fourier_unit_is_the_one_of_numpy(tmp_path):
    """Transform, 1x1 convolution over real and imaginary parts, ReLU, inverse transform."""
    writer = GraphWriter(0)
    x = Tensor("x", 3, 8, 16)
    model = writer.model([x], lama._fourier_unit(writer, x), "unit", {})
    (tmp_path / "unit.onnx").write_bytes(model.SerializeToString())
    weight = next(numpy_helper.to_array(w) for w in model.graph.initializer if list(w.dims) == [6, 6, 1, 1])[:, :, 0, 0]
    values = np.random.default_rng(1).standard_normal((3, 8, 16)).astype(np.float32)
    spectrum = np.fft.rfft2(values, norm="ortho")
    mixed = np.einsum("oi,ihw->ohw", weight, np.concatenate([spectrum.real, spectrum.imag]))
    expected = np.fft.irfft2(np.maximum(mixed[:3], 0) + 1j * np.maximum(mixed[3:], 0), s=(8, 16), norm="ortho")
    (got,) = open_session(tmp_path / "unit.onnx", 1).run(None, {"x": values[None]})
    np.testing.assert_allclose(got[0], expected, atol=1e-5)


def test_command(tmp_path, capsys):
    assert run_main(main, ["standins", "migan", "--size", "64", "--out", str(tmp_path)]) == 0
    assert "migan-standin-64.onnx" in capsys.readouterr().out
    assert exit_code(main, ["standins", "mygan", "--out", str(tmp_path)]) == 2
    assert exit_code(main, ["standins", "migan", "--size", "100", "--out", str(tmp_path)]) == 2
    assert "mygan: no such stand-in; there are migan, lama" in capsys.readouterr().err
    assert properties(tmp_path / "migan-standin-64.onnx")["macs"]
