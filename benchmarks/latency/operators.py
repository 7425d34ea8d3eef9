"""Which operators of a model take the time, which of a quantised one compute in float, which a delegate took."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

RUNS, MOST = 8, 10
FLOATS = ("float", "float16", "double")


def profile(model: Path) -> dict[str, Any]:
    """``costliest``, ``float_islands``, ``total`` and ``delegated``, as far as the runtime tells.

    Args:
        model: ``.onnx`` or ``.tflite``; profiled in a session of its own, because profiling costs time.
    """
    return _litert(model) if model.suffix == ".tflite" else _onnx(model)


# ---------------------------------------------------------------- ONNX Runtime


def _onnx(model: Path) -> dict[str, Any]:
    """Kernels as ONNX Runtime ran them, after its own fusions, on one thread."""
    import numpy as np
    import onnx

    from models.system.privacy import import_onnxruntime

    runtime = import_onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(0)
        feeds = {}
        for port in session.get_inputs():
            shape = [side if isinstance(side, int) else 1 for side in port.shape]
            values = rng.integers(0, 256, shape).astype(np.uint8)
            feeds[port.name] = values if port.type == "tensor(uint8)" else values.astype(np.float32) / 255
        for _ in range(RUNS):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        optimised = onnx.load(options.optimized_model_filepath, load_external_data=False)
    kernels = [event for event in events if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")]
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    types: dict[str, list[str]] = {}
    for event in kernels:
        name, about = event["name"].removesuffix("_kernel_time"), event["args"]
        durations[name, about["op_name"]].append(event["dur"])
        types[name] = [kind for one in about.get("output_type_shape", []) for kind in one]
    # The median of its runs: on a shared machine one run of an operator may wait for its core longer than all others compute.
    spent = {key: statistics.median(times) for key, times in durations.items()}
    whole = sum(spent.values()) or 1
    first = sorted(spent.items(), key=lambda item: -item[1])[:MOST]
    return {
        "costliest": [{"name": name[:200], "kind": kind, "share": time / whole} for (name, kind), time in first],
        "float_islands": float_islands(optimised.graph, types),
        "total": len(spent),
        "delegated": 0,
    }


def float_islands(graph: Any, types: dict[str, list[str]]) -> list[str] | None:  # noqa: ANN401 - onnx.GraphProto
    """Operators that compute in float on a way from the first QuantizeLinear to the last DequantizeLinear.

    Args:
        graph: as the runtime optimised it, in execution order.
        types: of each operator's outputs, by its name, as the runtime saw them.

    Returns:
        ``type name`` of each; None for a graph that quantises nothing.
    """
    constants = {tensor.name for tensor in graph.initializer}
    nodes = list(graph.node)
    if not any(_is_integer(node.op_type) for node in nodes):
        return None
    below: set[str] = set()
    after = []
    for node in nodes:
        inside = _is_integer(node.op_type) or any(name in below for name in node.input)
        after.append(inside)
        if inside:
            below.update(node.output)
    above: set[str] = set()
    found = []
    for node, inside in zip(reversed(nodes), reversed(after), strict=True):
        ends = node.op_type == "DequantizeLinear" and node.input[0] not in constants
        # What leads to a dequantise, but for that itself: it is the way out where nothing quantises again behind it.
        if any(name in above for name in node.output):
            above.update(node.input)
            if inside and any(kind in FLOATS for kind in types.get(node.name, [])):
                found.append(f"{node.op_type} {node.name}"[:200])
        elif ends:
            above.update(node.input)
    return found[::-1]


def _is_integer(kind: str) -> bool:
    return kind == "QuantizeLinear" or kind.startswith("QLinear")


# ---------------------------------------------------------------- LiteRT


def _litert(model: Path) -> dict[str, Any]:
    """How many operators XNNPACK took. LiteRT's Python interface has no profiler, so nothing is said of their times."""
    from ai_edge_litert.interpreter import Interpreter

    from export.quiet import quiet

    with quiet():
        interpreter = Interpreter(model_path=str(model), num_threads=1)
        interpreter.allocate_tensors()
    # The list that the runtime itself prints: operators of the file, then one DELEGATE for each group that was taken.
    found = interpreter._get_ops_details()
    operators = [one for one in found if one["op_name"] != "DELEGATE"]
    makers = {int(tensor): one["index"] for one in operators for tensor in one["outputs"]}
    reads = {one["index"]: [int(tensor) for tensor in one["inputs"]] for one in operators}
    taken: set[int] = set()
    for group in found:
        if group["op_name"] != "DELEGATE":
            continue
        outside, queue = {int(tensor) for tensor in group["inputs"]}, [int(tensor) for tensor in group["outputs"]]
        while queue:
            tensor = queue.pop()
            maker = makers.get(tensor)
            if tensor in outside or maker is None or maker in taken:
                continue
            taken.add(maker)
            queue += reads[maker]
    islands = None
    if any(one["op_name"] == "QUANTIZE" for one in operators):
        from export.litert.inspect import integer_coverage

        islands = [line[:200] for line in integer_coverage(model).left_in_float]
    return {"costliest": [], "float_islands": islands, "total": len(operators), "delegated": len(taken)}
