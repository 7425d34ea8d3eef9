"""Feature networks and classifiers from files that a user gives: ``.onnx``, ``.tflite``, or SqueezeNet's ``.safetensors``.

None is part of this project, and none is ever replaced by another: a measure whose network is not given is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.features.probe import probe
from models.photo.images import Pixels
from models.system.errors import ToolchainMissing
from models.system.foreign import reading
from models.system.privacy import import_onnxruntime
from models.system.quiet import without_standard_error

Array = NDArray[np.float64]

SCALES: dict[str, Callable[[Array], Array]] = {
    # levels 0..255, RGB, channels last -> what goes in
    "levels": lambda x: x,
    "unit": lambda x: x / 255,
    "symmetric": lambda x: x / 127.5 - 1,
    "imagenet": lambda x: (x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
    "caffe": lambda x: x[..., ::-1] - np.array([104.0, 117.0, 123.0]),  # BGR minus the mean
}
"""How a network with float inputs wants its pixels."""

MAX_SIDE = 4096
"""Largest pictures that a network may ask for; a picture is resized to what its input says."""

SPATIAL_CHANNELS = 7
"""Channels of a feature map that sFID keeps (Nash et al., *Generating Images with Sparse Representations*, 2021, section 4.1)."""


@dataclass(frozen=True)
class Response:
    """What a network says of one picture.

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

    def __call__(self, picture: Pixels) -> Response:
        """Response to an (H, W, 3) uint8 picture, resized (bilinear, antialiased) where the network wants another size."""
        with reading(self._path):
            output = np.asarray(self._run(picture), dtype=np.float64)
            if not output.size or not np.isfinite(output).all():
                raise ValueError("its response is empty, or not finite")
        if output.ndim == 3 and output.shape[1] * output.shape[2] > 1:  # (C, h, w)
            return Response(output.mean(axis=(1, 2)), output[:SPATIAL_CHANNELS].ravel())
        return Response(output.ravel(), None)

    def probabilities(self, picture: Pixels) -> Array:
        """Class probabilities: what lies between 0 and 1 is scaled to add up to 1, logits are put through a softmax."""
        vector = self(picture).vector
        if vector.min() >= 0 and 0 < vector.max() <= 1:
            return vector / vector.sum()  # an 8-bit softmax rounds small classes to 0 and adds up to less than 1
        powers = np.exp(vector - vector.max())
        return powers / powers.sum()


def _resized(picture: Pixels, height: int, width: int) -> Pixels:
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _check_sides(*sides: int) -> None:
    if any(not 1 <= side <= MAX_SIDE for side in sides):
        raise ValueError(f"its input has {' x '.join(map(str, sides))} pixels; 1 to {MAX_SIDE} a side are allowed")


def _scaled(picture: Pixels, scale: str | None, path: Path) -> NDArray[np.float32]:
    if scale is None:
        raise ValueError(f"{path}: takes floats; say how its pixels are scaled, one of {', '.join(SCALES)} (FILE:SCALE)")
    return np.ascontiguousarray(SCALES[scale](picture.astype(np.float64)), dtype=np.float32)


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
        raise ValueError(f"{path}: its input is {port.shape}; one RGB picture (1, 3, H, W) or (1, H, W, 3) is needed")
    first = port.shape[1] == 3
    sides = [side if isinstance(side, int) else None for side in (port.shape[2:] if first else port.shape[1:3])]
    _check_sides(*(side for side in sides if side is not None))
    if port.type == "tensor(float)":
        _scaled(np.zeros((1, 1, 3), np.uint8), scale, path)  # refuses a missing scale now, not at the first picture

    def run(picture: Pixels) -> NDArray[np.generic]:
        resized = _resized(picture, sides[0] or picture.shape[0], sides[1] or picture.shape[1])
        x: NDArray[np.generic] = resized if port.type == "tensor(uint8)" else _scaled(resized, scale, path)
        x = x.transpose(2, 0, 1)[None] if first else x[None]
        return np.asarray(session.run(None, {port.name: np.ascontiguousarray(x)})[-1][0])

    return run


def _probed_litert(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    probe(path, scale)
    return litert_network(path, scale)


def litert_network(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    """A ``.tflite`` file as a function of a picture; it may end the process, see ``models.features.probe``.

    Raises:
        ValueError: LiteRT refuses it, or it takes something else than one picture.
        ToolchainMissing: LiteRT is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ToolchainMissing("a LiteRT feature network needs ai-edge-litert: pip install ai-edge-litert") from error
    try:
        with without_standard_error():  # its C++ code says what it delegates to
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: LiteRT cannot read it ({error})") from error
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[-1]
    if len(source["shape"]) != 4 or source["shape"][3] != 3:
        raise ValueError(f"{path}: its input is {list(source['shape'])}; one RGB picture (1, H, W, 3) is needed")
    _check_sides(int(source["shape"][1]), int(source["shape"][2]))
    if source["dtype"] == np.float32:
        _scaled(np.zeros((1, 1, 3), np.uint8), scale, path)

    def run(picture: Pixels) -> NDArray[np.generic]:
        resized = _resized(picture, int(source["shape"][1]), int(source["shape"][2]))
        x: NDArray[np.generic] = _scaled(resized, scale, path) if source["dtype"] == np.float32 else resized
        interpreter.set_tensor(source["index"], x[None].astype(source["dtype"]))
        interpreter.invoke()
        output = interpreter.get_tensor(sink["index"])[0]
        factor, zero = sink["quantization"]
        values = (output.astype(np.float64) - zero) * factor if factor else output
        return values.transpose(2, 0, 1) if values.ndim == 3 else values

    return run


def _squeezenet(path: Path, scale: str | None) -> Callable[[Pixels], NDArray[np.generic]]:
    import torch

    from models.features.squeezenet import SqueezeNetTaps

    network = SqueezeNetTaps.read(path)

    def run(picture: Pixels) -> NDArray[np.generic]:
        rgb = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            return network(rgb)[-1][0].numpy()

    return run
