"""Feature networks and classifiers from files that a user gives: ``.onnx``, ``.tflite``, or SqueezeNet's ``.safetensors``.

None is part of this project, and none is ever replaced by another: a measure whose network is not given is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.features.litert import litert_network
from models.features.pixels import SCALES, Array, check_sides, resized, scaled
from models.features.probe import probe
from models.photo.images import Pixels
from models.system.errors import ToolchainMissing
from models.system.foreign import reading
from models.system.privacy import import_onnxruntime

SPATIAL_CHANNELS = 7
"""Channels of a feature map that sFID keeps (Nash et al., *Generating Images with Sparse Representations*, 2021, section 4.1)."""


@dataclass(frozen=True)
class Response:
    """What a network says of one image.

    Attributes:
        vector: (D,) its last output; a map of features is averaged over positions.
        spatial: (S,) the first channels of that map at all positions, or None where the output is a vector.
    """

    vector: Array
    spatial: Array | None


class FeatureNetwork:
    """A network that was read from a file.

    Args:
        path: see this file's first line.
        scale: row of ``SCALES`` for float inputs; None: ``levels`` for integer inputs, refused otherwise.
        name: what measures are called after; default the file's stem.

    Raises:
        ValueError: no such file, another kind of file, or a float input without a scale.
        ToolchainMissing: the runtime for it is not installed.
    """

    def __init__(self, path: Path, scale: str | None = None, name: str | None = None) -> None:
        readers = {".onnx": _onnx, ".tflite": _probed_litert, ".safetensors": _squeezenet}
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        if path.suffix not in readers:
            raise ValueError(f"{path}: a feature network is one of {', '.join(readers)}")
        if scale is not None and scale not in SCALES:
            raise ValueError(f"scale {scale!r}: allowed are {', '.join(SCALES)}")
        self.name = name or path.stem
        self._path = path
        with reading(path):
            self._run = readers[path.suffix](path, scale)

    def __call__(self, image: Pixels) -> Response:
        """Response to an (H, W, 3) uint8 image, resized (bilinear, antialiased) where the network wants another size."""
        with reading(self._path):
            output = np.asarray(self._run(image), dtype=np.float64)
            if not output.size or not np.isfinite(output).all():
                raise ValueError("its response is empty, or not finite")
        if output.ndim == 3 and output.shape[1] * output.shape[2] > 1:  # (C, h, w)
            return Response(output.mean(axis=(1, 2)), output[:SPATIAL_CHANNELS].ravel())
        return Response(output.ravel(), None)

    def probabilities(self, image: Pixels) -> Array:
        """Class probabilities: what lies between 0 and 1 is scaled to add up to 1, logits are put through a softmax."""
        vector = self(image).vector
        if vector.min() >= 0 and 0 < vector.max() <= 1:
            return vector / vector.sum()  # an 8-bit softmax rounds small classes to 0 and adds up to less than 1
        powers = np.exp(vector - vector.max())
        return powers / powers.sum()


def _onnx(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    try:
        onnxruntime, state = import_onnxruntime(), import_onnxruntime("capi.onnxruntime_pybind11_state")
    except ImportError as error:
        raise ToolchainMissing("an ONNX feature network needs onnxruntime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3  # one thread: the same sums in every run
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidProtobuf, state.InvalidGraph) as error:
        raise ValueError(f"{path}: ONNX Runtime cannot read it ({error})") from error
    port = session.get_inputs()[0]
    if len(port.shape) != 4 or 3 not in (port.shape[1], port.shape[3]):
        raise ValueError(f"{path}: its input is {port.shape}; one RGB image (1, 3, H, W) or (1, H, W, 3) is needed")
    first = port.shape[1] == 3
    sides = [side if isinstance(side, int) else None for side in (port.shape[2:] if first else port.shape[1:3])]
    check_sides(*(side for side in sides if side is not None))
    if port.type == "tensor(float)":
        scaled(np.zeros((1, 1, 3), np.uint8), scale, path)  # refuses a missing scale now, not at the first image

    def run(image: Pixels) -> NDArray[np.generic]:
        small = resized(image, sides[0] or image.shape[0], sides[1] or image.shape[1])
        x: NDArray[np.generic] = small if port.type == "tensor(uint8)" else scaled(small, scale, path)
        x = x.transpose(2, 0, 1)[None] if first else x[None]
        return np.asarray(session.run(None, {port.name: np.ascontiguousarray(x)})[-1][0])

    return run


def _probed_litert(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    probe(path, scale)
    return litert_network(path, scale)


def _squeezenet(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    import torch

    from models.features.squeezenet import SqueezeNetTaps

    network = SqueezeNetTaps.read(path)

    def run(image: Pixels) -> NDArray[np.generic]:
        rgb = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            return network(rgb)[-1][0].numpy()

    return run
