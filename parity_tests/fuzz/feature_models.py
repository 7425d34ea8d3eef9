"""Two small feature networks: one file each for ONNX Runtime and LiteRT."""

from pathlib import Path

import numpy as np


def write_onnx(path: Path) -> None:
    """Convolution, ReLU, mean over positions, product with a matrix."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(8, 3, 3, 3)).astype(np.float32),
        "b": rng.normal(size=8).astype(np.float32),
        "axes": np.array([2, 3]),
        "m": rng.normal(size=(8, 10)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("ReduceMean", ["r", "axes"], ["p"], keepdims=0),
        helper.make_node("MatMul", ["p", "m"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "features", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def write_litert(path: Path) -> None:
    """Convolution and ReLU over channels-last pixels: a map of features."""
    import torch
    from torch import nn

    from export.litert.toolkit import lower

    class Features(nn.Module):
        """(1, 16, 16, 3) -> (1, 8, 8, 8)."""

        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 8, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"y": torch.relu(self.convolution(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)}

    torch.manual_seed(0)
    path.write_bytes(lower(Features(), {"x": torch.zeros(1, 16, 16, 3)}, quantised=False))
