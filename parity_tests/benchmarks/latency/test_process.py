"""Workers that are real processes: one that runs, one that hangs, one that is killed, one that refuses."""

import os
import signal

import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.latency import convolution
from benchmarks.latency.process import Gone, Worker


@pytest.fixture
def spec(tmp_path):
    model = convolution.write(tmp_path, "fp32", 8, 16, 3)
    return {"kind": "convolution", "model": str(model), "size": 16, "threads": 1}


def endless(path):
    """A graph that adds one to a number until the end of days."""
    body = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"]), helper.make_node("Identity", ["going"], ["goes_on"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["", "true", "input"], ["output"], body=body)],
        "endless",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1])],
        [helper.make_tensor("true", TensorProto.BOOL, [], [True])],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_a_worker_measures_and_ends(spec):
    worker = Worker(60, 1)
    loaded = worker.ask("load", spec=spec)
    assert loaded["first_ms"] > 0
    assert loaded["memory_mb"]["load_peak"] >= loaded["memory_mb"]["before"] > 10
    ran = worker.ask("run", warm=2)
    assert ran["ms"] > 0
    assert ran["processor_ms"] > 0
    assert worker.ask("peak")["peak_mb"] > 10
    worker.close()
    assert worker._process.poll() is not None


def test_one_that_hangs_is_given_up(spec, tmp_path):
    worker = Worker(60, 1)
    worker.ask("load", spec=spec)  # the imports are not what hangs
    worker.limit_s = 1
    with pytest.raises(Gone, match="no answer in 1 s"):
        worker.ask("load", spec=spec | {"model": str(endless(tmp_path / "endless.onnx"))})
    assert worker._process.poll() is not None


def test_one_that_crashes_is_told(spec):
    worker = Worker(60, 1)
    worker.ask("load", spec=spec)
    os.kill(worker._process.pid, signal.SIGSEGV)
    with pytest.raises(Gone, match=r"crashed \(signal 11\)"):
        worker.ask("run", warm=0)


def test_one_that_refuses_says_why_in_one_line(spec, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x09not a graph\n\n")
    with pytest.raises(Gone) as caught:
        Worker(60, 1).ask("load", spec=spec | {"model": str(tmp_path / "broken.onnx")})
    assert "broken.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)
