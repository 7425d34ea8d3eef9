"""The best convolution of a runtime: what a network could reach if it were nothing but convolutions of good shapes.

A network's share of a library's matrix product says little: the runtime's own convolutions may be faster than it. Each graph
here is four convolutions in a row, in fp32, or in uint8 activations with int8 weights as the w8a8 artefacts have them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.photo.place import write_atomically

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SHAPES: Final = (
    # channels  side  kernel
    (64, 64, 3),
    (128, 32, 3),
    (128, 64, 3),
    (256, 32, 3),
    (256, 32, 1),
)
"""Of these the fastest counts; which one that is depends on the processor."""

NUMBERS: Final = ("fp32", "u8s8")
LAYERS: Final = 4
SCALE: Final = 0.02


def macs(channels: int, side: int, kernel: int) -> int:
    """Multiply-accumulates of one run of a graph."""
    return LAYERS * channels * channels * kernel * kernel * side * side


def write(folder: Path, numbers: str, channels: int, side: int, kernel: int) -> Path:
    """Write one graph: (1, channels, side, side) in and out, float32 or uint8.

    Args:
        folder: made if it is not there.
        numbers: ``fp32`` or ``u8s8``.
        channels, side, kernel: a row of ``SHAPES``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"convolution-{numbers}-{channels}x{side}-{kernel}.onnx"
    write_atomically(path, _model(numbers, channels, side, kernel).SerializeToString(deterministic=True))
    return path


def _model(numbers: str, channels: int, side: int, kernel: int) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    shape = (channels, channels, kernel, kernel)
    stored: dict[str, Any] = {}
    nodes: list[NodeProto] = []
    if numbers == "u8s8":
        # 7 bits, as the artefacts use: x86 without VNNI would saturate with 8.
        stored["w"] = rng.integers(-63, 64, shape).astype(np.int8)
        stored |= {
            "s": np.float32(SCALE),
            "z": np.uint8(128),
            "ws": np.full(channels, SCALE, np.float32),
            "wz": np.zeros(channels, np.int8),
        }
        stored |= {"b": np.zeros(channels, np.int32), "bs": np.full(channels, SCALE * SCALE, np.float32)}
    else:
        stored["w"] = rng.standard_normal(shape).astype(np.float32) / np.float32(np.sqrt(shape[1] * kernel * kernel))
        stored["b"] = np.zeros(channels, np.float32)
    x = "input"
    for i in range(LAYERS):
        nodes += _layer(numbers, i, x, kernel)
        x = f"q{i}" if numbers == "u8s8" else f"c{i}"
    kind = TensorProto.UINT8 if numbers == "u8s8" else TensorProto.FLOAT
    ports = [helper.make_tensor_value_info(name, kind, [1, channels, side, side]) for name in ("input", x)]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "convolution", ports[:1], ports[1:], weights)
    return helper.make_model(graph, producer_name="wavefill", ir_version=9, opset_imports=[helper.make_opsetid("", 17)])


def _layer(numbers: str, i: int, x: str, kernel: int) -> list[NodeProto]:
    from onnx import helper

    options: dict[str, Any] = {"kernel_shape": [kernel] * 2, "pads": 4 * [kernel // 2]}
    if numbers == "fp32":
        return [helper.make_node("Conv", [x, "w", "b"], [f"c{i}"], **options)]
    return [
        helper.make_node("DequantizeLinear", [x, "s", "z"], [f"x{i}"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], [f"w{i}"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs"], [f"b{i}"], axis=0),
        helper.make_node("Conv", [f"x{i}", f"w{i}", f"b{i}"], [f"c{i}"], **options),
        helper.make_node("QuantizeLinear", [f"c{i}", "s", "z"], [f"q{i}"]),
    ]
