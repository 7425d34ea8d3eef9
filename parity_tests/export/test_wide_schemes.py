"""w8 and w8a16 in every format that has them: the same integers, the program's pictures, and a refusal where there is none."""

import dataclasses
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from export.artifact.declared import faults
from export.backend import Coverage
from export.backends import BACKENDS
from export.errors import Unsupported
from export.matrix import plan, reference_name
from export.parity import measure, misses, probes, results
from export.program import Program
from export.reference import TorchBackend
from parity_tests.support import saved_integers
from parity_tests.support.formats.onnx_cells import HASH, small_calibration
from parity_tests.support.small import SMALL, small_generator
from quantize.calibrate import Sample, observe, tabulate
from quantize.coverage import expected_counts
from quantize.integer_reference import IntegerReference
from quantize.schemes import SCHEMES
from quantize.wide import eight_bit_weights

SIZE = 64
NOISY = dataclasses.replace(SMALL, name="noisy", noise_channels=2)
"""Noise is joined to the bands before the first quantisation, for which LiteRT's converter needs a way of its own."""

SLOW = pytest.mark.slow
W8 = ["onnx", "coreml", pytest.param("litert", marks=SLOW)]
W8A16 = ["onnx", pytest.param("litert", marks=SLOW)]
READERS = {
    "w8": {
        "onnx": saved_integers.weights_of_onnx,
        "coreml": saved_integers.weights_of_coreml,
        "litert": saved_integers.weights_of_litert,
    },
    "w8a16": {"onnx": saved_integers.of_onnx, "litert": saved_integers.of_litert},
}


@cache
def program(scheme):
    generator, table = small_generator(), small_calibration()
    if scheme == "w8a16":
        generator = small_generator(0, NOISY)
        images = [Sample(probe.image, probe.hole, {}) for probe in probes(SIZE)[:3]]
        table = tabulate(generator, HASH, observe(generator, images, progress=False))
    return Program(generator, SIZE, SCHEMES[scheme], "uint8", HASH, table if SCHEMES[scheme].calibrated else None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    @cache
    def convert(scheme, backend) -> Path:
        folder = tmp_path_factory.mktemp(f"{backend}-{scheme}")
        BACKENDS[backend].convert(program(scheme), folder)
        return folder / BACKENDS[backend].model_file

    return convert


def figures(model, backend, scheme):
    probe_set = probes(SIZE)
    got = results(BACKENDS[backend].load(model, 1), probe_set, "uint8", noisy=True)
    wanted = results(TorchBackend().reference(program(scheme), 1), probe_set, "uint8", noisy=False)
    return measure(got, wanted, probe_set, io="uint8", reference=reference_name(program(scheme)))


def weights_in_half(weights):
    scales = ((integers, np.frombuffer(scales, np.float32).astype(np.float16)) for integers, scales in weights.elements())
    return Counter((integers, one.astype(np.float32).tobytes()) for integers, one in scales)


def wanted_weights():
    rows = eight_bit_weights(small_generator()).values()
    return Counter((integers.tobytes(), scales.tobytes()) for integers, scales in rows)


def wanted_integers():
    table = program("w8a16").table
    return saved_integers.of_table(IntegerReference(program("w8a16").generator, table), table)


@pytest.mark.parametrize("backend", W8)
def test_w8_files_hold_the_same_integers(saved, backend):
    wanted = wanted_weights()
    assert wanted.total() == expected_counts(SMALL)["conv"]
    found = READERS["w8"][backend](saved("w8", backend))
    assert found == (weights_in_half(wanted) if backend == "coreml" else wanted)
    assert BACKENDS[backend].inspect(saved("w8", backend)).byte_weights == wanted.total()


@pytest.mark.parametrize("backend", W8A16)
def test_w8a16_files_hold_the_table_to_the_bit(saved, backend):
    wanted = wanted_integers()
    assert wanted.total() == expected_counts(NOISY)["conv"]
    assert READERS["w8a16"][backend](saved("w8a16", backend)) == wanted


@pytest.mark.parametrize(
    ("scheme", "backend"),
    [("w8", "onnx"), ("w8", "coreml"), ("w8a16", "onnx"), *(pytest.param(s, "litert", marks=SLOW) for s in ("w8", "w8a16"))],
)
def test_files_compute_what_the_program_computes(saved, scheme, backend):
    parity = figures(saved(scheme, backend), backend, scheme)
    assert misses(parity, scheme) == []
    if scheme == "w8" and backend != "coreml":
        assert misses(parity, "fp32") == []  # the same float arithmetic as fp32, so its bar
    declared = BACKENDS[backend].inspect(saved(scheme, backend))
    layout = declared.metadata["wavefill.layout"]
    spec = program(scheme).generator.spec
    assert faults(declared, SIZE, "uint8", program(scheme).metadata(layout), spec) == []


def test_planted_one_weight_that_is_one_off_is_found(saved, tmp_path):
    """In the integers, and in the picture where it is the sign of the head's largest weights."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(saved("w8", "onnx"))
    weight = next(one for one in model.graph.initializer if "head/weight" in one.name and one.data_type == onnx.TensorProto.INT8)
    integers = numpy_helper.to_array(weight).copy()
    integers[0, 0, 0, 0] += 1 if integers[0, 0, 0, 0] < 127 else -1
    weight.CopyFrom(numpy_helper.from_array(integers, weight.name))
    onnx.save(model, tmp_path / "one.onnx")
    assert saved_integers.weights_of_onnx(tmp_path / "one.onnx") != wanted_weights()
    weight.CopyFrom(numpy_helper.from_array(np.where(np.abs(integers) > 60, -integers, integers), weight.name))
    onnx.save(model, tmp_path / "signs.onnx")
    assert misses(figures(tmp_path / "signs.onnx", "onnx", "w8"), "w8")


def test_planted_another_bias_is_found():
    wanted = wanted_integers()
    one = next(iter(wanted))
    spoiled = wanted.copy()
    spoiled[one] -= 1
    spoiled[one._replace(bias=(one.bias[0] + 1, *one.bias[1:]))] += 1
    assert spoiled != wanted


def test_a_w8_file_with_a_float_weight_is_refused(saved):
    inspection = BACKENDS["onnx"].inspect(saved("w8", "onnx"))
    metadata = program("w8").metadata("NHWC")
    found = faults(dataclasses.replace(inspection, byte_weights=inspection.byte_weights - 1), SIZE, "uint8", metadata, SMALL)
    total = expected_counts(SMALL)["conv"]
    assert found == [f"{total - 1} convolutions have weights of 8 bits, small has {total}"]


def test_fp32_files_have_no_weights_of_8_bits(tmp_path):
    fp32 = Program(small_generator(), SIZE, SCHEMES["fp32"], "uint8", HASH)
    BACKENDS["onnx"].convert(fp32, tmp_path)
    assert BACKENDS["onnx"].inspect(tmp_path / "model.onnx").byte_weights == 0


def test_a_w8a16_file_is_integer_in_the_file(saved):
    """As NPUs read it; ONNX Runtime's processor kernels compute in float between the pairs (docs/quantization.md)."""
    coverage = BACKENDS["onnx"].inspect(saved("w8a16", "onnx")).coverage
    counts = expected_counts(NOISY)
    assert coverage == {kind: Coverage(counts[kind], 0) for kind in ("add", "conv", "resize")}


@SLOW
def test_litert_biases_of_32_bits_would_not_do(saved, tmp_path):
    """What the converter writes: the interpreter refuses it. If this fails, export/litert/wide.py is needed no more."""
    from ai_edge_litert import schema_py_generated as schema

    from export.litert import flatbuffer

    model = flatbuffer.read(saved("w8a16", "litert"))
    graph = flatbuffer.graph(model)
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if flatbuffer.tensor_type(tensor) == "int64" and data is not None:
            tensor.type = schema.TensorType.INT32
            model.buffers[tensor.buffer].data = np.frombuffer(np.frombuffer(bytes(data), "<i8").astype("<i4").tobytes(), np.uint8)
    narrow = tmp_path / "model.tflite"
    narrow.write_bytes(flatbuffer.pack(model))
    with pytest.raises((ValueError, RuntimeError), match="kTfLiteInt64"):
        BACKENDS["litert"].load(narrow, 1)


def test_core_ml_has_no_w8a16(tmp_path):
    reason = "w8a16: Core ML's quantize operator stores int8 and uint8, no 16 bits"
    with pytest.raises(Unsupported, match=reason):
        plan(["onnx", "coreml"], ["w8a16"], SIZE, "uint8")
    with pytest.raises(Unsupported, match=reason):
        BACKENDS["coreml"].convert(program("w8a16"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_core_ml_lacks_is_what_its_toolkit_says():
    """Read from coremltools' own operator. If this fails, Core ML can have w8a16."""
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813 - as coremltools' own pages call it
    from coremltools.converters.mil.mil import Function, types

    def stored_as(dtype):
        with Function({"x": mb.placeholder((1, 2, 4, 4), dtype=types.fp16)}) as function:
            mb.quantize(input=function.inputs["x"], scale=np.float16(0.1), output_dtype=dtype)

    for dtype in ("int8", "uint8"):
        stored_as(dtype)
    for dtype in ("int16", "uint16"):
        with pytest.raises(ValueError, match=dtype):
            stored_as(dtype)
