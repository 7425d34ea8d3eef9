"""The integers of a saved w8a8, w8a16 or w8 file: of every convolution, its weights, bias and the number formats around it."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from export.coreml.package import read_program
from export.litert import flatbuffer
from export.onnx.backend import read_model
from export.onnx.graph import Graph
from quantize.integer_reference import IntegerReference

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"


class Stored(NamedTuple):
    """One convolution, hashable; activations as int8 or int16 with their zero point."""

    weights: bytes  # int8, (outputs, inputs / groups, kh, kw)
    scales: bytes  # float32
    bias: tuple[int, ...]
    entry: tuple[float, int]
    result: tuple[float, int]


def _stored(weights, scales, bias, entry, result) -> Stored:
    formats = [(float(np.float32(scale)), int(zero_point)) for scale, zero_point in (entry, result)]
    integers = np.ascontiguousarray(weights, np.int8).tobytes()
    return Stored(integers, np.asarray(scales, np.float32).tobytes(), tuple(int(b) for b in bias), *formats)


def of_table(reference: IntegerReference, table) -> Counter:
    """What the files must hold."""
    return Counter(
        _stored(
            c.weight,
            table.weights[f"{name}.weight"].scales,
            c.bias,
            (c.entry.scale, c.entry.zero_point),
            (c.result.scale, c.result.zero_point),
        )
        for name, c in reference.convolutions().items()
    )


def of_onnx(path) -> Counter:
    """uint8 activations, shifted back by 128, or uint16 ones by 32768."""
    graph = Graph.of(read_model(path))
    found, padding = Counter(), padded_channels(graph)
    for conv in (node for node in graph.nodes if node.op_type == "Conv"):
        sources = [graph.producer(name) for name in conv.input]
        if any(source is None or source.op_type != DEQUANTISE for source in sources):
            continue  # a Haar transform, in float
        behind = graph.users(conv.output[0])[0]
        behind = graph.users(behind.output[0])[0] if behind.op_type == "Relu" else behind
        assert behind.op_type == QUANTISE
        x, w, b = ([graph.constants.get(name) for name in source.input] for source in sources)
        y = [graph.constants[name] for name in behind.input[1:]]
        if padding and conv.name == "core/stem/Conv":
            assert not w[0][:, -padding:].any()
            w[0] = w[0][:, :-padding]
        assert x[2].dtype == y[1].dtype
        half = {"uint8": 128, "uint16": 32768}[x[2].dtype.name]
        found[_stored(w[0], w[1], b[0], (x[1], int(x[2]) - half), (y[0], int(y[1]) - half))] += 1
    return found


def padded_channels(graph: Graph) -> int:
    """Channels of zeros behind the bands and the noise, which the table does not have (``export.onnx.rewrite.pad_stem``)."""
    return sum(int(graph.constants[node.input[0]][1]) for node in graph.nodes if node.op_type == "ConstantOfShape")


def of_litert(path) -> Counter:
    """Weights (outputs, kh, kw, inputs), or (1, kh, kw, outputs) of a depthwise one."""
    model = flatbuffer.read(path)
    graph = flatbuffer.graph(model)
    found = Counter()
    for operator in graph.operators:
        name = flatbuffer.operator_name(model, operator)
        if name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        x, w, b, y = (graph.tensors[i] for i in (*operator.inputs, *operator.outputs))
        if flatbuffer.tensor_type(w) != "int8":
            continue
        weights = np.frombuffer(bytes(model.buffers[w.buffer].data), np.int8).reshape(flatbuffer.shape(w))
        weights = weights.transpose(0, 3, 1, 2) if name == "CONV_2D" else weights.transpose(3, 0, 1, 2)
        assert flatbuffer.tensor_type(b) == {"int8": "int32", "int16": "int64"}[flatbuffer.tensor_type(x)]
        bias = np.frombuffer(bytes(model.buffers[b.buffer].data), flatbuffer.tensor_type(b))
        formats = [(t.quantization.scale[0], t.quantization.zeroPoint[0]) for t in (x, y)]
        assert not np.any(w.quantization.zeroPoint)
        found[_stored(weights, w.quantization.scale, bias, *formats)] += 1
    return found


def of_coreml(path) -> Counter:
    """Scales in half precision; no integer bias, so it is left out (:func:`without_bias`)."""
    operations = list(read_program(path).function.operations)
    makers = {output.name: op for op in operations for output in op.outputs}
    users = {}
    for op in operations:
        for value in op.inputs.values():
            if hasattr(value, "name"):
                users.setdefault(value.name, []).append(op)
    found = Counter()
    for conv in (op for op in operations if op.op_type == "conv"):
        w, x = makers.get(conv.inputs["weight"].name), makers.get(conv.inputs["x"].name)
        if w is None or w.op_type != "constexpr_affine_dequantize":
            continue
        behind = users[conv.outputs[0].name][0]
        behind = users[behind.outputs[0].name][0] if behind.op_type == "relu" else behind
        assert (x.op_type, behind.op_type) == ("dequantize", "quantize")
        formats = [(x.inputs["scale"].val, _zero_point(x, x.inputs["input"]))]
        formats += [(behind.inputs["scale"].val, _zero_point(behind, behind.outputs[0]))]
        found[_stored(w.inputs["quantized_data"].val, w.inputs["scale"].val, (), *formats)] += 1
    return found


def _zero_point(op, integers) -> int:
    """What is left out is 0. The toolkit stores a tensor whose zero point is -128, one behind a ReLU, as uint8."""
    from coremltools.converters.mil.mil import types

    given = op.inputs.get("zero_point")
    return (0 if given is None else int(given.val)) - (128 if integers.dtype == types.uint8 else 0)


def in_half(stored: Counter) -> Counter:
    """The same with scales rounded to half precision, and without bias: what a Core ML package can hold.

    A dead channel's scale may round to 0, which is no scale: coremltools writes the smallest half for it. Its weights add next
    to nothing with either.
    """
    least = np.finfo(np.float16).smallest_subnormal
    return Counter(
        {
            _stored(
                np.frombuffer(one.weights, np.int8),
                np.frombuffer(one.scales, np.float32).astype(np.float16).clip(least),
                (),
                *((np.float16(scale), zero_point) for scale, zero_point in (one.entry, one.result)),
            ): count
            for one, count in stored.items()
        }
    )


# ---------------------------------------------------------------- w8: weights alone


def weights_of_onnx(path) -> Counter:
    """(integers, scales) of every weight that is stored in 8 bits."""
    graph = Graph.of(read_model(path))
    found = Counter()
    for conv in (node for node in graph.nodes if node.op_type == "Conv"):
        product = graph.producer(conv.input[1])
        if product is None:
            continue  # a Haar transform, in float
        assert product.op_type == "Mul"
        (cast,) = (graph.producer(name) for name in product.input if name not in graph.constants)
        found[_weight(graph.constants[cast.input[0]], graph.constants[product.input[1]])] += 1
    return found


def weights_of_litert(path) -> Counter:
    """The same, from the tensors behind DEQUANTIZE."""
    model = flatbuffer.read(path)
    graph = flatbuffer.graph(model)
    widened = {int(o.outputs[0]): o for o in graph.operators if flatbuffer.operator_name(model, o) == "DEQUANTIZE"}
    found = Counter()
    for operator in graph.operators:
        name = flatbuffer.operator_name(model, operator)
        source = widened.get(int(operator.inputs[1])) if name in ("CONV_2D", "DEPTHWISE_CONV_2D") else None
        stored = graph.tensors[source.inputs[0]] if source is not None else None
        if stored is None or flatbuffer.tensor_type(stored) != "int8":
            continue
        values = np.frombuffer(bytes(model.buffers[stored.buffer].data), np.int8).reshape(flatbuffer.shape(stored))
        values = values.transpose(0, 3, 1, 2) if name == "CONV_2D" else values.transpose(3, 0, 1, 2)
        assert stored.quantization.quantizedDimension == (0 if name == "CONV_2D" else 3)
        found[_weight(values, stored.quantization.scale)] += 1
    return found


def weights_of_coreml(path) -> Counter:
    """The same; scales are in half precision."""
    found = Counter()
    for op in read_program(path).function.operations:
        if op.op_type == "constexpr_affine_dequantize":
            assert not np.any(op.inputs["zero_point"].val)
            found[_weight(op.inputs["quantized_data"].val, op.inputs["scale"].val)] += 1
    return found


def _weight(integers, scales) -> tuple[bytes, bytes]:
    return np.ascontiguousarray(integers, np.int8).tobytes(), np.asarray(scales, np.float32).tobytes()
